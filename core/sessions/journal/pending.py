"""Events that wait to be written; pieces of an answer join while they wait, so a slow disk gets fewer, longer lines."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.events import Event, ReasoningReceived, TokensReceived

MAX_LINE_CHARS = 65_536
EVENT_CHARS = 300  # what an event takes beside its text, roughly


@dataclass(slots=True)
class _Joined:
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


class Pending:
    """Keeps the order of events; only pieces of answers that stream side by side may change places.

    Attributes:
        chars: about how much waits.
        events: how many have been added since the last `take`.
    """

    def __init__(self) -> None:
        self.chars = 0
        self.events = 0
        self._waiting: list[Event | _Joined] = []
        self._joinable: dict[str, _Joined] = {}

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
            joined = self._joinable[event.call_id] = _Joined(event, [event.text], size)
            self._waiting.append(joined)
            size += EVENT_CHARS
        self.chars += size

    def take(self) -> list[Event]:
        """Return all that waits, and forget it."""
        events = [entry.event() if isinstance(entry, _Joined) else entry for entry in self._waiting]
        self.chars = self.events = 0
        self._waiting = []
        self._joinable.clear()
        return events


def _offset(event: TokensReceived | ReasoningReceived) -> int:
    return event.offset if isinstance(event, TokensReceived) else 0
