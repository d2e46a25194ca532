"""Follows every call event by event and notes what breaks the contract; keeps nothing of a call that has ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from core.events import (
    AttemptReset,
    AttemptStarted,
    CallCancelled,
    CallEvent,
    CallFailed,
    CallFinished,
    Event,
    ReasoningReceived,
    TokensReceived,
)

TERMINAL = (CallFinished, CallFailed, CallCancelled)


@dataclass(slots=True)
class Followed:
    """One call on its way: what a pane that missed nothing would hold of it."""

    call_id: str
    task_id: str
    agent_id: str
    correlation_id: str
    attempt: int = 0
    held: str = ""
    seq: int = 0
    events: int = 0
    last: CallEvent | None = None


@dataclass(slots=True)
class CallWatch:
    """Give it as `emit`, or feed it the events of a run.

    Attributes:
        on_event: told every event together with the event of the same call before it.
        on_end: told every call that has ended, with its last event.
        violations: what broke the contract, one sentence each.
    """

    on_event: Callable[[Followed, CallEvent], None] = lambda _call, _event: None
    on_end: Callable[[Followed, CallEvent], None] = lambda _call, _event: None
    violations: list[str] = field(default_factory=list)
    calls: dict[str, Followed] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)

    def __call__(self, event: Event) -> None:
        if not isinstance(event, CallEvent):
            return
        if event.call_id in self.ended:
            self._violated(event, "something came after its end")
            return
        call = self.calls.get(event.call_id)
        if call is None:
            call = Followed(event.call_id, event.task_id, event.agent_id, event.correlation_id)
            self.calls[event.call_id] = call
        call.events += 1
        self._follow(call, event)
        self.on_event(call, event)
        call.last = event
        if isinstance(event, TERMINAL):
            del self.calls[event.call_id]
            self.ended.add(event.call_id)
            self.on_end(call, event)

    def _follow(self, call: Followed, event: CallEvent) -> None:
        match event:
            case AttemptReset():
                call.held, call.seq = "", 0
                call.attempt = event.attempt
            case AttemptStarted():
                if call.held:
                    self._violated(event, f"{len(call.held)} characters were replaced without a reset")
                if event.attempt not in (call.attempt, call.attempt + 1):
                    self._violated(event, f"attempt {event.attempt} came after {call.attempt}")
                call.attempt, call.held, call.seq = event.attempt, "", 0
            case _ if event.attempt != call.attempt:
                self._violated(event, f"attempt {event.attempt} spoke during {call.attempt}")
            case TokensReceived():
                if event.offset != len(call.held):
                    self._violated(event, f"offset {event.offset} where {len(call.held)} characters are held")
                self._count(call, event)
                call.held += event.text
            case ReasoningReceived():
                self._count(call, event)
            case CallFinished():
                if event.text != call.held:
                    self._violated(event, "the text is not what was streamed")
            case CallFailed() | CallCancelled():
                if event.partial != call.held:
                    self._violated(event, "the partial text is not what was streamed")
            case _:
                pass

    def _count(self, call: Followed, event: TokensReceived | ReasoningReceived) -> None:
        if event.seq != call.seq:
            self._violated(event, f"seq {event.seq} instead of {call.seq}")
        call.seq += 1

    def _violated(self, event: CallEvent, what: str) -> None:
        self.violations.append(f"{event.task_id} ({type(event).__name__}, attempt {event.attempt}): {what}")
