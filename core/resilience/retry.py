"""How long to wait before the next attempt, and the loop that makes the attempts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenacity import RetryCallState
    from tenacity.asyncio import AsyncRetrying

MAX_DOUBLINGS = 64  # beyond it only the cap counts, and floats end somewhere


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double from `initial_seconds`, spread by half to one and a half, never above `max_seconds`."""

    initial_seconds: float
    max_seconds: float
    random: Random

    def seconds(self, failed_attempts: int, retry_after_seconds: float | None = None) -> float:
        """Return the wait after this many failed attempts; a longer wait that the server asks for wins."""
        doubled = self.initial_seconds * 2.0 ** min(failed_attempts - 1, MAX_DOUBLINGS)
        # Capped before the spread, so that late waits do not all have the same length.
        wait = min(self.max_seconds, min(self.max_seconds, doubled) * self.random.uniform(0.5, 1.5))
        if retry_after_seconds is not None:
            wait = max(wait, retry_after_seconds * self.random.uniform(1.0, 1.1))
        return wait


def retrying(
    *,
    attempts: int,
    may_retry: Callable[[BaseException], bool],
    wait_seconds: Callable[[int, BaseException], float],
    before_wait: Callable[[BaseException, float], None],
    sleep: Callable[[float], Awaitable[object]],
) -> AsyncRetrying:
    """Return a loop for one call of `loop(function)`; the last attempt's own exception comes out of it.

    Args:
        attempts: attempts at most, the first one included.
        may_retry: decides by the exception; must say no to a CancelledError.
        wait_seconds: the wait after n failed attempts, the last of which ended with the exception.
        before_wait: is told of every attempt that will be repeated, and of the wait before it.
        sleep: waits; may return early.
    """
    from tenacity import retry_if_exception, stop_after_attempt
    from tenacity.asyncio import AsyncRetrying

    def wait(state: RetryCallState) -> float:
        return wait_seconds(state.attempt_number, _error_of(state))

    def tell(state: RetryCallState) -> None:
        before_wait(_error_of(state), state.upcoming_sleep)

    async def pause(seconds: float) -> None:
        await sleep(seconds)

    return AsyncRetrying(
        stop=stop_after_attempt(attempts),
        retry=retry_if_exception(may_retry),
        wait=wait,
        before_sleep=tell,
        sleep=pause,
        reraise=True,
    )


def _error_of(state: RetryCallState) -> BaseException:
    error = state.outcome.exception() if state.outcome is not None else None
    if error is None:
        raise TypeError("asked for a wait although nothing failed")
    return error
