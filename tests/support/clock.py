"""A clock that only moves when somebody sleeps or a test says so."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class VirtualClock:
    """Time for tests: a sleep returns at once, after other tasks had a turn, and moves the clock.

    With `manual=True` a sleeper wakes only when `advance` has reached its time.

    Attributes:
        sleeps: every sleep that was asked for, in seconds.
    """

    def __init__(self, *, manual: bool = False, start: float = 1000.0) -> None:
        self.sleeps: list[float] = []
        self._manual = manual
        self._now = start
        self._wall = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._watchers: list[tuple[int, asyncio.Event]] = []

    def monotonic(self) -> float:
        return self._now

    def now(self) -> datetime:
        return self._wall

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        if not self._manual:
            self.advance(seconds)
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sleeper = (self._now + seconds, woken)
        self._sleepers.append(sleeper)
        for count, reached in self._watchers:
            if len(self._sleepers) >= count:
                reached.set()
        try:
            await woken
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    async def until_asleep(self, count: int) -> None:
        """Return when this many tasks sleep; for a manual clock."""
        reached = asyncio.Event()
        if len(self._sleepers) < count:
            self._watchers.append((count, reached))
            await reached.wait()

    def advance(self, seconds: float) -> None:
        """Let time pass and wake those whose time has come."""
        self._now += seconds
        self._wall += timedelta(seconds=seconds)
        for when, woken in list(self._sleepers):
            if when <= self._now and not woken.done():
                woken.set_result(None)

    def jump_wall(self, seconds: float) -> None:
        """Set the wall clock without any time passing."""
        self._wall += timedelta(seconds=seconds)
