"""The circuit breaker against an independently written model, and each of its rules on its own."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.resilience.breaker import BreakerOpenError, GuardBreaker, GuardFactory, Outcome, Ticket
from tests.support.clock import VirtualClock

TTL = 60.0
THRESHOLD = 5
NEED = 3
FAILED: tuple[Outcome, ...] = ("failure",) * 9


@dataclass
class Bench:
    clock: VirtualClock = field(default_factory=VirtualClock)
    changes: list[tuple[str, str, float | None]] = field(default_factory=list)
    factory: GuardFactory = field(init=False)

    def __post_init__(self) -> None:
        self.factory = GuardFactory(threshold=THRESHOLD, ttl_seconds=TTL, successes_to_close=NEED, clock=self.clock)

    async def breaker(self) -> GuardBreaker:
        return await self.factory.get_breaker(
            "name", on_change=lambda name, old, new, retry_at: self.changes.append((old, new, retry_at))
        )

    async def run(self, *outcomes: Outcome) -> None:
        breaker = await self.breaker()
        for outcome in outcomes:
            await breaker.settle(await breaker.acquire(), outcome)

    @property
    def state(self) -> str:
        return self.factory.statuses()[0].state

    @property
    def failures(self) -> int:
        return self.factory.statuses()[0].failures


async def test_it_opens_after_five_failures_in_a_row_and_then_refuses() -> None:
    bench = Bench()
    await bench.run("failure", "failure", "failure", "failure", "success", *FAILED[:4])
    assert (bench.state, bench.failures) == ("closed", 4)

    await bench.run("failure")

    assert bench.state == "open"
    with pytest.raises(BreakerOpenError) as refused:
        await bench.run("success")
    assert refused.value.retry_in_seconds == TTL
    assert bench.changes == [("closed", "open", bench.clock.monotonic() + TTL)]


async def test_it_closes_after_three_successes_and_not_before() -> None:
    bench = Bench()
    await bench.run(*FAILED[:5])
    bench.clock.advance(TTL)

    await bench.run("success", "success")
    assert bench.state == "half-open"
    await bench.run("success")

    assert (bench.state, bench.failures) == ("closed", 0)
    assert [change[:2] for change in bench.changes] == [
        ("closed", "open"),
        ("open", "half-open"),
        ("half-open", "closed"),
    ]


async def test_at_most_three_probes_are_in_flight() -> None:
    bench = Bench()
    await bench.run(*FAILED[:5])
    bench.clock.advance(TTL)
    breaker = await bench.breaker()

    tickets = [await breaker.acquire() for _ in range(NEED)]

    with pytest.raises(BreakerOpenError):
        await breaker.acquire()
    await breaker.settle(tickets[0], "success")
    with pytest.raises(BreakerOpenError):
        await breaker.acquire()
    await breaker.settle(tickets[1], "neutral")
    await breaker.acquire()


async def test_it_is_shown_as_half_open_while_the_probe_is_under_way() -> None:
    bench = Bench()
    await bench.run(*FAILED[:5])
    bench.clock.advance(TTL)

    await (await bench.breaker()).acquire()

    assert bench.changes[-1][:2] == ("open", "half-open")


async def test_a_late_result_of_an_older_state_changes_nothing() -> None:
    bench = Bench()
    breaker = await bench.breaker()
    late = [await breaker.acquire(), await breaker.acquire()]
    bench.clock.advance(1)
    await bench.run(*FAILED[:5])
    bench.clock.advance(TTL)
    probe = await breaker.acquire()

    assert await breaker.settle(late[0], "success") is False
    assert await breaker.settle(late[1], "failure") is False

    assert bench.state == "half-open"
    assert await breaker.settle(probe, "success") is True


async def test_a_neutral_outcome_neither_counts_nor_resets() -> None:
    bench = Bench()

    await bench.run("failure", "failure", "neutral", "failure")

    assert bench.failures == 3


async def test_failures_of_one_incident_count_once() -> None:
    bench = Bench()
    breaker = await bench.breaker()
    tickets = [await breaker.acquire() for _ in range(20)]
    bench.clock.advance(5)

    for ticket in tickets:
        await breaker.settle(ticket, "failure")

    assert (bench.state, bench.failures) == ("closed", 1)


async def test_the_wall_clock_has_no_say() -> None:
    bench = Bench()
    await bench.run(*FAILED[:5])

    for jump in (7200, -14400):
        bench.clock.jump_wall(jump)
        with pytest.raises(BreakerOpenError):
            await bench.run("success")

    bench.clock.advance(TTL)
    await bench.run("success")


async def test_every_refusal_is_a_fresh_exception() -> None:
    bench = Bench()
    await bench.run(*FAILED[:5])
    breaker = await bench.breaker()
    refusals = []
    for _ in range(50):
        with pytest.raises(BreakerOpenError) as refused:
            await breaker.acquire()
        refusals.append(refused.value)

    assert len({id(refusal) for refusal in refusals}) == 50
    assert len(traceback.extract_tb(refusals[-1].__traceback__)) < 5


async def test_listeners_hear_at_once_and_cannot_harm_the_call(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    heard: list[str] = []

    def listen(name: str, what: str, message: Any) -> None:
        heard.append(what)
        raise RuntimeError("the listener is broken")

    bench.factory.add_listener(listen)

    await bench.run(*FAILED[:5])

    assert bench.state == "open"
    assert heard[0] == "circuit_breaker_created"
    assert heard.count("failed") == 5
    assert heard[-1] == "state_changed"
    assert "the listener is broken" in caplog.text


async def test_as_a_context_manager_it_counts_errors_but_not_cancels() -> None:
    bench = Bench()
    breaker = await bench.factory.get_breaker("name", exclude=[KeyError])
    for error in (OSError(), asyncio.CancelledError(), KeyError(), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            async with breaker:
                raise error

    assert bench.failures == 1
    async with breaker:
        pass
    assert bench.failures == 0


async def test_one_who_waits_is_woken_when_a_probe_has_ended() -> None:
    bench = Bench()
    await bench.run(*FAILED[:5])
    bench.clock.advance(TTL)
    breaker = await bench.breaker()
    tickets = [await breaker.acquire() for _ in range(NEED)]
    waiting = asyncio.create_task(breaker.wait())
    await asyncio.sleep(0)
    assert not waiting.done()

    await breaker.settle(tickets[0], "neutral")

    await asyncio.wait_for(waiting, 1)


def test_the_inner_names_of_purgatory_that_are_used_still_exist() -> None:
    from purgatory.domain import model
    from purgatory.service._async import circuitbreaker, message_handlers

    assert "register_circuit_breaker" in vars(message_handlers)
    assert "register_circuit_breaker" in inspect.getsource(circuitbreaker.AsyncCircuitBreakerFactory.__init__)
    context = model.Context("name", 1, 1.0)
    assert isinstance(context._state, model.ClosedState)
    assert context.messages == []


@dataclass
class _Model:
    """The breaker as the rules describe it, written without looking at its code."""

    state: Literal["closed", "open", "half-open"] = "closed"
    failures: int = 0
    last_counted: float = float("-inf")
    opened_at: float = 0.0
    flights: set[int] = field(default_factory=set)
    successes: int = 0
    era: int = 0

    def begin(self, number: int, now: float) -> bool:
        if self.state == "open" and now >= self.opened_at + TTL:
            self.state, self.successes, self.flights, self.era = "half-open", 0, set(), self.era + 1
        if self.state == "open" or (self.state == "half-open" and len(self.flights) + self.successes >= NEED):
            return False
        if self.state == "half-open":
            self.flights.add(number)
        return True

    def end(self, number: int, era: int, began: float, outcome: Outcome, now: float) -> None:
        if era != self.era:
            return
        if self.state == "half-open":
            self.flights.remove(number)
            self.successes += outcome == "success"
            if outcome == "failure":
                self.state, self.opened_at, self.era = "open", now, self.era + 1
            elif self.successes == NEED:
                self.state, self.failures, self.era = "closed", 0, self.era + 1
        elif outcome == "success":
            self.failures = 0
        elif outcome == "failure" and not (self.failures and began < self.last_counted):
            self.failures += 1
            self.last_counted = now
            if self.failures == THRESHOLD:
                self.state, self.opened_at, self.era = "open", now, self.era + 1


class BreakerMachine(RuleBasedStateMachine):
    """Drives breaker and model with the same steps."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.model = _Model()
        self.out: list[tuple[int, Ticket, int, float]] = []
        self.number = 0
        self.breaker = asyncio.run(self.bench.breaker())

    @rule(seconds=st.sampled_from([0.5, 10, 59.5, 60, 61, 1000]))
    def tick(self, seconds: float) -> None:
        self.bench.clock.advance(seconds)

    @rule()
    def begin(self) -> None:
        self.number += 1
        now = self.bench.clock.monotonic()
        admitted = self.model.begin(self.number, now)
        try:
            ticket = asyncio.run(self.breaker.acquire())
        except BreakerOpenError:
            assert not admitted
        else:
            assert admitted
            self.out.append((self.number, ticket, self.model.era, now))

    @rule(pick=st.integers(0, 100), outcome=st.sampled_from(["success", "failure", "failure", "neutral"]))
    def end(self, pick: int, outcome: Outcome) -> None:
        if not self.out:
            return
        number, ticket, era, began = self.out.pop(pick % len(self.out))
        fresh = era == self.model.era
        self.model.end(number, era, began, outcome, self.bench.clock.monotonic())
        assert asyncio.run(self.breaker.settle(ticket, outcome)) == fresh

    @rule()
    def five_failures_one_after_another(self) -> None:
        for _ in range(5):
            self.begin()
            if self.out:
                self.end(len(self.out) - 1, "failure")
            self.tick(0.5)

    @invariant()
    def they_agree(self) -> None:
        context = self.breaker.context
        assert self.bench.state == self.model.state
        if self.model.state == "closed":
            assert self.bench.failures == self.model.failures
        if self.model.state == "half-open":
            half_open: Any = context._state
            assert (half_open.in_flight, half_open.successes) == (len(self.model.flights), self.model.successes)


BreakerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestBreakerAgainstItsModel = BreakerMachine.TestCase
