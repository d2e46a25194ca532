"""Executes the tests of a delivery in a sandbox, as they are and against a hollowed copy of the code, and judges."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from core.execution.evidence.deliverable import Deliverable
from core.execution.evidence.evidence import Evidence
from core.execution.evidence.judge import judge, not_executed
from core.execution.evidence.judge_change import judge_change
from core.execution.not_executed import NotExecuted
from core.execution.runners.runner import Runner
from core.execution.sandbox.command import Limits
from core.execution.sandbox.sandbox import Sandbox

COPY_PREFIX = "quintet-tests-"


async def verify(
    delivered: Deliverable, runner: Runner | None, sandbox: Sandbox | NotExecuted, limits: Limits
) -> Evidence:
    """Return the evidence for a delivery; its folder is only read.

    The tests run in two copies of it at once, both of which are gone when this returns or is cancelled.
    """
    tests = delivered.all_tests
    if not tests:
        return not_executed(delivered, NotExecuted("there are no tests, and the task gives no example", NO_TESTS_HINT))
    if runner is None:
        reason = f"there is no test runner for {delivered.language}"
        return not_executed(delivered, NotExecuted(reason, "run the tests yourself"))
    if isinstance(sandbox, NotExecuted):
        return not_executed(delivered, sandbox)
    missing = await runner.unavailable(sandbox)
    if missing is not None:
        return not_executed(delivered, missing)
    with tempfile.TemporaryDirectory(prefix=COPY_PREFIX, ignore_cleanup_errors=True) as temporary:
        whole, without = Path(temporary, "whole"), Path(temporary, "without")
        await asyncio.to_thread(_copy, delivered, whole, delivered.files)
        can_compare = await asyncio.to_thread(_copy_without_code, delivered, runner, without)
        async with asyncio.TaskGroup() as group:
            suite = group.create_task(runner.run(whole, tests, delivered.code, sandbox, limits))
            if can_compare:
                compared = group.create_task(runner.run(without, tests, delivered.code, sandbox, limits))
    if delivered.base is not None:
        return judge_change(delivered, suite.result(), compared.result())
    return judge(delivered, suite.result(), compared.result() if can_compare else None)


NO_TESTS_HINT = "switch the QA engineer on, or write an example into the task, such as f(2) == 4"


def _copy_without_code(delivered: Deliverable, runner: Runner, target: Path) -> bool:
    """Make the tree to compare with: as it was before a change, or hollowed; False if there can be none."""
    if delivered.base is not None:
        _copy(delivered, target, delivered.tests)
        return True
    _copy(delivered, target, delivered.files)
    return bool(runner.hollow(target, delivered.code))


def _copy(delivered: Deliverable, target: Path, paths: Sequence[str]) -> None:
    """Copy the base's files and above them some delivered ones, and nothing else that lies there; what has gone is left out."""
    target.mkdir(parents=True)
    base = [] if delivered.base is None else [delivered.base / path for path in delivered.base_files]
    sources = [*zip(base, delivered.base_files, strict=False), *((delivered.folder / path, path) for path in paths)]
    for source, path in sources:
        copy = target / path
        if source.is_file() and not source.is_symlink():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
