"""The verdict of executed tests, and who is at fault, as tables of what was executed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.execution.evidence.deliverable import Deliverable
from core.execution.evidence.judge import judge, not_executed
from core.execution.not_executed import NotExecuted
from core.execution.results import BrokenFile, CaseResult, CodePlace, SuiteRun
from core.execution.sandbox.command import Limits
from core.kinds import CaseOutcome, CommandEnd

DELIVERED = Deliverable(
    folder=Path("out"),
    files=("slug.py", "util.py", "test_slug.py", "test_examples.py", "test_smoke.py"),
    code=("slug.py", "util.py"),
    tests=("test_slug.py", "test_examples.py", "test_smoke.py"),
    language="Python",
    example_tests=("test_examples.py",),
    smoke_tests=("test_smoke.py",),
)


def case(name: str, outcome: CaseOutcome = "passed", message: str = "", place: CodePlace | None = None) -> CaseResult:
    path, _, rest = name.partition("::")
    return CaseResult(id=name, path=path, name=rest, outcome=outcome, message=message, place=place)


def suite(
    *cases: CaseResult,
    end: CommandEnd = "exited",
    broken: tuple[BrokenFile, ...] = (),
    disagreement: str = "",
    exit_code: int | None = None,
) -> SuiteRun:
    red = bool(broken) or any(each.outcome not in {"passed", "skipped", "expected_failure"} for each in cases)
    return SuiteRun(
        runner="pytest",
        command=("pytest",),
        rung="bubblewrap",
        limits=Limits(),
        end=end,
        exit_code=exit_code if exit_code is not None else (int(red) if end == "exited" else None),
        seconds=0.1,
        collected=tuple(each.id for each in cases),
        cases=cases,
        broken=broken,
        disagreement=disagreement,
    )


R1, R2 = "test_slug.py::test_r1", "test_slug.py::test_r2"
EXAMPLE, SMOKE = "test_examples.py::test_example_1", "test_smoke.py::test_runs"


@pytest.mark.parametrize(
    ("whole", "hollow", "verdict"),
    [
        (suite(case(R1)), suite(case(R1, "failed")), "pass"),
        (suite(case(R1), case(R2)), suite(case(R1, "failed"), case(R2)), "pass"),
        (suite(case(R1)), suite(broken=(BrokenFile("test_slug.py", "hollow"),)), "pass"),
        (suite(case(R1)), suite(case(R1)), "unproven"),
        (suite(case(R1)), None, "unproven"),
        (suite(case(R1)), suite(end="wall_time"), "unproven"),
        (suite(case(SMOKE)), suite(case(SMOKE, "failed")), "unproven"),
        (suite(case(SMOKE), case(EXAMPLE)), suite(case(SMOKE, "failed"), case(EXAMPLE, "failed")), "pass"),
        (suite(), suite(), "unproven"),
        (suite(exit_code=5), suite(exit_code=5), "unproven"),
        (suite(case(R1), case(R2, "skipped")), suite(case(R1, "failed")), "unproven"),
        (suite(case(R1), case(R2, "expected_failure")), suite(case(R1, "failed")), "unproven"),
        (suite(case(R1), case(R2, "unexpected_pass")), suite(case(R1, "failed")), "fail"),
        (suite(case(R1, "failed", "assert 1 == 2")), suite(case(R1, "failed")), "fail"),
        (suite(case(R1), case(R2, "error")), suite(case(R1, "failed")), "fail"),
        (suite(broken=(BrokenFile("test_slug.py", "SyntaxError"),)), suite(), "fail"),
        (suite(case(R1), end="wall_time"), suite(case(R1, "failed")), "fail"),
        (suite(case(R1), end="memory"), suite(case(R1, "failed")), "fail"),
        (suite(case(R1), end="processes"), None, "fail"),
        (suite(case(R1), end="lost"), None, "fail"),
        (suite(case(R1), disagreement="2 collected, 1 reported"), suite(case(R1, "failed")), "unproven"),
        (suite(case(R1), disagreement="1 reported", exit_code=3), suite(case(R1, "failed")), "fail"),
        (suite(case(R1), exit_code=1), suite(case(R1, "failed")), "unproven"),
    ],
)
def test_only_tests_that_ran_green_agree_and_go_red_without_the_code_are_a_pass(
    whole: SuiteRun, hollow: SuiteRun | None, verdict: str
) -> None:
    evidence = judge(DELIVERED, whole, hollow)

    assert evidence.verdict == verdict
    assert evidence.reason


PLACE = CodePlace("util.py", 7)


@pytest.mark.parametrize(
    ("whole", "hollow", "culprit", "path"),
    [
        (suite(case(R1, "failed", "assert 1 == 2")), None, "developer", "slug.py"),
        (suite(case(R1, "failed", "ValueError: no", PLACE)), None, "developer", "util.py"),
        (suite(case(R1, "failed", "NameError: name 'slugg' is not defined")), None, "qa", "test_slug.py"),
        (suite(case(R1, "error", "fixture 'client' not found")), None, "qa", "test_slug.py"),
        (suite(case(EXAMPLE, "failed", "TypeError: slug() takes 1")), None, "developer", "slug.py"),
        (suite(case(R1, "skipped")), None, "qa", "test_slug.py"),
        (suite(broken=(BrokenFile("test_slug.py", "SyntaxError: invalid syntax"),)), None, "qa", "test_slug.py"),
        (suite(broken=(BrokenFile("test_slug.py", "ZeroDivisionError", place=PLACE),)), None, "developer", "util.py"),
        (suite(broken=(BrokenFile("test_examples.py", "ImportError"),)), None, "developer", "slug.py"),
        (suite(end="wall_time"), suite(case(R1, "failed")), "developer", "slug.py"),
        (suite(end="wall_time"), suite(end="wall_time"), "qa", "test_slug.py"),
        (suite(end="memory"), suite(case(R1, "failed")), "developer", "slug.py"),
        (suite(case(R1), disagreement="2 collected, 1 reported"), None, "qa", "test_slug.py"),
        (suite(case(R1)), suite(case(R1)), "qa", "test_slug.py"),
    ],
)
def test_who_is_at_fault_has_the_file_to_write_again(
    whole: SuiteRun, hollow: SuiteRun | None, culprit: str, path: str
) -> None:
    finding = judge(DELIVERED, whole, hollow).findings[0]

    assert (finding.culprit, finding.path) == (culprit, path)


@pytest.mark.parametrize(
    ("cases", "doubtful"),
    [
        ((case(R1, "failed", "assert 1 == 2"),), False),
        ((case(R1, "failed", "assert 1 == 2"), case(EXAMPLE)), True),
        ((case(R1, "failed", "assert 1 == 2"), case(EXAMPLE, "failed")), False),
        ((case(R1, "failed", "ValueError", PLACE), case(EXAMPLE)), False),
    ],
)
def test_an_expectation_is_doubtful_only_where_every_given_example_is_green(
    cases: tuple[CaseResult, ...], doubtful: bool
) -> None:
    evidence = judge(DELIVERED, suite(*cases), None)

    assert any(finding.is_doubtful for finding in evidence.findings if finding.case_id == R1) is doubtful


def test_examples_are_told_first() -> None:
    evidence = judge(DELIVERED, suite(case(R1, "failed", "assert 0"), case(EXAMPLE, "failed", "assert 0")), None)

    assert [finding.case_id for finding in evidence.findings] == [EXAMPLE, R1]


def test_what_was_not_executed_says_why_and_what_to_do() -> None:
    evidence = not_executed(replace(DELIVERED, untested_examples=("f(x)",)), NotExecuted("no sandbox", "install it"))

    assert (evidence.verdict, evidence.reason, evidence.hint) == ("not_executed", "no sandbox", "install it")
    assert (evidence.green, evidence.red_ids, evidence.untested_examples) == (0, (), ("f(x)",))
