"""A sink that remembers, and waits for, the events of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from core.events import (
    AttemptFailed,
    AttemptStarted,
    CallCancelled,
    CallFailed,
    CallFinished,
    Event,
    event_type_name,
)
from core.sessions.journal import CallContract
from core.telemetry.metrics.registry import Registry

AnEvent = TypeVar("AnEvent", bound=Event)


class Recorder:
    """Give it as `emit`; it keeps everything in order.

    Attributes:
        on_event: told every event once it is kept; may raise, as a sink with a bug does.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.on_event: Callable[[Event], None] | None = None
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        for condition, woken in list(self._waiting):
            if not woken.done() and condition():
                woken.set_result(None)
        if self.on_event is not None:
            self.on_event(event)

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
    """Assert that the events of every call keep their contract, and that every call has ended."""
    contract = CallContract()
    for event in events:
        contract.see(event)
    contract.expect_ends()
    assert contract.violations == []


def check_accounts(events: list[Event], registry: Registry) -> None:
    """Assert that the metrics tell of calls, failed attempts and retries what their events tell.

    Every attempt that failed is one of llm.errors. It was told by an AttemptFailed, or it was repeated in silence and
    is seen by its second AttemptStarted; a call that was cancelled, continued, or ended by a bug in between may hide one.
    Every retry is an AttemptFailed with a wait, other than one for a model that is loading.
    """
    by_outcome = {"ok": CallFinished, "error": CallFailed, "cancelled": CallCancelled}
    for outcome, ending in by_outcome.items():
        ended = sum(isinstance(event, ending) for event in events)
        assert registry.total("llm.requests", outcome=outcome) == ended, f"calls that ended as {outcome}"
    failed = [event for event in events if isinstance(event, AttemptFailed)]
    retried = [event for event in failed if event.will_retry and event.wait_seconds > 0 and event.kind != "loading"]
    assert registry.total("llm.retries") == len(retried), "retries"
    may_hide = sum(isinstance(event, CallCancelled) for event in events)
    may_hide += sum(isinstance(event, CallFailed) and event.kind.startswith("bug:") for event in events)
    may_hide += round(registry.total("llm.continuations"))
    hidden = registry.total("llm.errors") - len(failed) - _silent_repeats(events)
    assert 0 <= hidden <= may_hide, f"failed attempts: {hidden:g} more than the events tell of"


def _silent_repeats(events: list[Event]) -> int:
    repeats = 0
    open_attempts: set[str] = set()
    for event in events:
        if isinstance(event, AttemptStarted):
            repeats += event.call_id in open_attempts
            open_attempts.add(event.call_id)
        elif isinstance(event, AttemptFailed):
            open_attempts.discard(event.call_id)
    return repeats
