"""What a retry costs: the wait before it, as a wait strategy for tenacity, and a budget that all agents share."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tenacity import RetryCallState
from tenacity.wait import wait_base

MAX_DOUBLINGS = 64  # beyond it only the cap counts, and a float would overflow

CAPACITY = 50  # at least: ten retries at once; every success pays some back
RETRY_COST = 5
RATE_LIMIT_COST = 1  # the server is well and said when to come back


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


class RetryBudget:
    """Retries draw from it and successes fill it again, so that a sick server is not asked again and again for ever.

    Args:
        capacity: what it holds when it is full.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._tokens = capacity

    @classmethod
    def for_team(cls, agents: int, retries: int) -> RetryBudget:
        """Return one from which every agent can pay all the retries of one call: a short burst of faults ends none."""
        return cls(max(CAPACITY, agents * retries * RETRY_COST))

    @property
    def tokens(self) -> int:
        """What is left, from 0 to the capacity."""
        return self._tokens

    def draw(self, cost: int) -> bool:
        """Pay for a retry; False if there is too little left, and nothing was paid."""
        if cost > self._tokens:
            return False
        self._tokens -= cost
        return True

    def succeeded(self, spent: int) -> None:
        """Give back what a call has drawn for its retries, or 1 if it needed none."""
        self._tokens = min(self._capacity, self._tokens + (spent or 1))
