"""What git says has changed in a folder since its last commit, without running a program that the folder names."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.text.sanitize import normalise_newlines, plain_line, strip_controls
from core.workspace.files.listing import may_hold_secret

GIT_SECONDS = 15.0
MOST_OUTPUT_BYTES = 4_000_000
MOST_FILTERS = 100

_DIFF = (
    "diff",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--ignore-submodules=all",
    "--relative",
    "HEAD",
    "--",
    ".",
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_FILE = re.compile(r"^(?=diff --(?:git|cc|combined) )", re.MULTILINE)
_NAMES = re.compile(r'^(?:\+\+\+ "?b/|--- "?a/|rename (?:from|to) "?)(.+?)"?\t?$', re.MULTILINE)
_HEAD = re.compile(r'^diff --git "?a/(?P<name>.+?)"? "?b/')
# A folder's own settings can name programs for each of these.
_SETTINGS: Mapping[str, str] = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.pager": "cat",
    "core.quotePath": "false",
    "diff.external": "",
    "protocol.allow": "never",
}


@dataclass(frozen=True, slots=True)
class Changes:
    """A diff of whole files, and why it is not all there is; `trouble` says why there is none."""

    text: str = ""
    left_out: tuple[str, ...] = ()
    trouble: str = ""


def read_changes(root: Path, budget_bytes: int) -> Changes:
    """Return what differs from the last commit, file by file until the budget is used up; takes a while, call from a thread."""
    git = shutil.which("git")
    if git is None:
        return Changes(trouble="git is not installed")
    program = _Git(git, root)
    inside = program.run("rev-parse", "--is-inside-work-tree")
    if inside.said != "true":
        if "dubious ownership" in inside.error:
            return Changes(trouble="the repository belongs to another user, and git does not read it")
        return Changes(trouble="the folder is in no git repository")
    if not program.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}").said:
        return Changes(trouble="the repository has no commit to compare with")
    program.set_filters_off()
    diff = program.run(*_DIFF)
    if not diff.is_whole:
        return Changes(trouble=f"git diff did not end well: {diff.error or 'it is too large, or takes too long'}")
    untracked = program.run("ls-files", "--others", "--exclude-standard", "--", ".")
    return _within(diff.text, untracked.text.splitlines(), budget_bytes)


def _within(diff: str, untracked: Sequence[str], budget_bytes: int) -> Changes:
    kept: list[str] = []
    left_out: list[str] = []
    used = 0
    for part in filter(None, _FILE.split(diff)):
        names = set(_NAMES.findall(part)) - {"/dev/null"}
        head = _HEAD.match(part)
        name = plain_line(head["name"] if head is not None else next(iter(sorted(names)), "a file"), limit=200)
        size = len(part.encode())
        if any(may_hold_secret(each.rsplit("/", 1)[-1]) for each in {*names, name}) or _PRIVATE_KEY.search(part):
            left_out.append(f"changes of {name}: may hold a secret")
        elif used + size > budget_bytes:
            left_out.append(f"changes of {name}: no room left")
        else:
            kept.append(part.rstrip("\n"))
            used += size
    new = [plain_line(name, limit=200) for name in untracked if not may_hold_secret(name.rsplit("/", 1)[-1])]
    if new:
        kept.append("New files that git does not track:\n" + "\n".join(new[:50]))
    if not kept and not left_out:
        return Changes(trouble="nothing has changed since the last commit")
    return Changes("\n".join(kept), tuple(left_out))


@dataclass(frozen=True, slots=True)
class _Said:
    text: str
    error: str
    is_whole: bool

    @property
    def said(self) -> str:
        return self.text.strip() if self.is_whole else ""


class _Git:
    """The program git in one folder, without the user's GIT_* variables, hooks, pagers, monitors and filters."""

    def __init__(self, program: str, root: Path) -> None:
        self._program = program
        self._root = root
        self._settings = dict(_SETTINGS)

    def set_filters_off(self) -> None:
        """Empty the commands that this configuration filters files with: to compare a file, git would run them."""
        found = self.run("config", "--name-only", "--get-regexp", r"^filter\..*\.(clean|smudge|process|required)$")
        for name in list(dict.fromkeys(found.text.splitlines()))[:MOST_FILTERS]:
            self._settings[name] = "false" if name.endswith(".required") else ""

    def run(self, *arguments: str) -> _Said:
        """Return what git prints, cut at a limit of bytes and of time."""
        command = [self._program, "--no-pager", "--no-optional-locks", "-C", str(self._root), *arguments]
        try:
            process = subprocess.Popen(  # noqa: S603 - git itself, with fixed arguments
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._environment(),
            )
        except OSError as error:
            return _Said("", error.strerror or "it cannot be started", is_whole=False)
        errors: list[bytes] = []
        assert process.stdout is not None and process.stderr is not None  # noqa: S101,PT018 - they are pipes
        listener = threading.Thread(
            target=lambda pipe: errors.append(pipe.read(MOST_OUTPUT_BYTES)), args=(process.stderr,)
        )
        timer = threading.Timer(GIT_SECONDS, process.kill)
        with process:
            listener.start()
            timer.start()
            try:
                output = process.stdout.read(MOST_OUTPUT_BYTES + 1)
                if len(output) > MOST_OUTPUT_BYTES:
                    process.kill()
                process.wait()
            finally:
                timer.cancel()
                process.kill()
                listener.join()
        text = normalise_newlines(strip_controls(output.decode(errors="replace")))
        said = plain_line(b"".join(errors).decode(errors="replace"), limit=300)
        return _Said(text, said, is_whole=process.returncode == 0 and len(output) <= MOST_OUTPUT_BYTES)

    def _environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.upper().startswith("GIT_")}
        given = {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_CONFIG_COUNT": str(len(self._settings)),
            "LC_ALL": "C",
        }
        for number, (name, value) in enumerate(self._settings.items()):
            given |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        return own | given
