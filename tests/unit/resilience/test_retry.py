"""Back-off: bounds for every attempt, and a loop that never swallows a cancel."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from core.resilience.retry import WaitBackoff
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
    wait = WaitBackoff(initial, maximum, Random(seed)).seconds(failed)  # noqa: S311 - reproducible, not secret

    middle = min(maximum, initial * 2.0 ** min(failed - 1, 64))
    assert middle * 0.5 <= wait <= min(maximum, middle * 1.5)


@given(failed=st.integers(1, 20), retry_after=st.floats(0.001, 1000), seed=st.integers(0, 1000))
def test_a_longer_wait_that_the_server_asks_for_wins(failed: int, retry_after: float, seed: int) -> None:
    wait = WaitBackoff(1.0, 60.0, Random(seed)).seconds(failed, retry_after)  # noqa: S311 - reproducible, not secret

    assert wait >= retry_after
    assert wait <= max(60.0, retry_after * 1.1)


def test_the_waits_of_the_documented_defaults() -> None:
    backoff = WaitBackoff(1.0, 60.0, Random(1))  # noqa: S311 - reproducible, not secret

    for failed, low, high in ((1, 0.5, 1.5), (2, 1, 3), (3, 2, 6), (7, 30, 60), (2000, 30, 60)):
        waits = [backoff.seconds(failed) for _ in range(200)]
        assert low <= min(waits) <= max(waits) <= high
        assert max(waits) - min(waits) > (high - low) * 0.8


class _AskedToWaitError(OSError):
    """Carries the wait that the other side asks for."""

    retry_after_seconds = 100.0


class _Work:
    """Something that is retried as a call is: by tenacity's loop with our waits."""

    def __init__(self, *results: BaseException | str) -> None:
        self.results = list(results)
        self.calls = 0
        self.told: list[tuple[str, float]] = []
        self.clock = VirtualClock()

    async def run(self, attempts: int) -> str:
        async for retry in AsyncRetrying(
            stop=stop_after_attempt(attempts),
            wait=WaitBackoff(1.0, 60.0, _Middle(), lambda error: getattr(error, "retry_after_seconds", None)),
            retry=retry_if_exception_type(OSError),
            before_sleep=self._tell,
            sleep=self.clock.sleep,
            reraise=True,
        ):
            with retry:
                result = self._once()
        return result

    def _tell(self, state: RetryCallState) -> None:
        assert state.outcome is not None
        self.told.append((str(state.outcome.exception()), state.upcoming_sleep))

    def _once(self) -> str:
        result = self.results[self.calls]
        self.calls += 1
        if isinstance(result, str):
            return result
        raise result


class _Middle(Random):
    """Spreads nothing, so that a wait is known beforehand."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


async def test_it_tries_again_and_waits_twice_as_long_each_time() -> None:
    work = _Work(OSError("a"), OSError("b"), OSError("c"), "done")

    assert await work.run(4) == "done"

    assert work.told == [("a", 1.0), ("b", 2.0), ("c", 4.0)]
    assert work.clock.sleeps == [1.0, 2.0, 4.0]


async def test_a_wait_that_an_error_asks_for_is_kept_to() -> None:
    work = _Work(_AskedToWaitError("a"), OSError("b"), "done")

    assert await work.run(4) == "done"

    assert work.clock.sleeps == pytest.approx([105.0, 2.0])


def test_there_is_no_wait_before_anything_has_failed() -> None:
    state = RetryCallState(AsyncRetrying(), None, (), {})

    with pytest.raises(TypeError, match="nothing failed"):
        WaitBackoff(1.0, 60.0, _Middle())(state)


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
