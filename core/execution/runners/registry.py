"""Every test runner there is, and which of them a set of test files asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.execution.runners.cargo.runner import CargoRunner
from core.execution.runners.golang.runner import GoRunner
from core.execution.runners.node.runner import NodeRunner
from core.execution.runners.python.runner import PytestRunner
from core.execution.runners.runner import Runner
from core.execution.runners.shell.runner import ShellRunner

RUNNERS: Mapping[str, Runner] = {
    runner.name: runner for runner in (PytestRunner(), NodeRunner(), CargoRunner(), GoRunner(), ShellRunner())
}


def runner_for(test_paths: Sequence[str]) -> Runner | None:
    """Return the runner of the language that test files are in; None when no runner knows them, or they are mixed."""
    wanted = {_runner_of(path) for path in test_paths}
    return RUNNERS[name] if len(wanted) == 1 and (name := next(iter(wanted))) is not None else None


def _runner_of(path: str) -> str | None:
    return next((name for name, runner in RUNNERS.items() if path.endswith(runner.test_suffixes)), None)
