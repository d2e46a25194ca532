"""Back-off: bounds for every attempt, and a loop that never swallows a cancel."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.resilience.retry import Backoff, retrying
from tests.support.clock import VirtualClock


@given(
    failed=st.integers(1, 3000),
    initial=st.floats(0.01, 60),
    maximum=st.floats(0.01, 600),
    seed=st.integers(0, 1000),
)
def test_a_wait_is_within_its_spread_and_never_above_the_maximum(
    failed: int, initial: float, maximum: float, seed: int
) -> None:
    wait = Backoff(initial, maximum, Random(seed)).seconds(failed)  # noqa: S311 - reproducible, not secret

    middle = min(maximum, initial * 2.0 ** min(failed - 1, 64))
    assert middle * 0.5 <= wait <= min(maximum, middle * 1.5)


@given(failed=st.integers(1, 20), retry_after=st.floats(0.001, 1000), seed=st.integers(0, 1000))
def test_a_longer_wait_that_the_server_asks_for_wins(failed: int, retry_after: float, seed: int) -> None:
    wait = Backoff(1.0, 60.0, Random(seed)).seconds(failed, retry_after)  # noqa: S311 - reproducible, not secret

    assert wait >= retry_after
    assert wait <= max(60.0, retry_after * 1.1)


def test_the_waits_of_the_documented_defaults() -> None:
    backoff = Backoff(1.0, 60.0, Random(1))  # noqa: S311 - reproducible, not secret

    for failed, low, high in ((1, 0.5, 1.5), (2, 1, 3), (3, 2, 6), (7, 30, 60), (2000, 30, 60)):
        waits = [backoff.seconds(failed) for _ in range(200)]
        assert low <= min(waits) <= max(waits) <= high
        assert max(waits) - min(waits) > (high - low) * 0.8


class _Work:
    def __init__(self, *results: BaseException | str) -> None:
        self.results = list(results)
        self.calls = 0
        self.told: list[tuple[str, float]] = []
        self.clock = VirtualClock()

    async def run(self, attempts: int) -> str:
        loop = retrying(
            attempts=attempts,
            may_retry=lambda error: isinstance(error, OSError),
            wait_seconds=lambda failed, error: float(failed),
            before_wait=lambda error, wait: self.told.append((str(error), wait)),
            sleep=self.clock.sleep,
        )
        result: str = await loop(self._once)
        return result

    async def _once(self) -> str:
        result = self.results[self.calls]
        self.calls += 1
        if isinstance(result, str):
            return result
        raise result


async def test_it_tries_again_and_waits_between() -> None:
    work = _Work(OSError("a"), OSError("b"), "done")

    assert await work.run(4) == "done"

    assert work.told == [("a", 1.0), ("b", 2.0)]
    assert work.clock.sleeps == [1.0, 2.0]


async def test_the_last_error_comes_out_as_it_is_and_without_a_wait_after_it() -> None:
    last = OSError("b")
    work = _Work(OSError("a"), last)

    with pytest.raises(OSError) as raised:  # noqa: PT011 - identity is asserted below
        await work.run(2)

    assert raised.value is last
    assert work.clock.sleeps == [1.0]


@pytest.mark.parametrize("error", [ValueError("x"), asyncio.CancelledError(), KeyboardInterrupt()], ids=repr)
async def test_what_may_not_be_retried_is_raised_at_once(error: BaseException) -> None:
    work = _Work(error, "never")

    # Not as a task: a KeyboardInterrupt would leave the loop.
    with pytest.raises(type(error)):
        await work.run(4)

    assert (work.calls, work.clock.sleeps) == (1, [])


async def test_many_loops_at_once_do_not_disturb_each_other() -> None:
    works = [_Work(OSError("a"), OSError("b"), "done") for _ in range(30)]

    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(work.run(3))

    assert all((work.calls, work.clock.sleeps) == (3, [1.0, 2.0]) for work in works)
