"""What goes back after red tests, and when it does not."""

from __future__ import annotations

import pytest

from core.execution.evidence.evidence import Evidence, TaskFinding
from core.execution.results import CodePlace
from core.kinds import Culprit, EvidenceVerdict
from core.workflow.verification.rework import code_around, decide, rework_texts

RED = TaskFinding("developer", "slug.py", "test_slug.py::test_r1: assert 'a' == 'b'", "test_slug.py::test_r1")
BROKEN = TaskFinding("qa", "test_slug.py", "test_slug.py: SyntaxError: invalid syntax")
NOBODY: dict[Culprit, str] = {}


def evidence(*findings: TaskFinding, verdict: EvidenceVerdict = "fail") -> Evidence:
    return Evidence(verdict, "1 of 2 tests red", findings=findings)


@pytest.mark.parametrize(
    ("what", "seen", "round_number", "absent", "culprits", "why"),
    [
        (evidence(RED), [], 0, NOBODY, {"developer"}, ""),
        (evidence(BROKEN), [], 0, NOBODY, {"qa"}, ""),
        (evidence(RED, BROKEN), [], 0, NOBODY, {"developer", "qa"}, ""),
        (evidence(RED, BROKEN), [], 0, {"qa": "QA Engineer"}, {"developer"}, ""),
        (evidence(BROKEN), [], 0, {"qa": "QA Engineer"}, set(), "switched off"),
        (evidence(RED), [("other", "other")], 1, NOBODY, {"developer"}, ""),
        (evidence(RED), [("red", "other")], 1, NOBODY, set(), "same tests are red"),
        (evidence(RED), [("other", "files")], 1, NOBODY, set(), "same files"),
        (evidence(RED), [], 3, NOBODY, set(), "after 3 rework rounds"),
        (evidence(RED), [], 2, NOBODY, {"developer"}, ""),
        (evidence(verdict="pass"), [], 0, NOBODY, set(), ""),
        (evidence(RED, verdict="not_executed"), [], 0, NOBODY, set(), ""),
        (evidence(verdict="unproven"), [], 0, NOBODY, set(), ""),
        (evidence(BROKEN, verdict="unproven"), [], 0, NOBODY, {"qa"}, ""),
    ],
)
def test_who_is_at_fault_works_again_while_that_brings_something(
    what: Evidence,
    seen: list[tuple[str, str]],
    round_number: int,
    absent: dict[Culprit, str],
    culprits: set[Culprit],
    why: str,
) -> None:
    decision = decide(what, seen=seen, now=("red", "files"), round_number=round_number, max_rounds=3, absent=absent)

    assert decision.culprits == culprits
    assert why in decision.stop_reason
    assert bool(decision.stop_reason) == bool(why)


def test_only_the_files_concerned_are_written_again_with_what_their_tests_said() -> None:
    place = CodePlace("util.py", 2)
    crash = TaskFinding("developer", "util.py", "test_slug.py::test_r2: ValueError: no", "x", "a\nb", place)

    texts = rework_texts([RED, crash, BROKEN], frozenset({"developer"}), lambda _: "def f():\n    raise ValueError\n")

    assert texts == {
        "slug.py": ("- test_slug.py::test_r1: assert 'a' == 'b'", ""),
        "util.py": (
            "- test_slug.py::test_r2: ValueError: no\n    a\n    b",
            "util.py, line 2:\n     1 def f():\n>    2     raise ValueError",
        ),
    }


def test_a_flood_of_findings_is_cut_and_counted() -> None:
    findings = [TaskFinding("developer", "slug.py", f"test_{number} is red") for number in range(9)]

    text = rework_texts(findings, frozenset({"developer"}), lambda _: "")["slug.py"].failures

    assert text.splitlines()[-1] == "- and 3 more"


@pytest.mark.parametrize("line", [1, 5, 30, 99])
def test_a_place_beyond_the_file_gives_what_there_is(line: int) -> None:
    around = code_around("\n".join(f"line {number}" for number in range(1, 31)), CodePlace("a.py", line))

    assert len(around) <= 9
    assert all(f"line {int(shown[2:6])}" in shown for shown in around)
