"""One clock paints all live views: dirty views are collected and drawn together, five to fifteen times a second."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

SLOWEST_PERIOD_SECONDS = 1 / 5
FASTEST_PERIOD_SECONDS = 1 / 15
FIRST_PERIOD_SECONDS = 1 / 10
PAINT_SHARE = 1 / 3  # of the loop's time may go into painting; the rest belongs to keys and tokens
SMOOTHING = 0.3  # weight of the newest frame in the running mean of the cost


class Paintable(Protocol):
    """What the clock draws."""

    def paint_frame(self) -> None:
        """Bring the screen up to date with everything fed so far."""


class FrameClock:
    """The shared clock of all live views; runs no timer while nothing is dirty.

    `now` gives seconds for the spacing of frames, `spent` the seconds of CPU used by this thread (their growth between
    two frames is the measured cost), `call_later` schedules a frame (default: the running loop's). Use from one thread.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.monotonic,
        spent: Callable[[], float] = time.thread_time,
        call_later: Callable[[float, Callable[[], None]], object] | None = None,
    ) -> None:
        self._now = now
        self._spent = spent
        self._call_later = call_later or self._call_later_on_loop
        self._dirty: dict[Paintable, None] = {}
        self._scheduled = False
        self._last_frame_at: float | None = None
        self._spent_at_frame: float | None = None
        self._cost_seconds = FIRST_PERIOD_SECONDS * PAINT_SHARE

    @property
    def period_seconds(self) -> float:
        """The present distance between two frames."""
        return min(max(self._cost_seconds / PAINT_SHARE, FASTEST_PERIOD_SECONDS), SLOWEST_PERIOD_SECONDS)

    @property
    def is_idle(self) -> bool:
        """Whether no view is dirty and no timer is running."""
        return not self._scheduled and not self._dirty

    def mark(self, view: Paintable) -> None:
        """Have `view` painted with the next frame; cheap, may be called for every token."""
        self._dirty[view] = None
        if not self._scheduled:
            self._schedule()

    def forget(self, view: Paintable) -> None:
        """Drop a view that is gone or hidden."""
        self._dirty.pop(view, None)

    def paint_now(self) -> None:
        """Paint all dirty views at once; the frame that was due stays due."""
        due = deque(self._dirty)
        self._dirty.clear()
        try:
            while due:
                due.popleft().paint_frame()
        finally:
            self._dirty.update(dict.fromkeys(due))  # one that fails must not cost the others their frame

    def _schedule(self) -> None:
        now = self._now()
        if self._last_frame_at is None:
            delay = 0.0
        else:
            delay = max(0.0, self._last_frame_at + self.period_seconds - now)
            if delay == 0.0:
                self._spent_at_frame = None  # the clock rested: what was spent meanwhile is not the cost of a frame
        self._scheduled = True
        self._call_later(delay, self._frame)

    def _frame(self) -> None:
        self._scheduled = False
        spent = self._spent()
        if self._spent_at_frame is not None:
            cost = spent - self._spent_at_frame
            self._cost_seconds += SMOOTHING * (cost - self._cost_seconds)
        self._spent_at_frame = spent
        self._last_frame_at = self._now()
        try:
            self.paint_now()
        finally:
            if self._dirty and not self._scheduled:
                self._schedule()

    @staticmethod
    def _call_later_on_loop(delay_seconds: float, callback: Callable[[], None]) -> object:
        return asyncio.get_running_loop().call_later(delay_seconds, callback)
