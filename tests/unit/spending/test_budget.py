"""A run's budget: what is told, what is held, what goes on, with exact numbers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import QuintetError
from core.kinds import BudgetLimit
from core.settings import BudgetSettings
from core.spending.budget import Budget, ReachedLimit, RunBudgetGate, WhenReached, stops_while_held
from core.spending.costs import Cost, Spent
from tests.support.clock import VirtualClock


def used(tokens: float = 0.0, usd: float = 0.0, minutes: float = 0.0) -> dict[BudgetLimit, float]:
    return {"tokens": tokens, "usd": usd, "minutes": minutes}


@dataclass(slots=True)
class GateHarness:
    """A budget gate whose numbers a test sets."""

    limits: dict[str, Any]
    when_reached: WhenReached = "ask"
    spent: Spent = field(default_factory=Spent)
    told: list[ReachedLimit] = field(default_factory=list)
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(manual=True))

    def budget_gate(self) -> RunBudgetGate:
        return RunBudgetGate(
            Budget(BudgetSettings(**self.limits)),
            self.when_reached,
            spent=lambda: self.spent,
            clock=self.clock,
            on_reached=self.told.append,
        )

    def spend(self, tokens: int = 0, usd: str = "0") -> None:
        self.spent += Spent(tokens, Cost(Decimal(usd)))


async def is_admitted(budget_gate: RunBudgetGate) -> bool:
    """Tell whether a call may be sent; one that is held is withdrawn."""
    asking = asyncio.create_task(budget_gate.admit())
    for _ in range(5):
        await asyncio.sleep(0)
    if asking.done():
        await asking
        return True
    asking.cancel()
    return False


@pytest.mark.parametrize(
    ("limits", "numbers", "reached"),
    [
        ({}, used(tokens=10**9, usd=10**6, minutes=10**5), []),
        ({"tokens": 1000}, used(tokens=999), []),
        ({"tokens": 1000}, used(tokens=1000), [("tokens", "1,000 of 1,000 tokens")]),
        ({"usd": 0.5}, used(usd=0.4999), []),
        ({"usd": 0.5}, used(usd=0.75), [("usd", "$0.75 of $0.5")]),
        ({"minutes": 30}, used(minutes=30.5), [("minutes", "30.5 of 30 minutes")]),
        (
            {"tokens": 10, "usd": 1, "minutes": 1},
            used(tokens=12, usd=2),
            [("tokens", "12 of 10 tokens"), ("usd", "$2 of $1")],
        ),
    ],
)
def test_a_limit_is_reached_when_it_is_used_up(
    limits: dict[str, Any], numbers: dict[BudgetLimit, float], reached: list[tuple[str, str]]
) -> None:
    found = Budget(BudgetSettings(**limits)).reached(numbers)

    assert [(limit.what, limit.words()) for limit in found] == reached


@given(amount=st.floats(0.001, 1000), spent=st.floats(0, 100_000))
def test_a_raised_limit_is_the_next_multiple_of_its_amount(amount: float, spent: float) -> None:
    budget = Budget(BudgetSettings(usd=amount))
    if not budget.reached(used(usd=spent)):
        return

    budget.raise_limits(["usd"], used(usd=spent))

    assert not budget.reached(used(usd=spent))
    (again,) = budget.reached(used(usd=spent + amount * 1.01))
    assert spent < again.limit <= spent + amount * 1.001


async def test_a_run_without_limits_is_never_held() -> None:
    controller = GateHarness({})
    budget_gate = controller.budget_gate()
    controller.spend(10**12, "999999")
    controller.clock.advance(10**9)

    assert await is_admitted(budget_gate)
    assert controller.told == []


async def test_the_user_is_asked_once_and_going_on_raises_the_limit_by_the_same_amount() -> None:
    controller = GateHarness({"tokens": 1000})
    budget_gate = controller.budget_gate()
    controller.spend(999)
    assert await is_admitted(budget_gate)

    controller.spend(201)
    assert [await is_admitted(budget_gate) for _ in range(3)] == [False, False, False]
    assert controller.told == [ReachedLimit("tokens", 1000, 1200)]
    assert budget_gate.is_held

    budget_gate.go_on()
    controller.spend(799)  # 1,999 of 2,000
    assert await is_admitted(budget_gate)
    controller.spend(1)
    assert not await is_admitted(budget_gate)
    assert controller.told[1:] == [ReachedLimit("tokens", 2000, 2000)]


async def test_all_who_wait_go_on_together() -> None:
    controller = GateHarness({"usd": 0.5})
    budget_gate = controller.budget_gate()
    controller.spend(usd="0.7")
    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(budget_gate.admit())
        await asyncio.sleep(0)
        assert controller.told == [ReachedLimit("usd", 0.5, 0.7)]
        budget_gate.go_on()

    assert not budget_gate.is_held


async def test_a_limit_that_is_reached_while_the_run_is_held_is_told_and_not_raised_in_silence() -> None:
    controller = GateHarness({"tokens": 100})
    budget_gate = controller.budget_gate()
    budget_gate.hold()
    controller.spend(150)  # by an answer that was under way
    assert controller.told == []

    budget_gate.go_on()

    assert not await is_admitted(budget_gate)
    assert controller.told == [ReachedLimit("tokens", 100, 150)]


async def test_every_limit_is_told_of_by_itself() -> None:
    controller = GateHarness({"tokens": 100, "usd": 1})
    budget_gate = controller.budget_gate()
    controller.spend(100)
    assert not await is_admitted(budget_gate)
    budget_gate.go_on()
    controller.spend(10, "1.5")
    assert not await is_admitted(budget_gate)

    assert [limit.what for limit in controller.told] == ["tokens", "usd"]


async def test_minutes_in_which_the_run_is_held_do_not_count() -> None:
    controller = GateHarness({"minutes": 30})
    budget_gate = controller.budget_gate()
    controller.clock.advance(20 * 60)
    budget_gate.hold()
    controller.clock.advance(1000 * 60)
    budget_gate.go_on()
    controller.clock.advance(9 * 60)
    assert await is_admitted(budget_gate)

    controller.clock.advance(60)
    assert not await is_admitted(budget_gate)
    assert controller.told == [ReachedLimit("minutes", 30, 30)]

    controller.clock.advance(500 * 60)  # the user is away
    budget_gate.go_on()
    controller.clock.advance(29 * 60)
    assert await is_admitted(budget_gate)
    controller.clock.advance(60)
    assert not await is_admitted(budget_gate)


async def test_with_nobody_to_ask_the_run_fails_and_says_what_to_do() -> None:
    controller = GateHarness({"tokens": 1000, "usd": 2.5}, "fail")
    budget_gate = controller.budget_gate()
    controller.spend(1230, "3")

    for _ in range(2):
        with pytest.raises(
            QuintetError,
            match=r"^the budget of the run is used up: 1,230 of 1,000 tokens, \$3 of \$2.5 - "
            r"raise BUDGET_TOKENS and BUDGET_USD, or go on with --yes$",
        ):
            await budget_gate.admit()
    assert len(controller.told) == 2


async def test_with_a_yes_given_before_the_run_goes_on_and_every_limit_is_still_told() -> None:
    controller = GateHarness({"tokens": 1000}, "go_on")
    budget_gate = controller.budget_gate()
    for _ in range(5):
        controller.spend(500)
        await budget_gate.admit()

    assert controller.told == [ReachedLimit("tokens", 1000, 1000), ReachedLimit("tokens", 2000, 2000)]
    assert not budget_gate.is_held


async def test_the_time_of_a_run_stands_still_while_it_is_held() -> None:
    loop = asyncio.get_running_loop()
    budget_gate = GateHarness({}).budget_gate()
    async with asyncio.timeout(1000) as deadline:
        budget_gate.on_held = stops_while_held(deadline)
        budget_gate.hold()
        budget_gate.hold()
        assert deadline.when() is None

        budget_gate.go_on()
        budget_gate.go_on()
        await budget_gate.admit()
        ends_at = deadline.when()

    assert ends_at is not None
    assert ends_at - loop.time() == pytest.approx(1000, abs=10)


async def test_a_deadline_that_has_passed_is_not_moved_any_more() -> None:
    async def run_too_long() -> None:
        async with asyncio.timeout(0) as deadline:
            held = stops_while_held(deadline)
            try:
                await asyncio.Event().wait()
            finally:
                held(True)
                held(False)

    with pytest.raises(TimeoutError):
        await run_too_long()
