"""Time as a value that is passed in, so that tests wait for nothing."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Everything that the engine needs to know about time."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    def now(self) -> datetime:
        """The wall clock in UTC; for names and logs, never for durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...


class SystemClock:
    """The machine's own time."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(tz=UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class InterruptibleSleep:
    """The waits of one call, or of several; `wake` ends those that are under way."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sleeps: set[asyncio.Timeout] = set()

    @property
    def is_waiting(self) -> bool:
        return bool(self._sleeps)

    async def sleep(self, seconds: float) -> bool:
        """Return True once `wake` was called, or False after `seconds`."""
        # A timeout without a time ends a sleep without a second task, and distinguishes its own end from a cancel.
        end = asyncio.timeout(None)
        try:
            async with end:
                self._sleeps.add(end)
                await self._clock.sleep(seconds)
        except TimeoutError:
            if not end.expired():
                raise
            return True
        finally:
            self._sleeps.discard(end)
        return False

    def wake(self) -> bool:
        """End all sleeps; False if there are none."""
        was_waiting = self.is_waiting
        now = asyncio.get_running_loop().time()
        while self._sleeps:
            self._sleeps.pop().reschedule(now)
        return was_waiting
