"""A bounded number of calls at once; the others wait in line, the urgent ones first.

An adaptive gate finds out by itself how many calls the other side bears: one more while it succeeds, a tenth fewer
when it is overloaded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

Priority = Literal["user", "agent"]
"""user: somebody waits for it at the screen; agent: the run needs it."""

MAX_WAITING = 32  # a longer line means that something asks in a loop

_RANKS: dict[Priority, int] = {"user": 0, "agent": 1}


class GateFullError(Exception):
    """The line is as long as it may be."""


@dataclass(slots=True, eq=False)
class _Waiter:
    turn: asyncio.Future[None]
    rank: int
    on_position: Callable[[int], None] | None
    position: int = -1

    def tell(self, position: int) -> None:
        if position != self.position:
            self.position = position
            if self.on_position is not None:
                self.on_position(position)


class Gate:
    """Lets `slots` calls through at a time.

    Args:
        slots: calls at once, at first.
        ceiling: the most that `slots` may become; None keeps it as it is.
        max_waiting: the longest line.
    """

    def __init__(self, slots: int, *, ceiling: int | None = None, max_waiting: int = MAX_WAITING) -> None:
        self.slots = slots if ceiling is None else min(slots, ceiling)
        self.in_use = 0
        self._ceiling = ceiling
        self._max_waiting = max_waiting
        self._line: list[_Waiter] = []

    @property
    def waiting(self) -> int:
        return len(self._line)

    @asynccontextmanager
    async def slot(
        self, on_position: Callable[[int], None] | None = None, *, priority: Priority = "agent"
    ) -> AsyncIterator[None]:
        """Hold a slot during the block; `on_position` is told how many are ahead, whenever it changes, from 0.

        Raises:
            GateFullError: too many are waiting already.
        """
        await self._enter(on_position, _RANKS[priority])
        try:
            yield
        finally:
            self._leave()

    def succeeded(self) -> None:
        """Learn that a call went well; call it while its slot is still held."""
        # A success while most slots are free says nothing of what the other side bears.
        if self._ceiling is not None and self.slots < self._ceiling and self.in_use * 2 >= self.slots:
            self.slots += 1
            self._hand_out()

    def overloaded(self) -> None:
        """Learn that the other side had too much to do; the calls that run go on."""
        if self._ceiling is not None:
            self.slots = max(1, min(self.slots - 1, int(self.slots * 0.9)))

    def fix(self, slots: int) -> None:
        """Let this many calls through at a time from now on, whatever becomes of them."""
        self.slots, self._ceiling = slots, None
        self._hand_out()

    async def _enter(self, on_position: Callable[[int], None] | None, rank: int) -> None:
        if self.in_use < self.slots:
            self.in_use += 1
            return
        if len(self._line) >= self._max_waiting:
            raise GateFullError
        waiter = _Waiter(asyncio.get_running_loop().create_future(), rank, on_position)
        behind = (number for number, other in enumerate(self._line) if other.rank > rank)
        self._line.insert(next(behind, len(self._line)), waiter)
        try:
            self._tell_positions()
            await waiter.turn
        except BaseException:
            if waiter in self._line:
                self._line.remove(waiter)
                self._tell_positions()
            elif not waiter.turn.cancelled():
                self._leave()  # the slot came in the same moment as the cancel
            raise

    def _leave(self) -> None:
        self.in_use -= 1
        self._hand_out()

    def _hand_out(self) -> None:
        # The slot is counted as taken before its new owner runs, so that nobody who comes now can overtake the line.
        while self._line and self.in_use < self.slots:
            waiter = self._line.pop(0)
            if not waiter.turn.done():
                self.in_use += 1
                waiter.turn.set_result(None)
        self._tell_positions()

    def _tell_positions(self) -> None:
        for position, waiter in enumerate(list(self._line)):
            waiter.tell(position)
