"""A bounded number of calls at once; the others wait in a queue, the urgent ones first, then all callers in turn.

An adaptive gate finds out how many calls the server can take: one slot more for each success, a tenth fewer when it is
overloaded.
"""

from __future__ import annotations

import asyncio
from bisect import insort
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

Priority = Literal["user", "agent"]
"""user: somebody waits for it at the screen; agent: the run needs it."""

MAX_WAITING = 10_000  # protects the memory; what a caller asks for waits, it is not refused
NEAR_POSITIONS = 32  # further behind, a call hears of its place only when half of those before it are gone

_RANKS: dict[Priority, int] = {"user": 0, "agent": 1}


class GateFullError(Exception):
    """The queue is as long as it may be."""


@dataclass(slots=True, eq=False)
class _QueuedCall:
    slot_granted: asyncio.Future[None]
    rank: int
    turn: int
    on_position: Callable[[int], None] | None
    position: int = -1

    def notify(self, position: int) -> None:
        if position == self.position:
            return
        if self.position < 0 or position < NEAR_POSITIONS or position * 2 <= self.position:
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
        self._turns: dict[int, int] = {}  # by rank: that of the call which was let through last
        self._last_turns: dict[tuple[int, str], int] = {}  # by rank and caller: that of the call which came last

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @asynccontextmanager
    async def slot(
        self, on_position: Callable[[int], None] | None = None, *, priority: Priority = "agent", caller: str = ""
    ) -> AsyncIterator[None]:
        """Hold a slot during the block.

        Args:
            on_position: takes the number of calls ahead, from 0, whenever it changes.
            priority: the urgent ones overtake the others.
            caller: whoever has many calls waiting lets the others take their turn between them.

        Raises:
            GateFullError: too many are waiting already.
        """
        await self._take_slot(on_position, _RANKS[priority], caller)
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

    async def _take_slot(self, on_position: Callable[[int], None] | None, rank: int, caller: str) -> None:
        if self.in_use < self.slots:
            self.in_use += 1
            return
        if len(self._queue) >= self._max_waiting:
            raise GateFullError
        turn = self._next_turn(rank, caller)
        queued = _QueuedCall(asyncio.get_running_loop().create_future(), rank, turn, on_position)
        insort(self._queue, queued, key=lambda call: (call.rank, call.turn))
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

    def _next_turn(self, rank: int, caller: str) -> int:
        """Return when a call has its turn: callers alternate, and none saves up turns while it asks for nothing."""
        if not self._queue:
            self._turns.clear()
            self._last_turns.clear()
        turn = max(self._last_turns.get((rank, caller), -1) + 1, self._turns.get(rank, 0))
        self._last_turns[rank, caller] = turn
        return turn

    def _release_slot(self) -> None:
        self.in_use -= 1
        self._grant_slots()

    def _grant_slots(self) -> None:
        # The slot is counted as taken before its new owner runs, so that no new call can overtake the queue.
        while self._queue and self.in_use < self.slots:
            queued = self._queue.pop(0)
            if not queued.slot_granted.done():
                self.in_use += 1
                self._turns[queued.rank] = max(self._turns.get(queued.rank, 0), queued.turn)
                queued.slot_granted.set_result(None)
        self._notify_positions()

    def _notify_positions(self) -> None:
        for position, queued in enumerate(list(self._queue)):
            queued.notify(position)
