"""A sink that remembers, and waits for, the events of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from core.events import (
    AttemptStarted,
    CallCancelled,
    CallEvent,
    CallFailed,
    CallFinished,
    Event,
    TokensReceived,
    event_type_name,
)

AnEvent = TypeVar("AnEvent", bound=Event)

TERMINAL = (CallFinished, CallFailed, CallCancelled)


class Recorder:
    """Give it as `emit`; it keeps everything in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        for condition, woken in list(self._waiting):
            if not woken.done() and condition():
                woken.set_result(None)

    def of(self, event_class: type[AnEvent]) -> list[AnEvent]:
        """Return all events of a class."""
        return [event for event in self.events if isinstance(event, event_class)]

    def names(self) -> list[str]:
        """Return the names of all events; neighbours of the same name count once."""
        names = [event_type_name(type(event)) for event in self.events]
        return [name for place, name in enumerate(names) if place == 0 or names[place - 1] != name]

    async def seen(self, event_class: type[Event], count: int = 1) -> None:
        """Return when this many events of a class have come."""
        await self.until(lambda: len(self.of(event_class)) >= count)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when the condition holds; it is asked after every event."""
        if condition():
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (condition, woken)
        self._waiting.append(entry)
        try:
            await woken
        finally:
            self._waiting.remove(entry)


def check_call_contract(events: list[Event]) -> None:
    """Assert the rules every call keeps: one end, contiguous offsets, and a text that equals its last deltas."""
    calls: dict[str, list[CallEvent]] = {}
    for event in events:
        if isinstance(event, CallEvent):
            calls.setdefault(event.call_id, []).append(event)
    for call in calls.values():
        ends = [event for event in call if isinstance(event, TERMINAL)]
        assert len(ends) == 1, f"{len(ends)} terminal events"
        assert call[-1] is ends[0], "something came after the end"
        held = ""
        attempt = 0
        for event in call:
            assert event.attempt >= attempt, "an older attempt spoke"
            if isinstance(event, AttemptStarted):
                attempt, held = event.attempt, ""
            elif isinstance(event, TokensReceived):
                assert event.offset == len(held), "offsets have a gap"
                held += event.text
        end = ends[0]
        if isinstance(end, CallFinished):
            assert end.text == held
        else:
            assert end.partial == held
