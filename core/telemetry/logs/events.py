"""The life of a run in the log at level DEBUG: every event as a line, without the words of users and models."""

from __future__ import annotations

from core.events import (
    AlertFired,
    AlertResolved,
    AttemptFailed,
    BudgetReached,
    CallCancelled,
    CallFailed,
    CallFinished,
    Event,
    ReasoningReceived,
    RunFinished,
    RunStarted,
    TokensReceived,
    event_to_json,
)
from core.telemetry.logs.line import ID_NAMES
from core.telemetry.logs.setup import is_logged, log

_TOO_MANY = (TokensReceived, ReasoningReceived)
# These have lines of a higher level, where they come from.
_LOGGED_ELSEWHERE = (
    RunStarted,
    RunFinished,
    CallFinished,
    CallFailed,
    CallCancelled,
    AlertFired,
    AlertResolved,
    BudgetReached,
)
_WORDS = frozenset({"task", "text", "partial", "report"})


def log_event(event: Event) -> None:
    """Write the line of an event, if lines of level DEBUG are kept."""
    if isinstance(event, _TOO_MANY) or not is_logged("DEBUG") or isinstance(event, _LOGGED_ELSEWHERE):
        return
    values = event_to_json(event)
    message = str(values.pop("type")).replace("_", " ")
    at = values.pop("at")
    if isinstance(event, AttemptFailed):
        # "attempt failed" is the line of the fault; this one is about what comes of it.
        message = "attempt decided"
        values["decision"] = f"retry in {event.wait_seconds:.2f} s" if event.will_retry else "no further attempt here"
    for moment, left in (("until", "left_seconds"), ("retry_at", "retry_in_seconds")):
        if isinstance(values.get(moment), float):  # on a clock that tells a reader nothing
            values[left] = round(values.pop(moment) - at, 3)
    values = {name: value for name, value in values.items() if value != "" or name not in ID_NAMES}
    content = {name: values.pop(name) for name in [*values] if name in _WORDS}
    log("DEBUG", message, content=content, **values)
