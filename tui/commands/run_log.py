"""What a headless run says of an event: one plain line, or nothing."""

from __future__ import annotations

from collections.abc import Mapping

from core.events import (
    AlertFired,
    AlertResolved,
    AttemptFailed,
    AttemptStarted,
    BreakerChanged,
    BudgetReached,
    CallCancelled,
    CallFailed,
    CallFinished,
    CallQueued,
    Event,
    FileRejected,
    FileWritten,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    Warned,
)
from core.text.sanitize import plain_line
from core.waits import Wait

LINE_MAX_CHARACTERS = 300
TOLD_BY_BREAKERS = frozenset({"breaker_opened", "breaker_recovered"})  # alerts that a BreakerChanged has told already
_Told = tuple[str, str, float | None]


class ProgressLines:
    """Turns the events of a run into lines, and tells a wait or a fallback of a call once.

    Attributes:
        titles: the names of the agents by id.
    """

    def __init__(self, titles: Mapping[str, str]) -> None:
        self.titles = titles
        self._told: dict[str, _Told] = {}  # by call: what was told of it last

    def line(self, event: Event) -> str | None:
        """Return the line for an event; None if there is nothing to say, or nothing new."""
        if isinstance(event, CallFinished | CallFailed | CallCancelled):
            self._told.pop(event.call_id, None)
        elif (told := _told_of(event)) is not None:
            call_id, what = told
            if self._told.get(call_id) == what:
                return None
            self._told[call_id] = what
        return progress_line(event, self.titles)


def progress_line(event: Event, titles: Mapping[str, str]) -> str | None:
    """Return the line for an event, without control characters; None for events that are too fine for a log.

    `titles` has the names of the agents by id.
    """
    line = _line(event, titles.get(getattr(event, "agent_id", ""), ""))
    if line is None:
        return None
    indent = line[: len(line) - len(line.lstrip(" "))]
    return indent + plain_line(line, limit=LINE_MAX_CHARACTERS)


def _told_of(event: Event) -> tuple[str, _Told] | None:
    """Return the call and what a line about the event would tell of it; None if every such event is a line."""
    match event:
        case CallQueued() if event.reason != "slot":
            return event.call_id, (event.reason, "", event.until)
        case AttemptFailed(kind="loading"):  # it is asked again every second
            return event.call_id, ("loading", event.message, None)
        case AttemptStarted(fallback=True):
            return event.call_id, ("fallback", event.endpoint or event.model, None)
        case _:
            return None


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
        case CallQueued() if event.reason != "slot":
            return f"  ! {title}: {Wait.from_queued(event).words(event.at)}"
        case AttemptStarted(fallback=True):
            return f"  ! {title}: uses the fallback {event.endpoint or event.model}"
        case AttemptFailed(kind="loading", will_retry=True):
            return f"  ! {title}: {event.message}"
        case AttemptFailed() if event.will_retry:  # of the last attempt the call itself tells
            return f"  ! {title}: {event.message} ({event.kind}), again in {event.wait_seconds:.1f} s"
        case CallFinished(cached=True):
            return f"  = {title}: {event.task_id} from the cache"
        case CallFailed():
            what = f"  ! {title}: {event.message} ({event.kind})"
            return what + (f" - {event.hint}" if event.hint else "")
        case BreakerChanged():
            wait = f", next try in {event.retry_at - event.at:.0f} s" if event.retry_at is not None else ""
            return f"  ! circuit breaker of {event.name}: {event.old} -> {event.new}{wait}"
        case AlertFired() if event.name not in TOLD_BY_BREAKERS:
            return f"  ! {event.severity} {event.name}: {event.message}"
        case AlertResolved():
            return f"  ! resolved: {event.message}"
        case BudgetReached():
            return f"  ! budget reached: {event.used:g} of {event.limit:g} {event.what}"
        case RunFinished():
            why = f": {event.reason}" if event.reason else ""
            return (
                f"{event.status}, verdict {event.verdict}, {len(event.files)} files "
                f"in {event.duration_seconds:.1f} s{why}"
            )
        case _:
            return None
