"""Reads a run's journal, also one whose writer was killed, and checks that it shows no token twice and none missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import WorkspaceError

DAMAGED = "journal_damaged"
_TERMINAL = {"call_finished": "text", "call_failed": "partial", "call_cancelled": "partial"}


def read_journal(path: Path) -> Iterator[dict[str, Any]]:  # JSON values, `type` first
    """Give the events of a journal in order, as `event_to_json` made them.

    A last line that was never finished is left out. Any other line that cannot be read comes as
    {"type": "journal_damaged", "line": its number}. A journal that could not be kept to the end of its run ends with
    {"type": "journal_incomplete", "lost_events": how many, "why": a sentence}.

    Raises:
        WorkspaceError: there is no such file, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                event = _event_of(line)
                if event is not None:
                    yield event
                elif line.endswith(b"\n"):
                    yield {"type": DAMAGED, "line": number}
    except OSError as error:
        raise WorkspaceError(
            f"the journal {path} cannot be read: {error.strerror or error}", hint="it is part of the run's folder"
        ) from error


def check_journal(path: Path) -> tuple[str, ...]:
    """Return what is wrong with a journal, one sentence each; empty if it keeps the contract of the events.

    Each call has exactly one end, its pieces follow each other without gap or overlap, and its last text is what its
    last attempt streamed. A call without an end is right only where the process was killed.

    Raises:
        WorkspaceError: there is no such file, or it cannot be read.
    """
    check = _Check()
    for event in read_journal(path):
        check.see(event)
    return tuple(check.problems)


def _event_of(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("type"), str) else None


@dataclass(slots=True)
class _Call:
    attempt: int = 0
    chars: int = 0
    texts: list[str] = field(default_factory=list)
    has_ended: bool = False

    def begin(self, attempt: int) -> None:
        self.attempt, self.chars, self.texts = attempt, 0, []


class _Check:
    """Follows the calls of a journal."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._calls: dict[str, _Call] = {}

    def see(self, event: dict[str, Any]) -> None:  # JSON values
        match event:
            case {"type": "journal_damaged", "line": number}:
                self.problems.append(f"line {number} cannot be read")
            case {"type": "journal_incomplete"}:
                self.problems.append(f"{event.get('lost_events')} events are missing: {event.get('why')}")
            case {"type": "run_started"}:
                self._calls.clear()  # a run that goes on after a kill: its open calls ended with the process
            case {"type": "run_finished"}:
                self._expect_ends()
            case {"type": str(kind), "call_id": str(call_id), "attempt": int(attempt)}:
                self._see_call(kind, call_id, attempt, event)
            case _:
                pass

    def _expect_ends(self) -> None:
        for call_id, call in self._calls.items():
            if not call.has_ended:
                self.problems.append(f"call {call_id} has no end")

    def _see_call(self, kind: str, call_id: str, attempt: int, event: dict[str, Any]) -> None:
        call = self._calls.setdefault(call_id, _Call())
        if call.has_ended:
            self.problems.append(f"call {call_id} goes on after its end: {kind}")
            return
        if attempt < call.attempt:
            self.problems.append(f"call {call_id}: {kind} of attempt {attempt} comes after attempt {call.attempt}")
            return
        if kind == "attempt_started":
            call.begin(attempt)
        elif kind == "tokens_received":
            self._see_text(call_id, call, attempt, event)
        elif kind in _TERMINAL:
            call.has_ended = True
            if event.get(_TERMINAL[kind]) != "".join(call.texts):
                self.problems.append(f"call {call_id}: the text of {kind} is not what attempt {attempt} streamed")
            call.texts = []

    def _see_text(self, call_id: str, call: _Call, attempt: int, event: dict[str, Any]) -> None:
        offset, text = event.get("offset"), str(event.get("text"))
        if offset != call.chars:
            self.problems.append(f"call {call_id}, attempt {attempt}: a piece is at {offset}, not at {call.chars}")
        call.chars += len(text)
        call.texts.append(text)
