"""The circuit breaker against an independently written model, and each of its rules on its own."""

from __future__ import annotations

import ast
import asyncio
import inspect
import traceback
import tracemalloc
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from purgatory import ContextChanged

from core.kinds import AttemptOutcome
from core.resilience import breaker as breaker_module
from core.resilience.breaker import Breaker, BreakerFactory, BreakerOpenError, Permit
from tests.support.clock import VirtualClock
from tests.support.hypothesis_profiles import machine_settings

TTL = 60.0
THRESHOLD = 5
NEED = 3
FAILED: tuple[AttemptOutcome, ...] = ("failure",) * 9


@dataclass
class Harness:
    clock: VirtualClock = field(default_factory=VirtualClock)
    changes: list[tuple[str, str, float | None]] = field(default_factory=list)
    factory: BreakerFactory = field(init=False)

    def __post_init__(self) -> None:
        self.factory = BreakerFactory(threshold=THRESHOLD, ttl_seconds=TTL, successes_to_close=NEED, clock=self.clock)

    async def breaker(self) -> Breaker:
        return await self.factory.get_breaker(
            "name", on_change=lambda name, old, new, retry_at: self.changes.append((old, new, retry_at))
        )

    async def run(self, *outcomes: AttemptOutcome) -> None:
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
    harness = Harness()
    await harness.run("failure", "failure", "failure", "failure", "success", *FAILED[:4])
    assert (harness.state, harness.failures) == ("closed", 4)

    await harness.run("failure")

    assert harness.state == "open"
    with pytest.raises(BreakerOpenError) as refused:
        await harness.run("success")
    assert refused.value.retry_in_seconds == TTL
    assert harness.changes == [("closed", "open", harness.clock.monotonic() + TTL)]


async def test_it_closes_after_three_successes_and_not_before() -> None:
    harness = Harness()
    await harness.run(*FAILED[:5])
    harness.clock.advance(TTL)

    await harness.run("success", "success")
    assert harness.state == "half-open"
    await harness.run("success")

    assert (harness.state, harness.failures) == ("closed", 0)
    assert [change[:2] for change in harness.changes] == [
        ("closed", "open"),
        ("open", "half-open"),
        ("half-open", "closed"),
    ]


async def test_at_most_three_probes_are_in_flight() -> None:
    harness = Harness()
    await harness.run(*FAILED[:5])
    harness.clock.advance(TTL)
    breaker = await harness.breaker()

    tickets = [await breaker.acquire() for _ in range(NEED)]

    with pytest.raises(BreakerOpenError):
        await breaker.acquire()
    await breaker.settle(tickets[0], "success")
    with pytest.raises(BreakerOpenError):
        await breaker.acquire()
    await breaker.settle(tickets[1], "neutral")
    await breaker.acquire()


async def test_it_is_shown_as_half_open_while_the_probe_is_under_way() -> None:
    harness = Harness()
    await harness.run(*FAILED[:5])
    harness.clock.advance(TTL)

    await (await harness.breaker()).acquire()

    assert harness.changes[-1][:2] == ("open", "half-open")


async def test_a_late_result_of_an_older_state_changes_nothing() -> None:
    harness = Harness()
    breaker = await harness.breaker()
    late = [await breaker.acquire(), await breaker.acquire()]
    harness.clock.advance(1)
    await harness.run(*FAILED[:5])
    harness.clock.advance(TTL)
    probe = await breaker.acquire()

    assert await breaker.settle(late[0], "success") is False
    assert await breaker.settle(late[1], "failure") is False

    assert harness.state == "half-open"
    assert await breaker.settle(probe, "success") is True


async def test_a_neutral_outcome_neither_counts_nor_resets() -> None:
    harness = Harness()

    await harness.run("failure", "failure", "neutral", "failure")

    assert harness.failures == 3


async def test_failures_of_one_incident_count_once() -> None:
    harness = Harness()
    breaker = await harness.breaker()
    tickets = [await breaker.acquire() for _ in range(20)]
    harness.clock.advance(5)

    for ticket in tickets:
        await breaker.settle(ticket, "failure")

    assert (harness.state, harness.failures) == ("closed", 1)


async def test_after_a_success_the_failure_of_an_older_request_is_a_new_incident() -> None:
    harness = Harness()
    breaker = await harness.breaker()
    slow = await breaker.acquire()
    harness.clock.advance(1)
    await harness.run("failure", "success")

    await breaker.settle(slow, "failure")

    assert harness.failures == 1


async def test_the_wall_clock_has_no_say() -> None:
    harness = Harness()
    await harness.run(*FAILED[:5])

    for jump in (7200, -14400):
        harness.clock.jump_wall(jump)
        with pytest.raises(BreakerOpenError):
            await harness.run("success")

    harness.clock.advance(TTL)
    await harness.run("success")


async def test_every_refusal_is_a_fresh_exception() -> None:
    harness = Harness()
    await harness.run(*FAILED[:5])
    breaker = await harness.breaker()
    refusals = []
    for _ in range(50):
        with pytest.raises(BreakerOpenError) as refused:
            await breaker.acquire()
        refusals.append(refused.value)

    assert len({id(refusal) for refusal in refusals}) == 50
    assert len(traceback.extract_tb(refusals[-1].__traceback__)) < 5


async def test_a_refusal_waits_for_nothing() -> None:
    harness = Harness()
    await harness.run(*FAILED[:5])
    breaker = await harness.breaker()

    for _ in range(1000):
        with pytest.raises(BreakerOpenError):  # and neither StopIteration nor something to wait for
            breaker.acquire().send(None)

    assert harness.clock.sleeps == []
    assert len(harness.changes) == 1


async def test_a_hundred_thousand_refusals_leave_nothing_behind() -> None:
    harness = Harness()
    await harness.run(*FAILED[:5])
    breaker = await harness.breaker()

    async def refuse(times: int) -> int:
        for _ in range(times):
            try:
                await breaker.acquire()
            except BreakerOpenError:
                continue
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start(1)
    try:
        before = await refuse(1000)
        assert await refuse(100_000) - before < 10_000
    finally:
        tracemalloc.stop()


async def test_those_who_wait_and_are_cancelled_leave_nothing_behind() -> None:
    harness = Harness()
    await harness.run(*FAILED[:5])
    harness.clock.advance(TTL)
    breaker = await harness.breaker()
    for _ in range(NEED):
        await breaker.acquire()

    for _ in range(100):
        waiting = asyncio.create_task(breaker.wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})

    assert breaker.context._waiting == set()


async def test_listeners_hear_at_once_and_cannot_harm_the_call(caplog: pytest.LogCaptureFixture) -> None:
    harness = Harness()
    heard: list[str] = []

    def listen(name: str, what: str, message: Any) -> None:
        heard.append(what)
        raise RuntimeError("the listener is broken")

    harness.factory.purgatory.add_listener(listen)

    await harness.run(*FAILED[:5])

    assert harness.state == "open"
    assert heard[0] == "circuit_breaker_created"
    assert heard.count("failed") == 5
    assert heard[-1] == "state_changed"
    assert "the listener is broken" in caplog.text


async def test_a_listener_for_all_breakers_hears_every_new_state_whoever_causes_it() -> None:
    harness = Harness()
    heard: list[tuple[str, str]] = []
    harness.factory.add_state_listener(lambda name, state: heard.append((name, state)))

    await harness.run(*FAILED[:5])
    breaker = await harness.factory.get_breaker("name")
    await breaker.try_now()
    await harness.run("success", "success", "success")

    assert heard == [("name", "open"), ("name", "half-open"), ("name", "closed")]


async def test_one_who_is_told_of_changes_and_raises_cannot_harm_the_call(caplog: pytest.LogCaptureFixture) -> None:
    harness = Harness()

    def listen(name: str, old: str, new: str, retry_at: float | None) -> None:
        raise RuntimeError("the listener is broken")

    breaker = await harness.factory.get_breaker("name", on_change=listen)
    for _ in range(5):
        await breaker.settle(await breaker.acquire(), "failure")
    assert await breaker.try_now() is True

    assert harness.state == "half-open"
    assert len(caplog.records) == 2


async def test_one_who_waits_is_woken_when_a_probe_has_ended() -> None:
    harness = Harness()
    await harness.run(*FAILED[:5])
    harness.clock.advance(TTL)
    breaker = await harness.breaker()
    tickets = [await breaker.acquire() for _ in range(NEED)]
    waiting = asyncio.create_task(breaker.wait())
    await asyncio.sleep(0)
    assert not waiting.done()

    await breaker.settle(tickets[0], "neutral")

    await asyncio.wait_for(waiting, 30)


async def test_one_who_waits_on_an_open_breaker_is_woken_when_its_time_is_up() -> None:
    harness = Harness(VirtualClock(manual=True))
    await harness.run(*FAILED[:5])
    breaker = await harness.breaker()
    waiting = asyncio.create_task(breaker.wait())
    await harness.clock.until_asleep(1)

    harness.clock.advance(TTL)

    await asyncio.wait_for(waiting, 30)
    assert (await breaker.acquire()).probe


async def test_all_who_wait_on_an_open_breaker_are_woken_when_it_is_tried_early() -> None:
    harness = Harness(VirtualClock(manual=True))
    await harness.run(*FAILED[:5])
    breaker = await harness.breaker()
    waiting = [asyncio.create_task(breaker.wait()) for _ in range(5)]
    await harness.clock.until_asleep(5)

    assert await breaker.try_now() is True

    await asyncio.wait_for(asyncio.wait(waiting), 30)


@pytest.mark.parametrize("probes", [0, 1, 2])
async def test_nobody_waits_while_there_is_something_to_ask(probes: int) -> None:
    harness = Harness()
    breaker = await harness.breaker()
    await asyncio.wait_for(breaker.wait(), 30)

    await harness.run(*FAILED[:5])
    await breaker.try_now()
    for _ in range(probes):
        await breaker.acquire()

    await asyncio.wait_for(breaker.wait(), 30)
    assert harness.clock.sleeps == []


async def test_tried_early_it_goes_half_open_and_is_closed_by_calls_only() -> None:
    harness = Harness()
    await harness.run(*FAILED[:5])
    breaker = await harness.breaker()
    harness.clock.advance(5)

    assert await breaker.try_now() is True
    assert await breaker.try_now() is False

    assert harness.changes[-1] == ("open", "half-open", None)
    await harness.run("success", "success")
    assert harness.state == "half-open"
    await harness.run("success")
    assert harness.state == "closed"
    assert await breaker.try_now() is False
    assert harness.state == "closed"


async def test_tried_early_in_vain_it_is_open_for_its_whole_time_again() -> None:
    harness = Harness()
    await harness.run(*FAILED[:5])
    harness.clock.advance(5)
    await (await harness.breaker()).try_now()

    await harness.run("failure")

    assert harness.state == "open"
    assert harness.changes[-1] == ("half-open", "open", harness.clock.monotonic() + TTL)


async def test_a_hung_probe_that_its_time_limit_ends_does_not_hold_it_half_open() -> None:
    harness = Harness()
    await harness.run(*FAILED[:5])
    harness.clock.advance(TTL)
    breaker = await harness.breaker()
    hung = [await breaker.acquire() for _ in range(NEED)]
    harness.clock.advance(1800)

    assert await breaker.settle(hung[0], "failure") is True
    assert [await breaker.settle(ticket, "failure") for ticket in hung[1:]] == [False, False]

    assert harness.state == "open"
    harness.clock.advance(TTL)
    await harness.run("success", "success", "success")
    assert harness.state == "closed"


async def test_a_permit_is_given_back_when_the_cancel_comes_while_a_listener_is_slow() -> None:
    harness = Harness()
    await harness.run(*FAILED[:5])
    harness.clock.advance(TTL)
    breaker = await harness.breaker()
    listening = asyncio.Event()

    async def listen_slowly(message: Any, unit_of_work: Any) -> None:
        listening.set()
        await asyncio.Event().wait()

    harness.factory.purgatory.messagebus.add_listener(ContextChanged, listen_slowly)
    asking = asyncio.create_task(breaker.acquire())
    await listening.wait()
    asking.cancel()
    await asyncio.wait({asking})
    harness.factory.purgatory.messagebus.remove_listener(ContextChanged, listen_slowly)

    assert asking.cancelled()
    for _ in range(NEED):
        await breaker.acquire()


def test_of_purgatory_public_names_alone_are_used() -> None:
    for node in ast.walk(ast.parse(inspect.getsource(breaker_module))):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("purgatory"):
            assert not any(part.startswith("_") for part in str(node.module).split("."))
        assert not (isinstance(node, ast.Attribute) and node.attr == "_state")


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

    def try_now(self) -> bool:
        if self.state != "open":
            return False
        self.state, self.successes, self.flights, self.era = "half-open", 0, set(), self.era + 1
        return True

    def end(self, number: int, era: int, began: float, outcome: AttemptOutcome, now: float) -> None:
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
        self.harness = Harness()
        self.model = _Model()
        self.out: list[tuple[int, Permit, int, float]] = []
        self.number = 0
        self.runner = asyncio.Runner()
        self.breaker = self.runner.run(self.harness.breaker())

    def teardown(self) -> None:
        self.runner.close()

    @rule(seconds=st.sampled_from([0.5, 10, 59.5, 60, 61, 1000]))
    def tick(self, seconds: float) -> None:
        self.harness.clock.advance(seconds)

    @rule()
    def begin(self) -> None:
        self.number += 1
        now = self.harness.clock.monotonic()
        admitted = self.model.begin(self.number, now)
        try:
            ticket = self.runner.run(self.breaker.acquire())
        except BreakerOpenError:
            assert not admitted
        else:
            assert admitted
            self.out.append((self.number, ticket, self.model.era, now))

    @rule(pick=st.integers(0, 100), outcome=st.sampled_from(["success", "failure", "failure", "neutral"]))
    def end(self, pick: int, outcome: AttemptOutcome) -> None:
        if not self.out:
            return
        number, ticket, era, began = self.out.pop(pick % len(self.out))
        fresh = era == self.model.era
        self.model.end(number, era, began, outcome, self.harness.clock.monotonic())
        assert self.runner.run(self.breaker.settle(ticket, outcome)) == fresh

    @rule()
    def try_now(self) -> None:
        expected = self.model.try_now()
        assert self.runner.run(self.breaker.try_now()) == expected

    @rule()
    def five_failures_one_after_another(self) -> None:
        for _ in range(5):
            self.begin()
            if self.out:
                self.end(len(self.out) - 1, "failure")
            self.tick(0.5)

    @rule(outcomes=st.lists(st.sampled_from(["success", "failure", "failure", "neutral"]), min_size=2, max_size=6))
    def several_at_once(self, outcomes: list[AttemptOutcome]) -> None:
        before = len(self.out)
        for _ in outcomes:
            self.begin()
        self.tick(0.5)
        for outcome in outcomes[: len(self.out) - before]:
            self.end(before, outcome)

    @invariant()
    def they_agree(self) -> None:
        context = self.breaker.context
        assert self.harness.state == self.model.state
        if self.model.state == "closed":
            assert self.harness.failures == self.model.failures
        if self.model.state == "half-open":
            half_open: Any = context._state
            assert (half_open.in_flight, half_open.successes) == (len(self.model.flights), self.model.successes)


BreakerMachine.TestCase.settings = machine_settings()
TestBreakerAgainstItsModel = BreakerMachine.TestCase
