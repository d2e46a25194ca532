"""Tries the commands of a README in the sandbox, one after the other, in a copy of the delivered folder."""

from __future__ import annotations

import asyncio
import math
import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from core.execution.file_work import copy_files, to_thread_to_its_end
from core.execution.not_executed import NotExecuted
from core.execution.readme.commands import ShellCommand, read_shell_commands
from core.execution.readme.excuses import is_told, is_told_endless, what_it_lacks
from core.execution.readme.outcome import CommandOutcome
from core.execution.readme.sorting import NotTried, Sorter, ToTry
from core.execution.runners.python.environment import PythonEnvironment, build_environment
from core.execution.runners.python.packages import declared_requirements, find_needs
from core.execution.sandbox.command import CommandResult, Limits, SandboxedCommand
from core.execution.sandbox.sandbox import Sandbox
from core.execution.sandbox.visible import interpreter_paths
from core.kinds import EvidenceVerdict
from core.text.sanitize import strip_controls

COPY_PREFIX = "quintet-readme-"
TREE_NAME = "tree"
COMMAND_SECONDS = 10.0
ALL_SECONDS = 60.0
MOST_TRIED = 20
MOST_OUTPUT_LINES = 6
MOST_OUTPUT_CHARACTERS = 600
USAGE_ERROR = 2
TESTS_RED = 1
_USAGE = re.compile(r"^usage:", re.IGNORECASE | re.MULTILINE)
_TOOL = "import sys\nfrom pytest import console_main\nsys.exit(console_main())\n"


@dataclass(frozen=True, slots=True)
class DocumentedFolder:
    """A delivered folder, which is only read, and the README that it is to have; `files` are relative to it."""

    folder: Path
    files: tuple[str, ...]
    readme_path: str
    readme: str
    verdict: EvidenceVerdict


async def try_commands(
    documented: DocumentedFolder,
    sandbox: Sandbox | NotExecuted,
    test_limits: Limits,
    *,
    command_seconds: float = COMMAND_SECONDS,
) -> tuple[CommandOutcome, ...]:
    """Return what became of each command of the README; a run of the project's tests may use `test_limits`."""
    commands = read_shell_commands(documented.readme)
    if isinstance(sandbox, NotExecuted):
        return tuple(CommandOutcome(each.line, each.text, "not_run", sandbox.reason) for each in commands)
    if not commands:
        return ()
    with tempfile.TemporaryDirectory(prefix=COPY_PREFIX, ignore_cleanup_errors=True) as temporary:
        prepared = await to_thread_to_its_end(_prepare, documented, temporary)
        trial = _Trial(documented, prepared, sandbox, test_limits, command_seconds)
        return tuple([await trial.outcome_of(command) for command in commands])


@dataclass(frozen=True, slots=True)
class _Prepared:
    tree: Path
    environment: PythonEnvironment
    declared: frozenset[str]
    readable: tuple[Path, ...]
    search_path: str


def _prepare(documented: DocumentedFolder, temporary: str) -> _Prepared:
    folder = Path(temporary).resolve()
    tree = folder / TREE_NAME
    copy_files([(documented.folder / path, path) for path in documented.files], tree)
    (tree / documented.readme_path).write_text(documented.readme, encoding="utf-8")
    needs = find_needs(tree, documented.files)
    environment = build_environment(folder / "environment", needs.available)
    tool = environment.python.parent / "pytest"
    tool.write_text(f"#!{environment.python}\n{_TOOL}", encoding="utf-8")
    tool.chmod(0o755)
    readable, search_path = environment.readable, environment.search_path
    node = shutil.which("node")
    if node is not None:
        readable = (*readable, *interpreter_paths(Path(node)))
        search_path = f"{search_path}:{Path(node).parent}"
    declared = frozenset(canonicalize_name(each.name) for each in declared_requirements(tree))
    return _Prepared(tree, environment, declared, readable, search_path)


class _Trial:
    """The commands of one README, as far as they have been tried."""

    def __init__(
        self,
        documented: DocumentedFolder,
        prepared: _Prepared,
        sandbox: Sandbox,
        test_limits: Limits,
        command_seconds: float,
    ) -> None:
        self._documented = documented
        self._prepared = prepared
        self._sandbox = sandbox
        self._test_limits = test_limits
        cpu_seconds = math.ceil(command_seconds)
        self._limits = replace(test_limits, wall_seconds=command_seconds, cpu_seconds=cpu_seconds)
        self._sorter = Sorter(documented.files, prepared.declared)
        self._lines = documented.readme.splitlines()
        self._seconds = 0.0
        self._tried = 0

    async def outcome_of(self, command: ShellCommand) -> CommandOutcome:
        """Try one command, or say why not."""
        sorted_ = self._sorter.sort(command.text)
        if isinstance(sorted_, NotTried):
            return CommandOutcome(command.line, command.text, sorted_.result, sorted_.why)
        if self._tried == MOST_TRIED or self._seconds > ALL_SECONDS:
            why = f"the first {self._tried} took {self._seconds:.0f} s, and no more are tried"
            return CommandOutcome(command.line, command.text, "not_run", why)
        self._tried += 1
        done = await self._run(sorted_)
        self._seconds += done.seconds
        output = await asyncio.to_thread(self._output, done)
        outcome = CommandOutcome(
            command.line, command.text, "ran", "", done.exit_code, done.seconds, _last_lines(output)
        )
        return self._judged(outcome, sorted_, done, output)

    async def _run(self, command: ToTry) -> CommandResult:
        return await self._sandbox.run(
            SandboxedCommand(
                ("bash" if shutil.which("bash") else "sh", "-c", command.script),
                self._prepared.tree,
                readable=self._prepared.readable,
                environment={
                    "PATH": self._prepared.search_path,
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "NO_COLOR": "1",
                },
                limits=self._test_limits if command.is_test else self._limits,
            )
        )

    def _judged(self, outcome: CommandOutcome, command: ToTry, done: CommandResult, output: str) -> CommandOutcome:
        if done.end in {"wall_time", "cpu_time"}:
            if is_told_endless(self._documented.readme):
                return replace(outcome, result="not_run", why="it runs until it is stopped, as the README says")
            return replace(outcome, result="endless", why=f"had not ended after {done.seconds:.0f} s")
        if done.end != "exited":
            return replace(outcome, result="failed", why=f"was ended: {done.end.replace('_', ' ')}")
        if done.exit_code == 0:
            return outcome
        if command.is_test and done.exit_code == TESTS_RED and self._documented.verdict != "pass":
            return replace(outcome, why="exit code 1: tests are red, and the verdict is no pass")
        if command.is_bare and done.exit_code == USAGE_ERROR and _USAGE.search(output):
            return replace(outcome, why="exit code 2: it says how it is used")
        lacks = what_it_lacks(output, outcome.command.split(), self._own_names(), frozenset(self._documented.files))
        if lacks:
            return replace(outcome, result="not_run", why=lacks)
        if is_told(self._lines, outcome.line, output):
            return replace(outcome, why=f"exit code {done.exit_code}, as the README says")
        return replace(outcome, result="failed", why=f"ended with exit code {done.exit_code}")

    def _own_names(self) -> frozenset[str]:
        return frozenset(part for path in self._documented.files for part in Path(path).with_suffix("").parts)

    def _output(self, done: CommandResult) -> str:
        printed = (done.stdout + b"\n" + done.stderr).decode(errors="replace")
        return strip_controls(printed.replace(f"{self._prepared.tree}/", ""))


def _last_lines(output: str) -> str:
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    return "\n".join(lines[-MOST_OUTPUT_LINES:])[-MOST_OUTPUT_CHARACTERS:]
