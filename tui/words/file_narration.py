"""What is said of files: written, asked for again, not accepted, kept apart."""

from __future__ import annotations

from core.events import FileRejected, FileWritten
from core.text.sanitize import one_line
from tui.words.event_words import WARNING_STYLE, EventWords, Note, TimelineEntry, Toast


def file_written(event: FileWritten) -> EventWords:
    """Tell of a file and, if there is something, of what was there before and of what the answer held besides."""
    kept = f"what was there, and was not ours, is now {event.kept}" if event.kept else ""
    ignored = f"left out of the answer: {', '.join(event.ignored)}" if event.ignored else ""
    renamed = f"the plan named it {one_line(event.planned_as)}" if event.planned_as else ""
    rest = "; ".join(filter(None, (renamed, kept, ignored)))
    return EventWords(
        log=f"  + {event.path} ({event.bytes} bytes)" + (f"; {rest}" if rest else ""),
        note=Note(f"{event.path}: {rest}", "warning" if kept else "info") if rest else None,
        timeline=TimelineEntry(f"! {event.path} was replaced: {kept}", WARNING_STYLE) if kept else None,
        toast=Toast(f"{event.path} was replaced: {kept}") if kept else None,
    )


def file_rejected(event: FileRejected) -> EventWords:
    """Tell of a file that is not where it was meant to be, and whether it is asked for again or kept elsewhere."""
    if event.asked_again:
        words = f"{event.path} is asked for again: {event.why}"
        return EventWords(log=f"  - {words}", note=Note(words))
    if event.held:
        words = f"{event.why}. It is in {event.held}"
        return EventWords(
            log=f"  - {words}", note=Note(words, "warning"), timeline=TimelineEntry(f"! {words}", WARNING_STYLE)
        )
    return EventWords(
        log=f"  - {event.path} not accepted: {event.why}",
        note=Note(f"file rejected: {event.path}: {event.why}", "warning"),
    )
