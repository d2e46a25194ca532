"""Keeps calls within a number of requests and tokens per minute, on the injected clock instead of the event loop's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from copy import copy
from dataclasses import dataclass

from core.clock import Clock

BURST_SECONDS = 2.0  # a whole minute's worth at once is what servers answer with 429
MAX_SLEEP_SECONDS = 1.0  # a correction may end the wait early, and is seen this late at the most
NOTIFIED_CHANGE_SECONDS = 0.05  # a smaller one is not visible on a screen
_ROUNDING_SECONDS = 1e-6


@dataclass(slots=True)
class _MinuteBucket:
    """A token bucket of requests or LLM tokens: `level` may be spent now; below 0 after an amount larger than the bucket."""

    per_minute: int
    level: float
    filled_at: float

    @classmethod
    def full(cls, per_minute: int, now: float) -> _MinuteBucket:
        bucket = cls(per_minute, 0.0, now)
        bucket.level = bucket.capacity
        return bucket

    @property
    def per_second(self) -> float:
        return self.per_minute / 60

    @property
    def capacity(self) -> float:
        return max(1.0, self.per_second * BURST_SECONDS)

    def wait_seconds(self, amount: int, now: float) -> float:
        self._fill(now)
        wait = (min(self._clamped(amount), self.capacity) - self.level) / self.per_second
        return wait if wait > _ROUNDING_SECONDS else 0.0

    def take(self, amount: int, now: float) -> None:
        self._fill(now)
        self.level = min(self.capacity, self.level - self._clamped(amount))

    def correct(self, reserved: int, used: int) -> None:
        self.level = min(self.capacity, self.level + self._clamped(reserved) - self._clamped(used))

    def _clamped(self, amount: int) -> int:
        # No call costs more than a minute, or one with a huge prompt would stop the team for as long as it is huge.
        return min(max(0, amount), self.per_minute)

    def _fill(self, now: float) -> None:
        self.level = min(self.capacity, self.level + (now - self.filled_at) * self.per_second)
        self.filled_at = now


@dataclass(slots=True)
class _MinuteBuckets:
    """What both limits allow; None for what has no limit."""

    requests: _MinuteBucket | None
    tokens: _MinuteBucket | None

    def copy(self) -> _MinuteBuckets:
        return _MinuteBuckets(copy(self.requests), copy(self.tokens))

    def wait_seconds(self, tokens: int, now: float) -> float:
        return max(
            self.requests.wait_seconds(1, now) if self.requests is not None else 0.0,
            self.tokens.wait_seconds(tokens, now) if self.tokens is not None else 0.0,
        )

    def take(self, tokens: int, now: float) -> None:
        if self.requests is not None:
            self.requests.take(1, now)
        if self.tokens is not None:
            self.tokens.take(tokens, now)


@dataclass(slots=True, eq=False)
class _WaitingRequest:
    tokens: int
    turn: asyncio.Future[None]  # done when it is the first in the queue
    on_wait: Callable[[float], None]
    until: float = float("-inf")

    def notify(self, until: float) -> None:
        if abs(until - self.until) >= NOTIFIED_CHANGE_SECONDS:
            self.until = until
            self.on_wait(until)


class RateLimiter:
    """Lets calls through in the order in which they came, no faster than two limits allow; None is no limit.

    Two seconds' worth goes at once at most. A call with more tokens than that waits for a full bucket and leaves a debt
    of up to a minute, for which the calls behind it wait.
    """

    def __init__(self, *, requests_per_minute: int | None, tokens_per_minute: int | None, clock: Clock) -> None:
        now = clock.monotonic()
        self._clock = clock
        self._buckets = _MinuteBuckets(
            _MinuteBucket.full(requests_per_minute, now) if requests_per_minute else None,
            _MinuteBucket.full(tokens_per_minute, now) if tokens_per_minute else None,
        )
        self._queue: list[_WaitingRequest] = []

    async def acquire(
        self, tokens: int, *, sleep: Callable[[float], Awaitable[object]], on_wait: Callable[[float], None]
    ) -> None:
        """Return when the call may be made.

        Args:
            tokens: what the call is thought to cost; `correct` it when the cost is known.
            sleep: waits; if it returns early, the rest is waited for as well.
            on_wait: takes the monotonic time at which the wait ends, at first and whenever it changes.
        """
        if not self._queue and not self._wait_seconds(tokens):
            self._buckets.take(tokens, self._clock.monotonic())
            return
        waiting = _WaitingRequest(tokens, asyncio.get_running_loop().create_future(), on_wait)
        self._queue.append(waiting)
        try:
            self._notify_times()
            if self._queue[0] is not waiting:
                await waiting.turn
            while wait := self._wait_seconds(tokens):
                await sleep(min(wait, MAX_SLEEP_SECONDS))
            self._buckets.take(tokens, self._clock.monotonic())
        finally:
            self._queue.remove(waiting)
            if self._queue and not self._queue[0].turn.done():
                self._queue[0].turn.set_result(None)
            self._notify_times()

    def correct(self, reserved: int, used: int) -> None:
        """Replace the tokens that a call had reserved by those it has used."""
        if self._buckets.tokens is not None:
            self._buckets.tokens.correct(reserved, used)
            self._notify_times()

    def _wait_seconds(self, tokens: int) -> float:
        return self._buckets.wait_seconds(tokens, self._clock.monotonic())

    def _notify_times(self) -> None:
        forecast, now = self._buckets.copy(), self._clock.monotonic()
        for waiting in list(self._queue):
            now += forecast.wait_seconds(waiting.tokens, now)
            forecast.take(waiting.tokens, now)
            waiting.notify(now)
