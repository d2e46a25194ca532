"""The places where something is said of an event, each with its own form."""

from __future__ import annotations

from dataclasses import dataclass

from tui.words.signs import NoteKind, Severity

WARNING_STYLE = "$text-warning"


@dataclass(frozen=True, slots=True)
class Note:
    """A line in the pane of an agent."""

    text: str
    kind: NoteKind = "info"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """A line of the timeline."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Toast:
    """A few words over everything else, for a moment."""

    text: str
    severity: Severity = "warning"


@dataclass(frozen=True, slots=True)
class EventWords:
    """What is said of one event, place by place; None says nothing there. `log` is a line of a headless run."""

    log: str | None = None
    note: Note | None = None
    timeline: TimelineEntry | None = None
    toast: Toast | None = None


NOTHING = EventWords()
