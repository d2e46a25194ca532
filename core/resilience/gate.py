"""A bounded number of calls at once; the others wait in line, first come first served."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

MAX_WAITING = 32  # a longer line means that something asks in a loop


class GateFullError(Exception):
    """The line is as long as it may be."""


@dataclass(slots=True, eq=False)
class _Waiter:
    turn: asyncio.Future[None]
    on_position: Callable[[int], None] | None


class Gate:
    """Lets `slots` calls through at a time."""

    def __init__(self, slots: int, *, max_waiting: int = MAX_WAITING) -> None:
        self.slots = slots
        self.in_use = 0
        self._max_waiting = max_waiting
        self._line: deque[_Waiter] = deque()

    @property
    def waiting(self) -> int:
        return len(self._line)

    @asynccontextmanager
    async def slot(self, on_position: Callable[[int], None] | None = None) -> AsyncIterator[None]:
        """Hold a slot during the block; `on_position` is told how many are ahead, whenever it changes, from 0.

        Raises:
            GateFullError: too many are waiting already.
        """
        await self._enter(on_position)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, on_position: Callable[[int], None] | None) -> None:
        if self.in_use < self.slots and not self._line:
            self.in_use += 1
            return
        if len(self._line) >= self._max_waiting:
            raise GateFullError
        waiter = _Waiter(asyncio.get_running_loop().create_future(), on_position)
        self._line.append(waiter)
        if on_position is not None:
            on_position(len(self._line) - 1)
        try:
            await waiter.turn
        except asyncio.CancelledError:
            if waiter in self._line:
                self._line.remove(waiter)
                self._tell_positions()
            elif not waiter.turn.cancelled():
                self._leave()  # the slot came in the same moment as the cancel
            raise

    def _leave(self) -> None:
        # A slot goes from hand to hand, so that nobody who comes now can overtake the line.
        while self._line:
            waiter = self._line.popleft()
            if not waiter.turn.done():
                waiter.turn.set_result(None)
                self._tell_positions()
                return
        self.in_use -= 1

    def _tell_positions(self) -> None:
        for position, waiter in enumerate(self._line):
            if waiter.on_position is not None:
                waiter.on_position(position)
