"""Runs tests that are shell scripts: exit code 0 is a pass, and each test has a sandbox of its own."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from core.execution.not_executed import NotExecuted
from core.execution.results import BrokenFile, CaseResult, CodePlace, SuiteRun
from core.execution.runners.disagreement import find_disagreement
from core.execution.runners.runner import Runner, changed_files, fingerprints
from core.execution.runners.shell.script import ShellTest, interpreter_of, tests_of
from core.execution.sandbox.command import CommandResult, Limits, SandboxedCommand
from core.execution.sandbox.sandbox import Sandbox
from core.kinds import CaseOutcome, CommandEnd
from core.text.sanitize import one_line, strip_controls

MOST_DETAIL_LINES = 40
MOST_DETAIL_CHARS = 4_000
LARGEST_OUTPUT_CHARS = 16_000
MOST_MESSAGE_CHARS = 300
# A test function stops at its first command that fails, as those of bats do.
_ONE_FUNCTION = 'set -e; . "$1"; "$2"'
_LINE = re.compile(r"^(?:\./)?([\w./-]+): line (\d+): ", re.MULTILINE)


class ShellRunner(Runner):
    """Each script is one test, or each of its functions named test_* if it does not call them itself."""

    name: ClassVar[str] = "shell"
    test_suffixes: ClassVar[tuple[str, ...]] = (".sh", ".bash")

    async def unavailable(self, sandbox: Sandbox) -> NotExecuted | None:  # noqa: ARG002  # shells belong to the system
        """Return that there is no bash, if there is none."""
        if shutil.which("bash") is not None:
            return None
        return NotExecuted("bash is not installed", "install bash with your package manager")

    async def run(
        self,
        tree: Path,
        test_paths: Sequence[str],
        code_paths: Sequence[str],
        sandbox: Sandbox,
        limits: Limits,
        *,
        collects: bool = True,
    ) -> SuiteRun | NotExecuted:
        """Check each script's syntax, which is the collection, then run its tests one after the other."""
        scripts = await asyncio.to_thread(_scripts, tree, test_paths)
        before = await asyncio.to_thread(fingerprints, tree, (*test_paths, *code_paths))
        suite = _Suite(tree, code_paths, sandbox, limits)
        for path, text in scripts.items():
            await suite.take(path, text)
        changed = await asyncio.to_thread(changed_files, tree, before)
        return suite.result(test_paths, changed, collects=collects)


class _Suite:
    """The tests of one run, as far as they have run."""

    def __init__(self, tree: Path, code_paths: Sequence[str], sandbox: Sandbox, limits: Limits) -> None:
        self._tree = tree
        self._code = frozenset(code_paths)
        self._sandbox = sandbox
        self._limits = limits
        self._collected: list[str] = []
        self._cases: list[CaseResult] = []
        self._broken: list[BrokenFile] = []
        self._output = ""
        self._seconds = 0.0
        self._end: CommandEnd = "exited"

    async def take(self, path: str, text: str) -> None:
        """Run the tests of one script; none is run after one that hit a limit."""
        if self._end != "exited":
            return
        checked = await self._run(interpreter_of(text), "-n", path)
        if checked.end == "exited" and checked.exit_code != 0:
            self._broken.append(BrokenFile(path, _message(checked), _detail(checked)))
            return
        tests = tests_of(path, text)
        self._collected += [test.id for test in tests]
        for test in tests:
            if self._end == "exited":
                self._cases.append(await self._case(test, interpreter_of(text)))

    async def _case(self, test: ShellTest, shell: str) -> CaseResult:
        if test.function:
            done = await self._run(shell, "-c", _ONE_FUNCTION, shell, f"./{test.path}", test.function)
        else:
            done = await self._run(shell, test.path)
        self._output = (self._output + done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace"))[
            -LARGEST_OUTPUT_CHARS:
        ]
        case = CaseResult(test.id, test.path, test.function or Path(test.path).name, "passed", done.seconds)
        if done.end == "exited" and done.exit_code == 0:
            return case
        if done.end not in {"exited", "signalled"}:
            self._end = done.end
            return replace(
                case, outcome="error", message=f"was ended: {done.end.replace('_', ' ')}", detail=_detail(done)
            )
        outcome: CaseOutcome = "failed" if done.end == "exited" else "error"
        return replace(case, outcome=outcome, message=_message(done), detail=_detail(done), place=self._place(done))

    def _place(self, done: CommandResult) -> CodePlace | None:
        """Return the line of delivered code that the shell complains of."""
        lines = _LINE.findall(done.stderr.decode(errors="replace"))
        return next((CodePlace(path, int(line)) for path, line in reversed(lines) if path in self._code), None)

    async def _run(self, *argv: str) -> CommandResult:
        left = max(self._limits.wall_seconds - self._seconds, 0.1)
        command = SandboxedCommand(argv, self._tree, limits=replace(self._limits, wall_seconds=left))
        done = await self._sandbox.run(command)
        self._seconds += done.seconds
        return done

    def result(self, test_paths: Sequence[str], changed: Sequence[str], *, collects: bool) -> SuiteRun:
        """Return what came of them; the exit code is that of a runner: 0 if all is well."""
        cases = tuple(self._cases)
        exit_code = 1 if self._broken or any(case.outcome != "passed" for case in cases) else 0
        words = find_disagreement("the shell", self._collected, cases, self._broken, exit_code) if collects else ""
        if changed:
            words = f"running the tests changed or deleted delivered files: {', '.join(changed[:3])}"
        return SuiteRun(
            runner="shell",
            command=("bash", *test_paths),
            rung=self._sandbox.name,
            limits=self._limits,
            end=self._end,
            exit_code=exit_code if self._end == "exited" else None,
            seconds=self._seconds,
            collected=tuple(self._collected),
            cases=cases,
            broken=tuple(self._broken),
            output=strip_controls(self._output),
            disagreement=words if self._end == "exited" else "",
        )


def _scripts(tree: Path, paths: Sequence[str]) -> dict[str, str]:
    return {path: (tree / path).read_text(encoding="utf-8", errors="replace") for path in paths}


def _message(done: CommandResult) -> str:
    """Return the last thing that a test said, which tests in shell use to say what is wrong."""
    lines = [line for line in (*_lines(done.stdout), *_lines(done.stderr)) if line.strip()]
    said = one_line(lines[-1], MOST_MESSAGE_CHARS) if lines else "it says nothing"
    ended = f"exit code {done.exit_code}" if done.end == "exited" else "ended by a signal"
    return f"{ended}: {said}"


def _detail(done: CommandResult) -> str:
    lines = [*_lines(done.stdout), *_lines(done.stderr)][-MOST_DETAIL_LINES:]
    return "\n".join(lines)[-MOST_DETAIL_CHARS:]


def _lines(output: bytes) -> list[str]:
    return strip_controls(output.decode(errors="replace")).splitlines()
