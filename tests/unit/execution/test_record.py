"""The evidence as JSON values."""

from __future__ import annotations

import json

from core.execution.evidence.judge import judge
from core.execution.evidence.record import MAX_RECORDED_TESTS, evidence_record
from tests.unit.execution.test_judge import DELIVERED, EXAMPLE, R1, R2, SMOKE, case, suite


def test_every_test_says_what_it_was_made_from_and_whether_it_proves_anything() -> None:
    whole = suite(case(R1), case(R2), case(EXAMPLE), case(SMOKE, "failed", "assert 1 == 2"))
    hollow = suite(case(R1, "failed"), case(R2), case(EXAMPLE, "failed"))

    record = evidence_record(judge(DELIVERED, whole, hollow))

    assert json.loads(json.dumps(record)) == record
    assert [(test["id"], test["made_from"], test["proves"]) for test in record["tests"]] == [
        (SMOKE, "smoke", None),
        (R1, "requirement", True),
        (R2, "requirement", False),
        (EXAMPLE, "example", True),
    ]
    assert record["run"]["counts"] == {"passed": 3, "failed": 1}


def test_what_tests_print_reaches_a_record_without_escape_sequences() -> None:
    whole = suite(case(R1, "failed", "assert '\x1b[31mred\x1b[0m' == 'x'\nsecond"))

    record = evidence_record(judge(DELIVERED, whole, None))

    assert "\x1b" not in json.dumps(record)
    assert "\n" not in record["tests"][0]["message"]


def test_of_ten_thousand_tests_those_that_are_red_are_kept() -> None:
    many = [case(f"test_slug.py::test_{number}") for number in range(10_000)]

    record = evidence_record(judge(DELIVERED, suite(*many, case(R1, "failed")), None))

    assert record["tests"][0]["id"] == R1
    assert len(record["tests"]) == MAX_RECORDED_TESTS
    assert record["tests_left_out"] == 10_001 - MAX_RECORDED_TESTS
