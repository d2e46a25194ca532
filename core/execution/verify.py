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
from core.execution.not_executed import NotExecuted
from core.execution.results import SuiteRun
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
    if not delivered.tests:
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
        whole, hollowed = Path(temporary, "whole"), Path(temporary, "hollow")
        await asyncio.to_thread(_copy, delivered, whole)
        await asyncio.to_thread(_copy, delivered, hollowed)
        was_hollowed = await asyncio.to_thread(runner.hollow, hollowed, delivered.code)
        async with asyncio.TaskGroup() as group:
            suite = group.create_task(runner.run(whole, delivered.tests, delivered.code, sandbox, limits))
            hollow = group.create_task(_hollow_run(runner, delivered, hollowed, sandbox, limits, was_hollowed))
    return judge(delivered, suite.result(), hollow.result())


NO_TESTS_HINT = "switch the QA engineer on, or write an example into the task, such as f(2) == 4"


async def _hollow_run(
    runner: Runner, delivered: Deliverable, tree: Path, sandbox: Sandbox, limits: Limits, was_hollowed: Sequence[str]
) -> SuiteRun | None:
    if not was_hollowed:
        return None
    return await runner.run(tree, delivered.tests, delivered.code, sandbox, limits)


def _copy(delivered: Deliverable, target: Path) -> None:
    """Copy the delivered files, and nothing else that lies in the folder; one that has gone is left out."""
    target.mkdir(parents=True)
    for path in delivered.files:
        source, copy = delivered.folder / path, target / path
        if source.is_file() and not source.is_symlink():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
