"""How long to wait before a retry: a wait strategy for tenacity."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tenacity import RetryCallState
from tenacity.wait import wait_base

MAX_DOUBLINGS = 64  # beyond it only the cap counts, and floats end somewhere


class WaitBackoff(wait_base):
    """Waits that double from `initial_seconds`, spread by half to one and a half, never above `max_seconds`.

    Args:
        retry_after_seconds: gives the wait that the other side asks for with an exception, None if it asks for none; a
            longer one than ours wins.
    """

    def __init__(
        self,
        initial_seconds: float,
        max_seconds: float,
        random: Random,
        retry_after_seconds: Callable[[BaseException], float | None] = lambda _error: None,
    ) -> None:
        self._initial_seconds = initial_seconds
        self._max_seconds = max_seconds
        self._random = random
        self._retry_after_seconds = retry_after_seconds

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome is not None else None
        if error is None:
            raise TypeError("asked for a wait although nothing failed")
        return self.seconds(retry_state.attempt_number, self._retry_after_seconds(error))

    def seconds(self, failed_attempts: int, retry_after_seconds: float | None = None) -> float:
        """Return the wait after this many failed attempts, the last of which may have asked for one."""
        doubled = self._initial_seconds * 2.0 ** min(failed_attempts - 1, MAX_DOUBLINGS)
        # Capped before the spread, so that late waits do not all have the same length.
        wait = min(self._max_seconds, min(self._max_seconds, doubled) * self._random.uniform(0.5, 1.5))
        if retry_after_seconds is not None:
            wait = max(wait, retry_after_seconds * self._random.uniform(1.0, 1.1))
        return wait
