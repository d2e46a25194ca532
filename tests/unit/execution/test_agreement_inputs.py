# ruff: noqa: S311 - reproducible noise, not cryptography
"""Mutated inputs keep their types and their number; two results are the same when a user would say so."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.execution.evidence.agreement.inputs import CallInput, mutated, mutated_inputs
from core.execution.evidence.agreement.results import (
    CallResult,
    Difference,
    OutOfTime,
    Raised,
    Returned,
    ReturnedObject,
    compare,
    is_same_result,
)

values = st.recursive(
    st.booleans() | st.integers(-(10**9), 10**9) | st.floats() | st.text(max_size=20) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=5) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(value=values, seed=st.integers(0, 1000))
def test_a_mutation_keeps_the_type_and_the_seed_decides(value: object, seed: int) -> None:
    made = mutated(value, random.Random(seed))

    assert type(made) is type(value)
    assert CallInput((made,)).source == CallInput((mutated(value, random.Random(seed)),)).source


@given(arguments=st.lists(values, min_size=1, max_size=3), seed=st.integers(0, 1000))
def test_inputs_are_different_and_none_is_given(arguments: list[object], seed: int) -> None:
    before = [CallInput(tuple(arguments), (("k", 1),))]

    made = mutated_inputs(before, random.Random(seed))

    sources = [entry.source for entry in made]
    assert len(set(sources)) == len(sources) <= 40
    assert before[0].source not in sources
    assert all(len(entry.arguments) == len(arguments) and entry.keywords[0][0] == "k" for entry in made)


def test_forty_inputs_are_made_of_one_example() -> None:
    assert len(mutated_inputs([CallInput(([3, 1, 2],))], random.Random(1))) == 40
    assert mutated_inputs([CallInput(())], random.Random(1)) == ()
    assert mutated_inputs([], random.Random(1)) == ()


SAME: list[tuple[CallResult, CallResult, bool]] = [
    (Returned(0.1 + 0.2), Returned(0.3), True),
    (Returned([1, (0.1 + 0.2,)]), Returned([1, (0.3,)]), True),
    (Returned({"a": float("nan")}), Returned({"a": float("nan")}), True),
    (Returned(1), Returned(1.0), True),
    (Returned(10**400), Returned(1.0), False),
    (Returned([1]), Returned((1,)), False),
    (Returned("1"), Returned(1), False),
    (Returned(None), Returned(0), False),
    (Returned({"a": 1}), Returned({"b": 1}), False),
    (Raised("ValueError"), Raised("ValueError"), True),
    (Raised("ValueError"), Raised("KeyError"), False),
    (Raised("ValueError"), Returned(None), False),
    (ReturnedObject("<T>"), ReturnedObject("<T>"), True),
    (OutOfTime(), Returned(1), False),
]


@pytest.mark.parametrize(("first", "second", "same"), SAME)
def test_what_counts_as_the_same(first: CallResult, second: CallResult, same: bool) -> None:
    assert is_same_result(first, second) is same


def test_what_says_nothing_is_not_counted() -> None:
    inputs = [CallInput((number,)) for number in range(6)]
    first: dict[int, CallResult] = {
        0: Returned(1),
        1: Returned(2),
        2: Raised("TypeError"),
        3: OutOfTime(),
        4: Returned(1),
    }
    second: dict[int, CallResult] = {
        0: Returned(1),
        1: Returned(3),
        2: Raised("TypeError"),
        3: OutOfTime(),
        5: Returned(1),
    }

    agreement = compare(inputs, first, second)

    assert (agreement.compared, agreement.fraction) == (2, 0.5)
    assert agreement.differences == (Difference(inputs[1], Returned(2), Returned(3)),)
    assert compare(inputs, {}, second).fraction == 0
