"""The contract that the events of every call keep, checked event by event; of a call that has ended only its id is kept.

A call has exactly one end, nothing comes after it, its pieces follow each other without gap or overlap, an attempt
replaces what an earlier one streamed only after a reset, and the text of the end is what the last attempt streamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.events import CallEvent, Event, event_to_json

_TEXT_OF_END = {"call_finished": "text", "call_failed": "partial", "call_cancelled": "partial"}


@dataclass(slots=True)
class OpenCall:
    """What a reader that missed nothing holds of a call."""

    attempt: int = 0
    pieces: list[str] = field(default_factory=list)
    chars: int = 0
    next_seq: int = 0

    def begin(self, attempt: int) -> None:
        self.attempt, self.chars, self.next_seq = attempt, 0, 0
        self.pieces = []


class CallContract:
    """Follows calls.

    Args:
        are_pieces_joined: one event may hold several pieces, as in a journal; their numbers then have gaps.

    Attributes:
        violations: what broke the contract, one sentence each.
        open_calls: the calls that have no end yet, by id.
        ended: the ids of the others.
    """

    def __init__(self, *, are_pieces_joined: bool = False) -> None:
        self.violations: list[str] = []
        self.open_calls: dict[str, OpenCall] = {}
        self.ended: set[str] = set()
        self._are_pieces_joined = are_pieces_joined

    def see(self, event: Event) -> None:
        """Follow an event; one that belongs to no call is none of the contract's."""
        if isinstance(event, CallEvent):
            self.see_record(event_to_json(event))

    def see_record(self, record: Mapping[str, Any]) -> None:  # JSON values
        """Follow an event as `event_to_json` gives it."""
        match record:
            case {"type": str(kind), "call_id": str(call_id), "attempt": int(attempt)} if call_id in self.ended:
                self.violations.append(f"call {call_id} goes on after its end: {kind} of attempt {attempt}")
            case {"type": str(kind), "call_id": str(call_id), "attempt": int(attempt)}:
                self._follow(kind, call_id, attempt, record)
            case _:
                pass

    def expect_ends(self) -> None:
        """Call it a violation that a call has no end yet."""
        self.violations += [f"call {call_id} has no end" for call_id in self.open_calls]

    def _follow(self, kind: str, call_id: str, attempt: int, record: Mapping[str, Any]) -> None:
        call = self.open_calls.setdefault(call_id, OpenCall())
        where = f"call {call_id}, attempt {attempt}"
        if kind == "attempt_started":
            if call.chars:
                self.violations.append(f"{where}: {call.chars} characters were replaced without a reset")
            if attempt not in (call.attempt, call.attempt + 1):
                self.violations.append(f"{where}: it came after attempt {call.attempt}")
            call.begin(attempt)
        elif kind == "attempt_reset":
            call.begin(attempt)
        elif attempt != call.attempt:
            self.violations.append(f"{where}: {kind} came during attempt {call.attempt}")
        elif kind == "tokens_received":
            text = str(record.get("text"))
            if record.get("offset") != call.chars:
                held = f"{call.chars} characters are held"
                self.violations.append(f"{where}: a piece is at offset {record.get('offset')} where {held}")
            self._count(call, where, record)
            call.chars += len(text)
            call.pieces.append(text)
        elif kind == "reasoning_received":
            self._count(call, where, record)
        elif kind in _TEXT_OF_END and record.get(_TEXT_OF_END[kind]) != "".join(call.pieces):
            self.violations.append(f"{where}: the text of {kind} is not what was streamed")
        if kind in _TEXT_OF_END:
            del self.open_calls[call_id]
            self.ended.add(call_id)

    def _count(self, call: OpenCall, where: str, record: Mapping[str, Any]) -> None:
        seq = record.get("seq")
        if seq != call.next_seq and not self._are_pieces_joined:
            self.violations.append(f"{where}: seq {seq} instead of {call.next_seq}")
        call.next_seq += 1
