"""The verdict on a change of a folder, as a table of what was green before and after."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.execution.evidence.deliverable import Deliverable
from core.execution.evidence.judge_change import judge_change
from core.execution.results import BrokenFile, SuiteRun
from tests.unit.execution.test_judge import case, suite

CHANGED = Deliverable(
    folder=Path("out"),
    files=("slug.py", "test_bug.py"),
    code=("slug.py",),
    tests=("test_bug.py",),
    language="Python",
    base=Path("workspace"),
    base_tests=("test_slug.py",),
)
BUG, OLD, OTHER = "test_bug.py::test_r1", "test_slug.py::test_old", "test_slug.py::test_other"
BROKEN_OLD = (BrokenFile("test_slug.py", "ImportError"),)


@pytest.mark.parametrize(
    ("before", "after", "verdict", "culprit"),
    [
        (suite(case(BUG, "failed"), case(OLD)), suite(case(BUG), case(OLD)), "pass", None),
        (suite(broken=(BrokenFile("test_bug.py", "ImportError"),)), suite(case(BUG)), "pass", None),
        (suite(case(BUG), case(OLD)), suite(case(BUG), case(OLD)), "unproven", "qa"),
        (suite(case(BUG, "failed"), case(OLD)), suite(case(BUG, "failed", "assert 1"), case(OLD)), "fail", "developer"),
        (suite(case(BUG, "failed"), case(OLD)), suite(case(BUG), case(OLD, "failed", "assert 1")), "fail", "developer"),
        (suite(case(BUG, "failed"), case(OLD)), suite(case(BUG)), "fail", "developer"),
        (suite(case(BUG, "failed"), case(OLD, "failed")), suite(case(BUG), case(OLD, "failed")), "pass", None),
        (suite(case(BUG, "failed"), case(OLD, "skipped")), suite(case(BUG), case(OLD, "skipped")), "pass", None),
        (suite(case(BUG, "failed"), broken=BROKEN_OLD), suite(case(BUG), broken=BROKEN_OLD), "pass", None),
        (suite(case(BUG, "failed"), case(OLD)), suite(case(BUG), broken=BROKEN_OLD), "fail", "developer"),
        (suite(case(BUG, "failed")), suite(case(BUG), end="wall_time"), "fail", "developer"),
    ],
)
def test_a_change_passes_if_what_was_red_is_green_and_nothing_else_became_red(
    before: SuiteRun, after: SuiteRun, verdict: str, culprit: str | None
) -> None:
    evidence = judge_change(CHANGED, after, before)

    assert evidence.verdict == verdict
    assert evidence.reason
    assert (evidence.findings[0].culprit if evidence.findings else None) == culprit


def test_what_was_red_before_and_still_is_is_told() -> None:
    before = suite(case(BUG, "failed"), case(OLD, "failed"), case(OTHER))
    evidence = judge_change(CHANGED, suite(case(BUG), case(OLD, "failed"), case(OTHER)), before)

    assert evidence.red_before == (OLD,)
    assert "1 of the folder's own were red before" in evidence.reason
