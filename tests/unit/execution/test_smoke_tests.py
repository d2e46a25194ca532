"""Calls of proposed inputs become tests only where their types are right, and say no more than that the code runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.execution.evidence.smoke_tests import Arguments, TriedFunction, build_smoke_tests, functions_to_try

CODE = """\
def reverse(text: str, twice=False) -> str:
    if not text:
        raise ValueError("nothing to reverse")
    return text[::-1]


def _hidden(x): ...
def no_arguments(): ...
async def later(x): ...
def needs_keyword(x, *, unit): ...
def main(argv): ...


def total(numbers):
    return sum(numbers)
"""
REVERSE, TOTAL = functions_to_try(CODE)


def test_public_functions_that_can_be_called_are_tried() -> None:
    assert (REVERSE.name, REVERSE.types, REVERSE.required, REVERSE.returns) == ("reverse", ("str", ""), 1, "str")
    assert (TOTAL.name, TOTAL.types, TOTAL.required, TOTAL.returns) == ("total", ("",), 1, "")
    assert functions_to_try("def broken(:") == ()


@pytest.mark.parametrize(
    ("proposed", "known", "called"),
    [
        ([("abc",), ("",)], {}, ["reverse('abc')", "reverse('')"]),
        ([(7,), (None,), (["a"],)], {}, []),
        ([("abc", True)], {}, []),
        ([("abc", True)], {"reverse": [("x", False)]}, ["reverse('abc', True)"]),
        ([(), ("a", True, 3)], {"reverse": [("x", False)]}, []),
        ([("abc",), ("abcd",)], {"reverse": [("abc",)]}, ["reverse('abcd')"]),
        ([(str(number),) for number in range(9)], {}, ["reverse('0')", "reverse('1')", "reverse('2')"]),
    ],
)
def test_only_calls_with_the_right_types_are_made(
    proposed: list[Arguments], known: dict[str, list[Arguments]], called: list[str]
) -> None:
    text = build_smoke_tests("module", {REVERSE: proposed}, known)

    assert [line.partition(" = ")[2] for line in text.splitlines() if "result = " in line] == called
    assert bool(text) == bool(called)


def test_without_a_type_the_examples_of_the_task_tell_it() -> None:
    proposals = {TOTAL: [([1, 2],), (3,)]}

    assert build_smoke_tests("module", proposals, {}) == ""
    assert "total([1, 2])" in build_smoke_tests("module", proposals, {"total": [([5],)]})
    assert "total(3)" not in build_smoke_tests("module", proposals, {"total": [([5],)]})


def test_what_is_made_runs_and_takes_a_value_error_for_an_answer(tmp_path: Path) -> None:
    proposals: dict[TriedFunction, list[Arguments]] = {REVERSE: [("abc",), ("",)], TOTAL: [([1, 2],)]}
    (tmp_path / "module.py").write_text(CODE, encoding="utf-8")
    (tmp_path / "test_module.py").write_text(
        build_smoke_tests("module", proposals, {"total": [([5],)]}), encoding="utf-8"
    )

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "3 passed" in ran.stdout
