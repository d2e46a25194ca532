"""Who is at fault when tests are not green, and which file has to be written again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import assert_never

from core.execution.evidence.deliverable import Deliverable
from core.execution.evidence.evidence import TaskFinding
from core.execution.evidence.suspects import Suspects
from core.execution.results import BrokenFile, CaseResult, SuiteRun
from core.kinds import CommandEnd, Culprit

ASSERTIONS = ("assert", "AssertionError", "Failed: DID NOT RAISE", "DID NOT")


def find_faults(
    delivered: Deliverable, suite: SuiteRun, hollow: SuiteRun | None, sources: Mapping[str, str] | None = None
) -> tuple[TaskFinding, ...]:
    """Return what has to be mended, most telling first: examples of the task, other red tests, broken files, the run itself.

    A test file that cannot be collected is QA's, unless delivered code raised while it was imported. A red test is the
    developer's, unless the test itself raised something that is no assertion and no delivered code took part in it. A
    run that hit a limit is QA's if it hits it against the hollowed copy too, where no delivered code runs.

    `sources` are the texts of the files by path. Where a red test speaks of a file that imports another one that is
    under suspicion, the finding is about that other: what is built on it may be right.
    """
    suspects = Suspects(sources or {}, delivered.code)
    findings = [
        *_narrowed(suspects, list(_of_cases(delivered, suite, suspects))),
        *(_of_broken(delivered, broken) for broken in suite.broken),
    ]
    if suite.end != "exited" and not findings:
        findings.append(_of_limit(delivered, suite, hollow))
    elif suite.disagreement and not findings:
        findings.append(TaskFinding("qa", _first(delivered.tests), suite.disagreement, detail=suite.output))
    return tuple(findings)


def _narrowed(suspects: Suspects, findings: list[TaskFinding]) -> list[TaskFinding]:
    accused = frozenset(finding.path for finding in findings if finding.culprit == "developer")
    return [
        replace(finding, path=suspects.deepest(finding.path, accused)) if finding.culprit == "developer" else finding
        for finding in findings
    ]


def _of_cases(delivered: Deliverable, suite: SuiteRun, suspects: Suspects) -> Iterator[TaskFinding]:
    examples_are_green = all(
        case.outcome == "passed" for case in suite.cases if case.path in delivered.example_tests
    ) and any(case.path in delivered.example_tests for case in suite.cases)
    for case in sorted(suite.cases, key=lambda case: case.path not in delivered.example_tests):
        match case.outcome:
            case "passed":
                continue
            case "skipped":
                why = f" ({case.message})" if case.message else ""
                text = f"{case.id} was skipped{why}: a test that does not run proves nothing"
                yield TaskFinding("qa", case.path, text, case.id)
            case "expected_failure":
                yield TaskFinding(
                    "qa", case.path, f"{case.id} is marked as expected to fail, which proves nothing", case.id
                )
            case "unexpected_pass":
                yield TaskFinding("qa", case.path, f"{case.id} is marked as expected to fail, and passes", case.id)
            case "failed" | "error":
                yield _of_red(delivered, case, suspects, examples_are_green=examples_are_green)
            case outcome:
                assert_never(outcome)


def _of_red(delivered: Deliverable, case: CaseResult, suspects: Suspects, *, examples_are_green: bool) -> TaskFinding:
    text = f"{case.id}: {case.message}" if case.message else f"{case.id} is red"
    is_assertion = case.outcome == "failed" and (not case.message or case.message.startswith(ASSERTIONS))
    if case.path in delivered.example_tests or is_assertion or case.place is not None:
        path = suspects.of_test(case) or code_under_test(delivered, case.path)
        path = case.place.path if case.place is not None else path
        doubtful = is_assertion and examples_are_green and case.path not in delivered.example_tests
        return TaskFinding("developer", path, text, case.id, case.detail, case.place, is_doubtful=doubtful)
    return TaskFinding("qa", case.path, text, case.id, case.detail)


def _of_broken(delivered: Deliverable, broken: BrokenFile) -> TaskFinding:
    culprit: Culprit = "qa"
    path = broken.path
    if broken.place is not None:
        culprit, path = "developer", broken.place.path
    elif broken.path in delivered.example_tests:
        culprit, path = "developer", code_under_test(delivered, broken.path)
    return TaskFinding(culprit, path, f"{broken.path}: {broken.message}", "", broken.detail, broken.place)


def _of_limit(delivered: Deliverable, suite: SuiteRun, hollow: SuiteRun | None) -> TaskFinding:
    text = limit_words(suite.end, suite.limits.wall_seconds)
    if hollow is not None and hollow.end == suite.end:
        return TaskFinding(
            "qa", _first(delivered.tests), f"{text}, also without the delivered code", detail=suite.output
        )
    return TaskFinding("developer", _first(delivered.code), text, detail=suite.output)


def limit_words(end: CommandEnd, wall_seconds: float) -> str:
    """Say how a test run ended that did not end by itself."""
    match end:
        case "wall_time":
            return f"the tests did not end within {wall_seconds:g} s"
        case "cpu_time":
            return "the tests used up their processor time"
        case "memory":
            return "the tests used up their memory"
        case "processes":
            return "the tests started too many processes"
        case "disk":
            return "the tests filled the disk"
        case "output":
            return "the tests printed too much"
        case "signalled":
            return "the tests were ended by a signal"
        case "lost":
            return "the sandbox broke while the tests ran"
        case "exited":
            return "the tests ended by themselves"
        case _:
            assert_never(end)


def code_under_test(delivered: Deliverable, test_path: str) -> str:
    """Return the code file that a test is most likely about: named like it, else the first."""
    stem = PurePosixPath(test_path).name.split(".")[0].removeprefix("test_").removesuffix("_test")
    named = [path for path in delivered.code if PurePosixPath(path).stem == stem]
    return named[0] if named else _first(delivered.code)


def _first(paths: tuple[str, ...]) -> str:
    return paths[0] if paths else ""
