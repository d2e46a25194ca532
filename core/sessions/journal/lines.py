"""From events to lines of the journal: pieces of an answer are joined while they wait, and no line holds a secret.

A secret that came in several pieces is covered as well: the end of a piece that may be the beginning of one is held
back until the next event of the call. Joined pieces mean that a slow disk gets fewer, longer lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from core.events import (
    SCHEMA_VERSION,
    AttemptReset,
    AttemptStarted,
    CallCancelled,
    CallEvent,
    CallFailed,
    CallFinished,
    Event,
    ReasoningReceived,
    TokensReceived,
    event_to_json,
)
from core.text.redaction import cover, equal_but_for_cover, redact, split_before_begun_secret

SCHEMA_TYPE = "schema"
MAX_LINE_CHARS = 65_536
EVENT_CHARS = 300  # what an event takes beside its text, roughly

# Sentences that may quote a server; what they mask has no length that anybody counts on.
QUOTING_FIELDS = frozenset({"message", "hint", "reason", "notes", "why"})


@dataclass(slots=True)
class _JoinedPieces:
    """Neighbouring pieces of one attempt's answer; the first one gives the line its seq, offset and time."""

    first: TokensReceived | ReasoningReceived
    texts: list[str]
    chars: int

    def takes(self, event: TokensReceived | ReasoningReceived) -> bool:
        first = self.first
        if type(event) is not type(first) or event.attempt != first.attempt or self.chars >= MAX_LINE_CHARS:
            return False
        # A piece that does not fit on stays visible as a gap.
        return not isinstance(event, TokensReceived) or event.offset == _offset(first) + self.chars

    def event(self) -> TokensReceived | ReasoningReceived:
        return self.first if len(self.texts) == 1 else replace(self.first, text="".join(self.texts))


class PendingEvents:
    """Events that wait to be written, in their order; only pieces of answers that stream side by side may change places.

    Attributes:
        chars: about how much waits.
        events: how many have been added since the last `take`.
    """

    def __init__(self) -> None:
        self.chars = 0
        self.events = 0
        self._waiting: list[Event | _JoinedPieces] = []
        self._joinable: dict[str, _JoinedPieces] = {}

    def add(self, event: Event) -> None:
        self.events += 1
        if not isinstance(event, TokensReceived | ReasoningReceived):
            self._joinable.clear()
            self._waiting.append(event)
            self.chars += EVENT_CHARS + len(getattr(event, "text", "")) + len(getattr(event, "partial", ""))
            return
        size = len(event.text)
        joined = self._joinable.get(event.call_id)
        if joined is not None and joined.takes(event):
            joined.texts.append(event.text)
            joined.chars += size
        else:
            joined = self._joinable[event.call_id] = _JoinedPieces(event, [event.text], size)
            self._waiting.append(joined)
            size += EVENT_CHARS
        self.chars += size

    def take(self) -> list[Event]:
        """Return all that waits, and forget it."""
        events = [entry.event() if isinstance(entry, _JoinedPieces) else entry for entry in self._waiting]
        self.chars = self.events = 0
        self._waiting = []
        self._joinable.clear()
        return events


@dataclass(slots=True)
class _CallText:
    """What a call's current attempt has on the page, and the end of it that is held back."""

    written: list[str] = field(default_factory=list)
    held: TokensReceived | ReasoningReceived | None = None


def schema_line() -> bytes:
    """Return the first line of a journal, and of what a script is given: which schema the lines after it follow."""
    return json.dumps({"type": SCHEMA_TYPE, "version": SCHEMA_VERSION}).encode("ascii") + b"\n"


class JournalLines:
    """Makes the lines of one run."""

    def __init__(self) -> None:
        self._calls: dict[str, _CallText] = {}

    def of(self, event: Event) -> Iterator[bytes]:
        """Give the lines that an event brings about; the end of a piece may come with a later event."""
        if isinstance(event, TokensReceived | ReasoningReceived):
            yield from self._streamed(event)
            return
        if isinstance(event, CallEvent) and event.call_id in self._calls:
            yield from self._held(self._calls[event.call_id])
            if isinstance(event, AttemptStarted | AttemptReset):
                del self._calls[event.call_id]
        match event:
            case CallFinished():
                yield _line(replace(event, text=self._last_text(event.call_id, event.text)))
            case CallFailed() | CallCancelled():
                yield _line(replace(event, partial=self._last_text(event.call_id, event.partial)))
            case _:
                yield _line(event)

    def rest(self) -> Iterator[bytes]:
        """Give what is held back still."""
        for call in self._calls.values():
            yield from self._held(call)

    def _streamed(self, event: TokensReceived | ReasoningReceived) -> Iterator[bytes]:
        call = self._calls.setdefault(event.call_id, _CallText())
        first, text = event, event.text
        if call.held is not None:
            if _goes_on(call.held, event):
                first, text, call.held = call.held, call.held.text + event.text, None
            else:
                yield from self._held(call)
        shown, held = split_before_begun_secret(text)
        if shown:
            yield from self._piece(call, replace(first, text=shown))
        if held:
            call.held = _beginning_at(first if len(held) > len(event.text) else event, first, len(shown), held)

    def _held(self, call: _CallText) -> Iterator[bytes]:
        held, call.held = call.held, None
        if held is not None:
            yield from self._piece(call, replace(held, text=cover(held.text)))

    @staticmethod
    def _piece(call: _CallText, event: TokensReceived | ReasoningReceived) -> Iterator[bytes]:
        if isinstance(event, TokensReceived):
            call.written.append(event.text)
        yield _line(event)

    def _last_text(self, call_id: str, text: str) -> str:
        """Return a call's last text as its pieces have it: what was covered in them is covered here, and no more."""
        call = self._calls.pop(call_id, None)
        written = "".join(call.written) if call is not None else ""
        clean = cover(text)
        return written if equal_but_for_cover(written, clean) else clean


def _offset(event: TokensReceived | ReasoningReceived) -> int:
    return event.offset if isinstance(event, TokensReceived) else 0


def _goes_on(held: TokensReceived | ReasoningReceived, event: TokensReceived | ReasoningReceived) -> bool:
    if held.attempt != event.attempt:
        return False
    if isinstance(held, TokensReceived) and isinstance(event, TokensReceived):
        return held.offset + len(held.text) == event.offset
    return isinstance(held, ReasoningReceived) and isinstance(event, ReasoningReceived)


def _beginning_at(
    source: TokensReceived | ReasoningReceived,
    first: TokensReceived | ReasoningReceived,
    after: int,
    text: str,
) -> TokensReceived | ReasoningReceived:
    if isinstance(source, TokensReceived) and isinstance(first, TokensReceived):
        return replace(source, offset=first.offset + after, text=text)
    return replace(source, text=text)


def _line(event: Event) -> bytes:
    record = event_to_json(event)
    if not isinstance(event, TokensReceived | ReasoningReceived):
        streamed = isinstance(event, CallEvent)
        for name, value in record.items():
            if not (streamed and name in {"text", "partial"}):
                record[name] = _clean(value, quoting=name in QUOTING_FIELDS)
    # ASCII: nothing a server says can move the cursor of a terminal that shows the file, or break its encoding.
    return json.dumps(record, ensure_ascii=True, default=str).encode("ascii") + b"\n"


def _clean(value: Any, *, quoting: bool) -> Any:  # JSON values
    if isinstance(value, str):
        return redact(value) if quoting else cover(value)
    if isinstance(value, list):
        return [_clean(item, quoting=quoting) for item in value]
    if isinstance(value, dict):
        return {cover(str(name)): _clean(item, quoting=quoting) for name, item in value.items()}
    return value
