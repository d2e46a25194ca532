"""What a red Python test expects of which call, so that the value can be asked for again without showing either program or test."""

from __future__ import annotations

import ast
import math
import re
from dataclasses import dataclass

from core.execution.results import CaseResult
from core.text.python_syntax import expression_tree, syntax_tree

MAX_ANSWER_CHARACTERS = 2_000
RELATIVE_TOLERANCE = 1e-6
ABSOLUTE_TOLERANCE = 1e-9

_COMPARED = re.compile(r"^assert (-?[\d.e+-]+) == (-?[\d.e+-]+)(?:,|$)")
_FAILING_LINE = re.compile(r"^(?P<path>[^\s:][^:\n]*\.py):(?P<line>\d+): ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Expectation:
    """One comparison of a call with a literal in a test file; `start` and `end` are where the literal stands, in characters."""

    call: str
    expected: str
    start: int
    end: int


def read_expectation(text: str, case: CaseResult) -> Expectation | None:
    """Return what the failing line of a test expects; None where it is not one call compared with one literal."""
    line = _failing_line(case)
    if line is None:
        return None
    tree = syntax_tree(text)
    if tree is None:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and node.lineno <= line <= (node.end_lineno or node.lineno):
            return _of_comparison(text, node.test)
    return None


def _failing_line(case: CaseResult) -> int | None:
    places = [match for match in _FAILING_LINE.finditer(case.detail) if match["path"].endswith(case.path)]
    return int(places[-1]["line"]) if places else None


def _of_comparison(text: str, node: ast.expr) -> Expectation | None:
    if not isinstance(node, ast.Compare) or len(node.ops) != 1 or not isinstance(node.ops[0], ast.Eq | ast.Is):
        return None
    sides = (node.left, node.comparators[0])
    for call, literal in (sides, sides[::-1]):
        if isinstance(call, ast.Call) and not _is_literal(call) and _is_literal(literal):
            shown, expected = ast.get_source_segment(text, call), ast.get_source_segment(text, literal)
            arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
            if shown is None or expected is None or not all(map(_is_literal, arguments)):
                return None
            start = _offset(text, literal.lineno, literal.col_offset)
            return Expectation(" ".join(shown.split()), expected, start, start + len(expected))
    return None


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _offset(text: str, line: int, column_bytes: int) -> int:
    lines = text.splitlines(keepends=True)
    before = sum(len(earlier) for earlier in lines[: line - 1])
    return before + len(lines[line - 1].encode()[:column_bytes].decode(errors="replace"))


def read_value(answer: str) -> str | None:
    """Return the one Python literal an answer consists of, as source; None where it is anything else.

    A fence or backquotes around it, the call and an equals sign before it, and a full stop behind it are taken off.
    """
    text = answer.strip()[:MAX_ANSWER_CHARACTERS]
    fenced = re.match(r"^```\w*\n(.*?)\n?```", text, re.DOTALL)
    text = (fenced[1] if fenced else text).strip()
    first = text.splitlines()[0].strip() if text and not _parses(text) else text
    for candidate in (text, first, first.strip("`"), first.rstrip("."), re.split(r"==|=>|->|returns| is ", first)[-1]):
        if (found := _parses(candidate.strip().strip("`").strip())) is not None:
            return found
    return None


def _parses(text: str) -> str | None:
    node = expression_tree(text)
    if node is None:
        return None
    try:
        ast.literal_eval(node)
        return ast.unparse(node)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return None


def same_value(one: str, other: str) -> bool:
    """Tell whether two literals are the same value: of the same kind, floats within a millionth."""
    left, right = expression_tree(one), expression_tree(other)
    return left is not None and right is not None and _same(ast.literal_eval(left), ast.literal_eval(right))


def _same(one: object, other: object) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other or math.isclose(one, other, rel_tol=RELATIVE_TOLERANCE)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return type(one) is type(other) and one == other


def with_expectation(text: str, expectation: Expectation, value: str) -> str:
    """Return a test file in which the expected literal is another one."""
    return f"{text[: expectation.start]}{value}{text[expectation.end :]}"


def with_tolerance(text: str, case: CaseResult) -> str | None:
    """Return a test file in which a float is compared with a tolerance; None unless that alone is what is wrong with a test.

    0.1 + 0.2 == 0.3 is false in binary floating point: a test that expects it to be true is wrong about floats, and not
    about the program.
    """
    compared = _COMPARED.match(case.message)
    expectation = read_expectation(text, case)
    if compared is None or expectation is None:
        return None
    sides = [expression_tree(side) for side in compared.groups()]
    values = [ast.literal_eval(side) for side in sides if side is not None and _is_literal(side)]
    floats = [value for value in values if isinstance(value, float)]
    if len(values) != 2 or not floats or not all(isinstance(value, int | float) for value in values):
        return None
    if not math.isclose(values[0], values[1], rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE):
        return None
    tolerant = with_expectation(text, expectation, f"pytest.approx({expectation.expected})")
    has_import = re.search(r"^import pytest$", text, re.MULTILINE) is not None
    return tolerant if has_import else f"import pytest\n{tolerant}"


def without_test(text: str, name: str) -> str | None:
    """Return a test file without one of its functions; None if it is no plain function at the top, or the last of them."""
    tree = syntax_tree(text)
    if tree is None:
        return None
    tests = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test")]
    found = [node for node in tests if node.name == name]
    if len(found) != 1 or len(tests) == 1:
        return None
    first = min([found[0].lineno, *(decorator.lineno for decorator in found[0].decorator_list)])
    lines = text.splitlines(keepends=True)
    return "".join([*lines[: first - 1], *lines[found[0].end_lineno or first :]]).rstrip() + "\n"
