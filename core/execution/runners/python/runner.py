"""Runs tests with pytest: a collection and an execution, each in its own sandbox and its own copy of the tree."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from core.execution.file_work import to_thread_to_its_end
from core.execution.not_executed import NotExecuted
from core.execution.results import BrokenFile, CaseResult, SuiteRun
from core.execution.runners.disagreement import find_disagreement
from core.execution.runners.python.environment import PythonEnvironment, build_environment, find_installed
from core.execution.runners.python.packages import PythonNeeds, find_needs
from core.execution.runners.python.report import PytestReport, read_report
from core.execution.runners.python.settings import find_settings, refusal
from core.execution.runners.runner import Runner, changed_files, fingerprints
from core.execution.runners.words import explained
from core.execution.sandbox.command import CommandResult, Limits, SandboxedCommand
from core.execution.sandbox.sandbox import Sandbox
from core.text.install_hints import install
from core.text.sanitize import strip_controls

SCRATCH_PREFIX = "quintet-pytest-"
REPORT_BYTES = 8 << 20
LARGEST_OUTPUT_CHARS = 16_000
COLLECT = ("--collect-only",)
USAGE_ERROR = 4


class PytestRunner(Runner):
    """Tests in Python, as `python -m pytest` in the delivered folder would run them."""

    name: ClassVar[str] = "pytest"
    test_suffixes: ClassVar[tuple[str, ...]] = (".py",)

    async def unavailable(self, sandbox: Sandbox) -> NotExecuted | None:  # noqa: ARG002  # its interpreter is ours
        """Return that pytest is not installed beside Quintet, if it is not."""
        if await asyncio.to_thread(find_installed, "pytest") is not None:
            return None
        return NotExecuted("pytest is not installed beside Quintet", install("pytest"))

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
        """Collect and execute tests; a package that is declared, imported and not installed here ends it before."""
        with tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, ignore_cleanup_errors=True) as scratch:
            prepared = await to_thread_to_its_end(_prepare, tree, (*test_paths, *code_paths), scratch)
            if isinstance(prepared, NotExecuted):
                return prepared
            async with asyncio.TaskGroup() as group:
                executing = group.create_task(_execute(prepared.tree, test_paths, (), prepared, sandbox, limits))
                collecting = (
                    group.create_task(_execute(prepared.copy, test_paths, COLLECT, prepared, sandbox, limits))
                    if collects
                    else executing
                )
            changed = await asyncio.to_thread(changed_files, prepared.tree, prepared.before)
        return _suite_run(prepared, test_paths, limits, collecting.result(), executing.result(), changed)


@dataclass(frozen=True, slots=True)
class _Prepared:
    tree: Path
    copy: Path  # for the collection: importing tests may leave files behind
    environment: PythonEnvironment
    needs: PythonNeeds
    before: Mapping[str, bytes]


def _prepare(tree: Path, paths: Sequence[str], scratch: str) -> _Prepared | NotExecuted:
    tree, folder = tree.resolve(), Path(scratch).resolve()
    needs = find_needs(tree, paths)
    if needs.missing_declared:
        return NotExecuted(_missing_words(needs.missing_declared), install(*needs.missing_declared))
    copy = folder / "collection" / tree.name  # a tree that is a package is imported under the name of its folder
    shutil.copytree(tree, copy, symlinks=True)
    environment = build_environment(folder / "environment", needs.available)
    return _Prepared(tree, copy, environment, needs, fingerprints(tree, paths))


async def _execute(
    tree: Path,
    test_paths: Sequence[str],
    options: Sequence[str],
    prepared: _Prepared,
    sandbox: Sandbox,
    limits: Limits,
) -> tuple[CommandResult, PytestReport]:
    environment = prepared.environment
    configuration = find_settings(tree)
    arguments = [
        "-q", "--no-header", "--tb=short", "--color=no", "--maxfail=0", "--continue-on-collection-errors",
        "-p", "no:cacheprovider", f"--rootdir={tree}", f"--confcutdir={tree}",
        "-c", str(configuration or environment.empty_configuration), *options, *test_paths,
    ]  # fmt: skip
    order = {"arguments": arguments, "tests": list(test_paths)}
    result = await sandbox.run(
        SandboxedCommand(
            argv=(str(environment.python), str(environment.program)),
            folder=tree,
            readable=environment.readable,
            environment={
                "PATH": environment.search_path,
                "PYTHONHASHSEED": "0",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            stdin=json.dumps(order).encode(),
            limits=replace(limits, output_bytes=max(limits.output_bytes, REPORT_BYTES)),
        )
    )
    return result, await asyncio.to_thread(read_report, result.stdout, str(tree))


def _suite_run(
    prepared: _Prepared,
    test_paths: Sequence[str],
    limits: Limits,
    collection: tuple[CommandResult, PytestReport],
    execution: tuple[CommandResult, PytestReport],
    changed: Sequence[str],
) -> SuiteRun:
    tree, needs = prepared.tree, prepared.needs
    result, report = execution
    ended = report.ended
    end = result.end
    if end == "exited" and ended is not None and ended.signal is not None:
        end = "signalled"
    exit_code = ended.exit_code if ended is not None and end == "exited" else None
    output = strip_controls((ended.output if ended is not None else "").replace(f"{tree}/", ""))
    broken = _broken(tree, test_paths, report, exit_code, output, limits, result)
    cases = _cases(report, exit_code, limits, result)
    words = _doubt(result, report, collection[1], changed) or find_disagreement(
        "pytest", collection[1].collected, cases, broken, exit_code
    )
    return SuiteRun(
        runner="pytest",
        command=("python", "-m", "pytest", *test_paths),
        rung=result.rung,
        limits=limits,
        end=end,
        exit_code=exit_code,
        seconds=result.seconds,
        collected=tuple(collection[1].collected),
        cases=(
            *(replace(case, message=explained(case.message, needs.undeclared)) for case in cases),
            *_not_run(test_paths, report, cases, broken),
        ),
        broken=tuple(replace(each, message=explained(each.message, needs.undeclared)) for each in broken),
        output=output[-LARGEST_OUTPUT_CHARS:],
        disagreement=words if end == "exited" else "",
    )


def _doubt(result: CommandResult, report: PytestReport, collection: PytestReport, changed: Sequence[str]) -> str:
    """Return why a report cannot be believed, whatever its numbers are."""
    if report.ended is None:
        said = strip_controls(result.stderr.decode(errors="replace")).strip().splitlines()
        return f"pytest did not run to its end in the sandbox{': ' + said[-1] if said else ''}"
    if report.internal:
        return f"pytest failed: {report.internal.splitlines()[-1]}"
    if not report.is_finished:
        return f"the process of the tests ended before its report was complete, with exit code {report.ended.exit_code}"
    if report.is_unreadable or report.ended.was_cut:
        return "the report of the tests is larger than can be read, or something else has written into it"
    if report.changed:
        return f"the tests changed pytest itself: {', '.join(report.changed)}"
    if report.repeated:
        return f"the report has {report.repeated} more than once"
    if changed:
        return f"running the tests changed or deleted delivered files: {', '.join(changed[:3])}"
    if report.ended.left_behind:
        return "a process that the tests started was still running when they had ended"
    if collection.ended is None or not collection.is_finished:
        return "a separate collection of the tests did not run to its end"
    return ""


def _cases(
    report: PytestReport, exit_code: int | None, limits: Limits, result: CommandResult
) -> tuple[CaseResult, ...]:
    cases = list(report.cases.values())
    if report.running is not None:
        path, _, name = report.running.partition("::")
        cases.append(CaseResult(report.running, path, name, "error", message=_cut_short(exit_code, limits, result)))
    return tuple(cases)


def _broken(
    tree: Path,
    test_paths: Sequence[str],
    report: PytestReport,
    exit_code: int | None,
    output: str,
    limits: Limits,
    result: CommandResult,
) -> tuple[BrokenFile, ...]:
    broken = dict(report.broken)
    if not report.is_finished and report.reading is not None and report.reading not in broken:
        broken[report.reading] = BrokenFile(report.reading, f"its import {_cut_short(exit_code, limits, result)}")
    if not report.is_finished and exit_code == USAGE_ERROR and not broken:
        found = refusal(tree, test_paths, output)
        broken[found.path] = found
    return tuple(broken.values())


def _not_run(
    test_paths: Sequence[str], report: PytestReport, cases: Sequence[CaseResult], broken: Sequence[BrokenFile]
) -> Iterator[CaseResult]:
    """Yield what a report is silent about: tests that were found and taken away, and files in which there was none."""
    for case_id in report.left_out:
        path, _, name = case_id.partition("::")
        yield CaseResult(case_id, path, name, "skipped", message="it was taken away after it was collected")
    spoken_of = {
        *(case.path for case in cases),
        *(each.path for each in broken),
        *(each.partition("::")[0] for each in report.left_out),
    }
    for path in test_paths if report.is_finished else ():
        if path not in spoken_of:
            yield CaseResult(path, path, "", "skipped", message="no test was collected from it")


def _cut_short(exit_code: int | None, limits: Limits, result: CommandResult) -> str:
    if result.end == "wall_time":
        return f"did not end within {limits.wall_seconds:g} s"
    if result.end != "exited":
        return f"was ended: {result.end.replace('_', ' ')}"
    return f"ended the whole process of the tests, with exit code {exit_code}"


def _missing_words(names: Sequence[str]) -> str:
    listed = ", ".join(names)
    return (
        f"the delivered code needs {listed}, which {'is' if len(names) == 1 else 'are'} not installed "
        f"for {Path(sys.executable).name}"
    )
