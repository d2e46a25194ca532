"""Requests and tokens per minute: no bursts, first come first served, and nothing lost to a cancel or a wrong guess."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.resilience.rate_limit import BURST_SECONDS, RateLimiter
from tests.support.clock import VirtualClock


@dataclass
class Harness:
    """One limiter, and the times at which its callers were let through."""

    requests: int | None = None
    tokens: int | None = None
    clock: VirtualClock = field(default_factory=VirtualClock)
    passed: list[tuple[int, float]] = field(default_factory=list)
    told: dict[int, list[float]] = field(default_factory=dict)
    limiter: RateLimiter = field(init=False)

    def __post_init__(self) -> None:
        self.limiter = RateLimiter(requests_per_minute=self.requests, tokens_per_minute=self.tokens, clock=self.clock)

    async def call(self, number: int = 0, tokens: int = 0) -> None:
        told = self.told.setdefault(number, [])
        await self.limiter.acquire(tokens, sleep=self.clock.sleep, on_wait=lambda until: told.append(until - 1000))
        self.passed.append((number, self.clock.monotonic() - 1000))

    def start(self, count: int, tokens: int = 0) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.call(number, tokens)) for number in range(count)]

    @property
    def order(self) -> list[int]:
        return [number for number, _ in self.passed]

    @property
    def times(self) -> list[float]:
        return [time for _, time in self.passed]


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def _pass_time(harness: Harness, seconds: float, step: float = 0.25) -> None:
    """Let time pass in steps, so that naps end when they are due."""
    for _ in range(round(seconds / step)):
        harness.clock.advance(step)
        await _settle()


async def test_without_limits_nobody_waits() -> None:
    harness = Harness()

    for _ in range(1000):
        await harness.call(tokens=10**9)
    harness.limiter.correct(10, 10**9)

    assert (harness.clock.sleeps, harness.told) == ([], {0: []})


async def test_at_once_go_two_seconds_worth_and_then_one_after_another() -> None:
    harness = Harness(requests=120)

    for task in harness.start(8):
        await task

    assert harness.order == list(range(8))
    assert harness.times == pytest.approx([0, 0, 0, 0, 0.5, 1, 1.5, 2])


async def test_a_slow_limit_lets_one_through_at_a_time() -> None:
    harness = Harness(requests=6)

    for task in harness.start(3):
        await task

    assert harness.times == pytest.approx([0, 10, 20])


async def test_idle_time_saves_up_no_more_than_two_seconds_worth() -> None:
    harness = Harness(requests=120)
    harness.clock.advance(3600)

    for task in harness.start(6):
        await task

    assert [time - 3600 for time in harness.times] == pytest.approx([0, 0, 0, 0, 0.5, 1])


async def test_both_limits_hold() -> None:
    harness = Harness(requests=60, tokens=600)

    for task in harness.start(4, tokens=20):
        await task

    assert harness.times == pytest.approx([0, 2, 4, 6])


async def test_a_call_larger_than_the_bucket_goes_when_it_is_full_and_those_behind_wait_for_its_debt() -> None:
    harness = Harness(tokens=600)

    await harness.call(0, tokens=120)
    await harness.call(1, tokens=20)

    assert harness.times == pytest.approx([0, 12])


async def test_no_call_costs_more_than_a_minute() -> None:
    harness = Harness(tokens=600)

    await harness.call(0, tokens=1_000_000)
    await harness.call(1, tokens=20)

    assert harness.times == pytest.approx([0, 60])


async def test_what_was_reserved_in_vain_is_given_back() -> None:
    harness = Harness(tokens=600)

    await harness.call(0, tokens=520)
    harness.limiter.correct(520, 20)
    await harness.call(1, tokens=20)

    assert harness.times == pytest.approx([0, 2])


async def test_what_was_used_beyond_the_guess_is_waited_off() -> None:
    harness = Harness(tokens=600)

    await harness.call(0, tokens=20)
    harness.limiter.correct(20, 120)
    await harness.call(1, tokens=20)

    assert harness.times == pytest.approx([0, 12])


async def test_a_guess_far_above_the_limit_is_corrected_by_what_it_had_cost() -> None:
    harness = Harness(tokens=600)

    await harness.call(0, tokens=1_000_000)
    harness.limiter.correct(1_000_000, 20)
    await harness.call(1, tokens=20)

    assert harness.times == pytest.approx([0, 2])


async def test_a_correction_shortens_a_wait_that_is_under_way() -> None:
    harness = Harness(tokens=600, clock=VirtualClock(manual=True))
    await harness.call(0, tokens=520)
    waiting = asyncio.create_task(harness.call(1, tokens=20))
    await harness.clock.until_asleep(1)

    harness.limiter.correct(520, 20)
    await _pass_time(harness, 2)

    await waiting
    assert harness.told[1] == pytest.approx([52, 2])


async def test_each_hears_when_its_own_wait_ends_also_those_behind() -> None:
    harness = Harness(requests=60, clock=VirtualClock(manual=True))
    tasks = harness.start(5)
    await harness.clock.until_asleep(1)

    assert harness.told == {0: [], 1: [], 2: [1], 3: [2], 4: [3]}

    await _pass_time(harness, 3)
    assert harness.times == pytest.approx([0, 0, 1, 2, 3])
    assert harness.told == {0: [], 1: [], 2: [1], 3: [2], 4: [3]}
    assert all(task.done() for task in tasks)


@pytest.mark.parametrize("leaver", [2, 3, 4])
async def test_one_who_is_cancelled_frees_its_place_for_those_behind(leaver: int) -> None:
    harness = Harness(requests=60, clock=VirtualClock(manual=True))
    tasks = harness.start(6)
    await harness.clock.until_asleep(1)

    tasks[leaver].cancel()
    await _settle()
    last = [harness.told[number][-1] for number in (2, 3, 4, 5) if number != leaver]
    assert last == pytest.approx([1, 2, 3])

    await _pass_time(harness, 3)
    assert harness.times == pytest.approx([0, 0, 1, 2, 3])
    assert harness.order == [number for number in range(6) if number != leaver]


async def test_a_cancel_in_the_moment_in_which_the_wait_ends_spends_nothing() -> None:
    harness = Harness(requests=60, clock=VirtualClock(manual=True))
    tasks = harness.start(4)
    await harness.clock.until_asleep(1)

    harness.clock.advance(1)
    tasks[2].cancel()
    await _settle()

    assert harness.passed == [(0, 0), (1, 0), (3, 1)]


async def test_a_sleep_that_ends_early_lets_nobody_through_early() -> None:
    harness = Harness(requests=60)
    naps = 0

    async def light_sleep(seconds: float) -> bool:
        nonlocal naps
        naps += 1
        await harness.clock.sleep(seconds / 3 if naps < 5 else seconds)
        return True

    await harness.call()
    await harness.call()
    await harness.limiter.acquire(0, sleep=light_sleep, on_wait=lambda until: None)

    assert harness.clock.monotonic() == pytest.approx(1001)


@given(
    requests=st.none() | st.sampled_from([1, 7, 60, 250]),
    tokens=st.none() | st.sampled_from([60, 1000, 90_000]),
    calls=st.lists(st.tuples(st.integers(0, 3000), st.sampled_from([0.0, 0.1, 5.0]), st.booleans()), max_size=25),
)
async def test_in_no_stretch_of_time_does_more_pass_than_the_limits_allow(
    requests: int | None, tokens: int | None, calls: list[tuple[int, float, bool]]
) -> None:
    harness = Harness(requests=requests, tokens=tokens)
    tasks = []
    for number, (amount, pause, cancelled) in enumerate(calls):
        tasks.append(asyncio.create_task(harness.call(number, amount)))
        await asyncio.sleep(0)
        harness.clock.advance(pause)
        if cancelled:
            tasks[-1].cancel()
    for task in tasks:
        await asyncio.wait({task})

    assert harness.order == sorted(harness.order)
    assert all(later >= earlier for earlier, later in pairwise(harness.times))
    for first in range(len(harness.passed)):
        for last in range(first, len(harness.passed)):
            seconds = harness.times[last] - harness.times[first]
            if requests is not None:
                assert last - first + 1 <= _allowed(requests, seconds) + 1e-3
            if tokens is not None:
                # The last one may go with a debt, which is why it does not count here.
                spent = sum(min(calls[number][0], tokens) for number in harness.order[first:last])
                assert spent <= _allowed(tokens, seconds) + 1e-3 * tokens


def _allowed(per_minute: int, seconds: float) -> float:
    return max(1.0, per_minute / 60 * BURST_SECONDS) + per_minute / 60 * seconds


async def test_a_listener_is_called_at_once_and_not_for_those_who_need_not_wait() -> None:
    harness = Harness(requests=60, clock=VirtualClock(manual=True))
    heard: list[float] = []
    listen: Callable[[float], None] = heard.append

    for _ in range(2):
        await harness.limiter.acquire(0, sleep=harness.clock.sleep, on_wait=listen)
    assert heard == []

    waiting = asyncio.create_task(harness.limiter.acquire(0, sleep=harness.clock.sleep, on_wait=listen))
    await asyncio.sleep(0)
    assert heard == [1001]
    waiting.cancel()
    await asyncio.wait({waiting})
