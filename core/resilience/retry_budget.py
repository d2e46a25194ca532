"""Retries that all agents share, so that a sick server is not asked again and again by each of them."""

from __future__ import annotations

CAPACITY = 50  # ten retries at once; every success pays some back
RETRY_COST = 5
RATE_LIMIT_COST = 1  # the server is well and said when to come back


class RetryBudget:
    """A purse that retries draw from and successes fill again."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._tokens = capacity

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
