"""Literals are read out of answers however they are wrapped, and nothing else ever becomes a value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.workspace.answers.proposed_calls import MAX_PROPOSALS, read_arguments

ARGUMENTS = {
    "as asked": ('f("a")\nf("")\nf("b c")', [("a",), ("",), ("b c",)]),
    "a list with remarks": ("1. `f(1, 2)` - usual\n2. `f(0, 0)` - smallest", [(1, 2), (0, 0)]),
    "a fence": ("Here you are:\n```python\nf([1, 2], 'x')\n```", [([1, 2], "x")]),
    "comparisons": ("assert f(2) == 4\nf(3) == f(4)", [(2,), (3,), (4,)]),
    "a doctest": (">>> f(\"a(b\")\n'b(a'", [("a(b",)]),
    "printed": ("print(f((1, 2)))", [((1, 2),)]),
    "twice the same": ("f(1)\nf(1)\nf( 1 )", [(1,)]),
    "no arguments": ("f()", [()]),
    "names and expressions": ("f(x)\nf(1 + len('a'))\nf(open('/etc/passwd'))\nf(-1)", [(-1,)]),
    "named arguments": ("f(text='a')\nf('b')", [("b",)]),
    "another function": ("g(1)\nmodule.f(2)\nxf(3)\nf(4)", [(4,)]),
    "cut off": ('f("a")\nf("b', [("a",)]),
    "too much": (f"f({10**7})\nf('{'x' * 3000}')\nf(7)", [(7,)]),
    "literals alone": ('- "abc"\n- ""\n- (1, 2)', [("abc",), ("",), (1, 2)]),
    "nothing": ("I cannot do that.", []),
}


@pytest.mark.parametrize(("answer", "expected"), ARGUMENTS.values(), ids=ARGUMENTS.keys())
def test_the_arguments_of_proposed_calls_are_read(answer: str, expected: list[tuple[object, ...]]) -> None:
    assert list(read_arguments(answer, "f")) == expected


def test_not_more_calls_are_read_than_are_of_use() -> None:
    answer = "\n".join(f"f({number})" for number in range(100))

    assert read_arguments(answer, "f") == tuple((number,) for number in range(MAX_PROPOSALS))


LITERALS = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(10**6), 10**6), st.text(alphabet="ab \"'\\()[]{},#=-é", max_size=8)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.integers(0, 9), inner, max_size=3)),
    max_leaves=6,
)


@given(st.lists(LITERALS, min_size=1, max_size=3))
def test_whatever_can_be_written_is_read_back(arguments: list[object]) -> None:
    call = f"f({', '.join(map(repr, arguments))})"

    assert read_arguments(f"- {call} == None", "f")[0] == tuple(arguments)


@given(st.text())
def test_no_answer_is_an_error(answer: str) -> None:
    read_arguments(answer, "f")
