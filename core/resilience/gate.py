"""A bounded number of calls at once; the others wait in a queue, the urgent ones first.

An adaptive gate finds out how many calls the server can take: one slot more for each success, a tenth fewer when it is
overloaded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

Priority = Literal["user", "agent"]
"""user: somebody waits for it at the screen; agent: the run needs it."""

MAX_WAITING = 32  # a longer queue means that something calls in a loop

_RANKS: dict[Priority, int] = {"user": 0, "agent": 1}


class GateFullError(Exception):
    """The queue is as long as it may be."""


@dataclass(slots=True, eq=False)
class _QueuedCall:
    slot_granted: asyncio.Future[None]
    rank: int
    on_position: Callable[[int], None] | None
    position: int = -1

    def notify(self, position: int) -> None:
        if position != self.position:
            self.position = position
            if self.on_position is not None:
                self.on_position(position)


class Gate:
    """Lets `slots` calls through at a time.

    Args:
        slots: calls at once, at first.
        ceiling: the most that `slots` may become; None keeps it as it is.
        max_waiting: the longest queue.
    """

    def __init__(self, slots: int, *, ceiling: int | None = None, max_waiting: int = MAX_WAITING) -> None:
        self.slots = slots if ceiling is None else min(slots, ceiling)
        self.in_use = 0
        self._ceiling = ceiling
        self._max_waiting = max_waiting
        self._queue: list[_QueuedCall] = []

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @asynccontextmanager
    async def slot(
        self, on_position: Callable[[int], None] | None = None, *, priority: Priority = "agent"
    ) -> AsyncIterator[None]:
        """Hold a slot during the block; `on_position` takes the number of calls ahead, from 0, whenever it changes.

        Raises:
            GateFullError: too many are waiting already.
        """
        await self._take_slot(on_position, _RANKS[priority])
        try:
            yield
        finally:
            self._release_slot()

    def succeeded(self) -> None:
        """Learn that a call went well; call it while its slot is still held."""
        # A success while most slots are free does not show how many calls the server can take.
        if self._ceiling is not None and self.slots < self._ceiling and self.in_use * 2 >= self.slots:
            self.slots += 1
            self._grant_slots()

    def overloaded(self) -> None:
        """Learn that the server was overloaded; the calls that run go on."""
        if self._ceiling is not None:
            self.slots = max(1, min(self.slots - 1, int(self.slots * 0.9)))

    def fix(self, slots: int) -> None:
        """Let this many calls through at a time from now on, whatever their outcome."""
        self.slots, self._ceiling = slots, None
        self._grant_slots()

    async def _take_slot(self, on_position: Callable[[int], None] | None, rank: int) -> None:
        if self.in_use < self.slots:
            self.in_use += 1
            return
        if len(self._queue) >= self._max_waiting:
            raise GateFullError
        queued = _QueuedCall(asyncio.get_running_loop().create_future(), rank, on_position)
        behind = (number for number, other in enumerate(self._queue) if other.rank > rank)
        self._queue.insert(next(behind, len(self._queue)), queued)
        try:
            self._notify_positions()
            await queued.slot_granted
        except BaseException:
            if queued in self._queue:
                self._queue.remove(queued)
                self._notify_positions()
            elif not queued.slot_granted.cancelled():
                self._release_slot()  # it was granted in the same moment as the cancel
            raise

    def _release_slot(self) -> None:
        self.in_use -= 1
        self._grant_slots()

    def _grant_slots(self) -> None:
        # The slot is counted as taken before its new owner runs, so that no new call can overtake the queue.
        while self._queue and self.in_use < self.slots:
            queued = self._queue.pop(0)
            if not queued.slot_granted.done():
                self.in_use += 1
                queued.slot_granted.set_result(None)
        self._notify_positions()

    def _notify_positions(self) -> None:
        for position, queued in enumerate(list(self._queue)):
            queued.notify(position)
