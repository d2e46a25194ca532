"""What a red test expects, and how the value that was derived again is put in its place."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.execution.evidence.expectation import (
    Expectation,
    read_expectation,
    read_value,
    same_value,
    with_expectation,
    with_tolerance,
    without_test,
)
from core.execution.results import CaseResult


def red(line: int) -> CaseResult:
    detail = f">       assert ...\nE       AssertionError\n\ntest_f.py:{line}: AssertionError"
    return CaseResult("test_f.py::test_r1", "test_f.py", "test_r1", "failed", detail=detail)


@pytest.mark.parametrize(
    ("line", "call", "expected"),
    [
        ("assert f(1) == 2", "f(1)", "2"),
        ("assert 2 == f(1)", "f(1)", "2"),
        ("assert f([1, 2], key='ü') == ['ß', (1,)]", "f([1, 2], key='ü')", "['ß', (1,)]"),
        ("assert f('ä') is None, 'ü'", "f('ä')", "None"),
        ("assert f(-1) == -2.5", "f(-1)", "-2.5"),
    ],
)
def test_a_call_compared_with_a_literal_is_an_expectation(line: str, call: str, expected: str) -> None:
    text = f"from f import f\n\n\ndef test_r1():\n    'ä'; {line}\n"

    found = read_expectation(text, red(5))

    assert found is not None
    assert (found.call, found.expected) == (call, expected)
    assert with_expectation(text, found, "X") == text.replace(line, line.replace(expected, "X", 1))


@pytest.mark.parametrize(
    "line",
    [
        "assert f(1)",
        "assert f(1) > 2",
        "assert f(x) == 2",
        "assert f(1) == f(2)",
        "assert f(1) == 2 == 3",
        "assert f(1) == 2 and f(2) == 3",
        "assert not f(1) == 2",
        "f(1) == 2",
        "assert (",
    ],
)
def test_anything_else_is_none(line: str) -> None:
    assert read_expectation(f"def test_r1():\n    {line}\n", red(2)) is None


def test_a_report_without_a_line_gives_no_expectation() -> None:
    case = CaseResult("test_f.py::test_r1", "test_f.py", "test_r1", "failed", detail="other.py:1: AssertionError")

    assert read_expectation("assert f(1) == 2\n", case) is None


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("[1, 2]", "[1, 2]"),
        (" `'a'` ", "'a'"),
        ("```python\n{1: 'x'}\n```", "{1: 'x'}"),
        ("f(2) == 4", "4"),
        ("f(2) -> 4.", "4.0"),
        ("f(2) returns True", "True"),
        ("4\n\nBecause two times two is four.", "4"),
        ("[\n 1,\n 2,\n]", "[1, 2]"),
        ("-3", "-3"),
        ("I think it is four", None),
        ("__import__('os').system('true')", None),
        ("", None),
        ("(" * 5000, None),
    ],
)
def test_an_answer_is_read_as_one_literal_or_not_at_all(answer: str, value: str | None) -> None:
    assert read_value(answer) == value


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1", "1.0", True),
        ("0.1", "0.10000000001", True),
        ("True", "1", False),
        ("[1, 2]", "(1, 2)", False),
        ("[1.0, 'a']", "[1, 'a']", True),
        ("{'a': 1}", "{'a': 1.0}", True),
        ("{'a': 1}", "{'b': 1}", False),
        ("None", "0", False),
        ("''", "None", False),
    ],
)
def test_values_are_compared_by_kind_and_floats_with_a_tolerance(one: str, other: str, same: bool) -> None:
    assert same_value(one, other) is same


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_every_literal_is_read_back_as_itself(value: object) -> None:
    read = read_value(repr(value))

    assert read is not None
    assert ast.literal_eval(read) == value
    assert same_value(read, repr(value))


def test_the_place_of_a_literal_counts_characters_and_not_bytes() -> None:
    text = "assert f('äöü') == 'ß'\n"

    assert read_expectation(text, red(1)) == Expectation("f('äöü')", "'ß'", 19, 22)


TWO = "import f\n\n\n@f.mark\ndef test_r1():\n    assert f(1)\n\n\ndef test_r2():\n    assert f(2)\n"


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("test_r1", "import f\n\n\n\n\ndef test_r2():\n    assert f(2)\n"),
        ("test_r2", "import f\n\n\n@f.mark\ndef test_r1():\n    assert f(1)\n"),
        ("test_r3", None),
        ("test_r1[a]", None),
    ],
)
def test_one_test_is_taken_out_of_a_file(name: str, left: str | None) -> None:
    assert without_test(TWO, name) == left


def test_the_last_test_of_a_file_stays() -> None:
    assert without_test("def test_r1():\n    assert f(1)\n", "test_r1") is None


@pytest.mark.parametrize(
    ("message", "is_tolerated"),
    [
        ("assert 0.20000000000000018 == 0.2, where 0.20000000000000018 = f(2.2)", True),
        ("assert 0.30000000000000004 == 0.2", False),
        ("assert 1e-17 == 0.0", True),
        ("assert 3 == 2", False),
        ("assert 2 == 2", False),
        ("assert [0.1] == [0.2]", False),
        ("assert nan == 0.2", False),
        ("", False),
    ],
)
def test_a_float_that_is_only_not_exact_is_compared_with_a_tolerance(message: str, is_tolerated: bool) -> None:
    text = "def test_r1():\n    assert f(2.2) == 0.2\n"
    case = CaseResult("t.py::test_r1", "t.py", "test_r1", "failed", message=message, detail="t.py:2: AssertionError")

    tolerant = "import pytest\ndef test_r1():\n    assert f(2.2) == pytest.approx(0.2)\n"
    assert with_tolerance(text, case) == (tolerant if is_tolerated else None)
