"""The shared purse of retries: what it costs, what is paid back, and that it has a bottom and a rim."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.resilience.retry import RATE_LIMIT_COST, RETRY_COST, RetryBudget


@pytest.mark.parametrize(("cost", "times"), [(RETRY_COST, 10), (RATE_LIMIT_COST, 50)])
def test_it_pays_for_ten_retries_or_fifty_after_a_rate_limit_and_then_for_none(cost: int, times: int) -> None:
    budget = RetryBudget()

    assert [budget.draw(cost) for _ in range(times)] == [True] * times

    assert budget.tokens == 0
    assert not budget.draw(cost)


def test_a_refusal_costs_nothing() -> None:
    budget = RetryBudget(capacity=4)

    assert not budget.draw(RETRY_COST)

    assert budget.tokens == 4
    assert budget.draw(RATE_LIMIT_COST)


def test_a_success_at_the_first_try_pays_one_back_and_a_later_one_what_it_cost() -> None:
    budget = RetryBudget()
    spent = 0
    for cost in (RETRY_COST, RETRY_COST, RATE_LIMIT_COST, RETRY_COST):
        assert budget.draw(cost)
        spent += cost

    budget.succeeded(0)
    assert budget.tokens == 50 - spent + 1

    budget.succeeded(RETRY_COST)
    assert budget.tokens == 50 - spent + 1 + RETRY_COST


def test_a_full_purse_stays_full() -> None:
    budget = RetryBudget()

    budget.succeeded(0)
    budget.succeeded(RETRY_COST)

    assert budget.tokens == 50


@given(
    capacity=st.integers(1, 100),
    calls=st.lists(st.tuples(st.lists(st.sampled_from([RETRY_COST, RATE_LIMIT_COST]), max_size=4), st.booleans())),
)
def test_it_never_holds_less_than_nothing_nor_more_than_its_capacity(
    capacity: int, calls: list[tuple[list[int], bool]]
) -> None:
    budget = RetryBudget(capacity)
    for costs, succeeds in calls:
        spent = 0
        for cost in costs:
            before = budget.tokens
            paid = budget.draw(cost)
            assert paid == (before >= cost)
            assert budget.tokens == before - (cost if paid else 0)
            spent += cost if paid else 0
        if succeeds:
            before = budget.tokens
            budget.succeeded(spent)
            assert budget.tokens == min(capacity, before + max(1, spent))
        assert 0 <= budget.tokens <= capacity
