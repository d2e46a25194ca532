"""What a headless run says of an event: one plain line, or nothing."""

from __future__ import annotations

from collections.abc import Mapping

from core.events import (
    AttemptFailed,
    BreakerChanged,
    CallFailed,
    Event,
    FileRejected,
    FileWritten,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    Warned,
)
from core.workspace.text import plain_line

LINE_MAX_CHARACTERS = 300


def progress_line(event: Event, titles: Mapping[str, str]) -> str | None:
    """Return the line for an event, without control characters; None for events that are too fine for a log.

    `titles` has the names of the agents by id.
    """
    line = _line(event, titles.get(getattr(event, "agent_id", ""), ""))
    if line is None:
        return None
    indent = line[: len(line) - len(line.lstrip(" "))]
    return indent + plain_line(line, limit=LINE_MAX_CHARACTERS)


def _line(event: Event, title: str) -> str | None:
    match event:
        case RunStarted():
            return f"run {event.run_id}: {event.workflow} on {event.model}, files go to {event.output_dir}"
        case Warned():
            return f"note: {event.message}" + (f" - {event.hint}" if event.hint else "")
        case StepStarted():
            again = f", rework {event.round}" if event.round else ""
            return f"{title}: {event.step}{again} ..."
        case StepFinished():
            why = f" ({event.notes})" if event.notes else ""
            return f"{title}: {event.step} {event.status} in {event.duration_seconds:.1f} s{why}"
        case FileWritten():
            return f"  + {event.path} ({event.bytes} bytes)"
        case FileRejected():
            return f"  - {event.path} not accepted: {event.why}"
        case AttemptFailed() if event.will_retry:  # of the last attempt the call itself tells
            return f"  ! {title}: {event.message} ({event.kind}), again in {event.wait_seconds:.1f} s"
        case CallFailed():
            what = f"  ! {title}: {event.message} ({event.kind})"
            return what + (f" - {event.hint}" if event.hint else "")
        case BreakerChanged():
            wait = f", next try in {event.retry_at - event.at:.0f} s" if event.retry_at is not None else ""
            return f"  ! circuit breaker of {event.name}: {event.old} -> {event.new}{wait}"
        case RunFinished():
            why = f": {event.reason}" if event.reason else ""
            return (
                f"{event.status}, verdict {event.verdict}, {len(event.files)} files "
                f"in {event.duration_seconds:.1f} s{why}"
            )
        case _:
            return None
