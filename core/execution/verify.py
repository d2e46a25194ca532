"""Executes the tests of a delivery in a sandbox, as they are and against a hollowed copy of the code, and judges."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.execution.evidence.deliverable import Deliverable
from core.execution.evidence.evidence import Evidence
from core.execution.evidence.hollow_runs import merge_hollow_runs
from core.execution.evidence.judge import judge, not_executed
from core.execution.evidence.judge_change import judge_change
from core.execution.file_work import copy_files, to_thread_to_its_end
from core.execution.hollow.files import hollow_files, variants_of
from core.execution.hollow.variant import HollowVariant
from core.execution.not_executed import NotExecuted
from core.execution.results import SuiteRun
from core.execution.runners.runner import Runner
from core.execution.sandbox.command import Limits
from core.execution.sandbox.sandbox import Sandbox

COPY_PREFIX = "quintet-tests-"
TREE_NAME = "tree"


async def verify(
    delivered: Deliverable, runner: Runner | None, sandbox: Sandbox | NotExecuted, limits: Limits
) -> Evidence:
    """Return the evidence for a delivery; its folder is only read.

    The tests run in copies of it at once, all of which are gone when this returns or is cancelled.
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
    trouble = ""
    try:
        with tempfile.TemporaryDirectory(prefix=COPY_PREFIX, ignore_cleanup_errors=True) as temporary:
            copies = _Copies(delivered, Path(temporary), runner, sandbox, limits)
            async with asyncio.TaskGroup() as group:
                running = group.create_task(copies.run_whole())
                if delivered.base is not None:
                    without = [group.create_task(copies.run_before())]
                else:
                    without = [group.create_task(copies.run_hollow(variant)) for variant in variants_of(delivered.code)]
    except* OSError as errors:  # of several copies that fail for one reason, one is told
        trouble = _first_words(errors)
    if trouble:
        return not_executed(
            delivered, NotExecuted(f"the tests could not be copied to where they run: {trouble}", ROOM_HINT)
        )
    suite = running.result()
    if isinstance(suite, NotExecuted):
        return not_executed(delivered, suite)
    sources = await asyncio.to_thread(_sources, delivered)
    outcomes = [task.result() for task in without]
    compared = [outcome for outcome in outcomes if isinstance(outcome, SuiteRun)]
    if delivered.base is not None:
        return judge_change(delivered, suite, compared[0], sources) if compared else not_executed(delivered, NO_BASE)
    hollow = merge_hollow_runs(suite, compared) if len(compared) == len(outcomes) else None
    return judge(delivered, suite, hollow, sources)


NO_BASE = NotExecuted("the tests could not be executed in the folder as it was before the change", "")
ROOM_HINT = "free some space, or set TMPDIR to a folder that has room and can be written to"
NO_TESTS_HINT = "switch the QA engineer on, or write an example into the task, such as f(2) == 4"


def _first_words(errors: BaseExceptionGroup[BaseException]) -> str:
    error = errors.exceptions[0]
    if isinstance(error, BaseExceptionGroup):
        return _first_words(error)
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)


@dataclass(frozen=True, slots=True)
class _Copies:
    """The copies of one delivery, each in a folder of its own, and running its tests in them."""

    delivered: Deliverable
    folder: Path
    runner: Runner
    sandbox: Sandbox
    limits: Limits

    async def run_whole(self) -> SuiteRun | NotExecuted:
        tree = await self._copy("whole", self.delivered.files)
        return await self._run(tree)

    async def run_before(self) -> SuiteRun | NotExecuted:
        """Run the delivered tests against the folder as it was before the change."""
        return await self._run(await self._copy("before", self.delivered.tests))

    async def run_hollow(self, variant: HollowVariant) -> SuiteRun | NotExecuted:
        """Run the tests against code that does nothing."""
        tree = await self._copy(variant, self.delivered.files)
        hollowed = await to_thread_to_its_end(hollow_files, tree, self.delivered.code, variant)
        if not hollowed.replaced or hollowed.untouched:
            return NotExecuted("there is no hollowed copy of this code", "")
        return await self._run(tree, collects=False)

    async def _run(self, tree: Path, *, collects: bool = True) -> SuiteRun | NotExecuted:
        delivered = self.delivered
        return await self.runner.run(
            tree, delivered.all_tests, delivered.code, self.sandbox, self.limits, collects=collects
        )

    async def _copy(self, name: str, paths: Sequence[str]) -> Path:
        tree = self.folder / name / TREE_NAME
        await to_thread_to_its_end(_copy, self.delivered, tree, paths)
        return tree


def _sources(delivered: Deliverable) -> dict[str, str]:
    """Return the texts of code and tests by path, of a change those of the folder too."""
    texts: dict[str, str] = {}
    for folder, paths in (
        (delivered.base, delivered.base_tests),
        (delivered.folder, (*delivered.code, *delivered.tests)),
    ):
        for path in paths if folder is not None else ():
            file = (folder or Path()) / path
            texts[path] = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    return texts


def _copy(delivered: Deliverable, target: Path, paths: Sequence[str]) -> None:
    """Copy the base's files and above them some delivered ones, and nothing else that lies there; what has gone is left out."""
    base = [] if delivered.base is None else [delivered.base / path for path in delivered.base_files]
    sources = [*zip(base, delivered.base_files, strict=False), *((delivered.folder / path, path) for path in paths)]
    copy_files(sources, target)
