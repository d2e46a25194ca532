"""What a headless run says of an event: one plain line, or nothing."""

from __future__ import annotations

from functools import cache

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
from core.roster import read_roster
from core.workspace.text import plain_line

LINE_MAX_CHARACTERS = 300


def progress_line(event: Event) -> str | None:
    """Return the line for an event, without control characters; None for events that are too fine for a log."""
    line = _line(event)
    return None if line is None else plain_line(line, limit=LINE_MAX_CHARACTERS)


def _line(event: Event) -> str | None:
    match event:
        case RunStarted():
            return f"run {event.run_id}: {event.workflow} on {event.model}, files go to {event.output_dir}"
        case Warned():
            return f"note: {event.message}" + (f" - {event.hint}" if event.hint else "")
        case StepStarted():
            again = f", rework {event.round}" if event.round else ""
            return f"{_title(event.agent_id)}: {event.step}{again} ..."
        case StepFinished():
            why = f" ({event.notes})" if event.notes else ""
            return f"{_title(event.agent_id)}: {event.step} {event.status} in {event.duration_seconds:.1f} s{why}"
        case FileWritten():
            return f"  + {event.path} ({event.bytes} bytes)"
        case FileRejected():
            return f"  - {event.path} not accepted: {event.why}"
        case AttemptFailed():
            then = f"again in {event.wait_seconds:.1f} s" if event.will_retry else "no further attempt"
            return f"  ! {_title(event.agent_id)}: {event.message} ({event.kind}), {then}"
        case CallFailed():
            return f"  ! {_title(event.agent_id)}: {event.message}" + (f" - {event.hint}" if event.hint else "")
        case BreakerChanged():
            return f"  ! circuit breaker of {event.name}: {event.old} -> {event.new}"
        case RunFinished():
            why = f": {event.reason}" if event.reason else ""
            return (
                f"{event.status}, verdict {event.verdict}, {len(event.files)} files "
                f"in {event.duration_seconds:.1f} s{why}"
            )
        case _:
            return None


def _title(agent_id: str) -> str:
    return _titles().get(agent_id, agent_id)


@cache
def _titles() -> dict[str, str]:
    return {card.agent_id: card.title for card in read_roster()}
