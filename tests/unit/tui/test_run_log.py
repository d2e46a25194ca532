"""What a headless run says of an event."""

from __future__ import annotations

from typing import Any

from core.events import (
    AttemptFailed,
    AttemptStarted,
    CallFailed,
    CallFinished,
    CallQueued,
    Event,
    FileRejected,
    Usage,
)
from core.kinds import QueueReason
from tui.commands.run_log import ProgressLines, progress_line

TITLES = {"developer": "Developer"}
CALL: dict[str, Any] = {
    "run_id": "r",
    "correlation_id": "c",
    "at": 1.0,
    "agent_id": "developer",
    "task_id": "build/a.py",
    "call_id": "x",
    "attempt": 1,
}
FAILED: dict[str, Any] = {"kind": "stall", "message": "the server stalled", "received_chars": 0}


def test_what_belongs_to_a_step_is_indented_and_holds_no_controls() -> None:
    event = FileRejected(
        run_id="r",
        correlation_id="c",
        at=1.0,
        path="a.py",
        why="\x1b[31mred\x1b]0;title\x07\nline",
        agent_id="developer",
    )

    assert progress_line(event, TITLES) == "  - a.py not accepted: red line"


def test_a_failed_attempt_is_told_once() -> None:
    again = AttemptFailed(**CALL, **FAILED, will_retry=True, wait_seconds=1.25)
    last = AttemptFailed(**CALL, **FAILED, will_retry=False, wait_seconds=0.0)
    end = CallFailed(**CALL, kind="stall", message="the server stalled", hint="look at it", partial="")

    assert progress_line(again, TITLES) == "  ! Developer: the server stalled (stall), again in 1.2 s"
    assert progress_line(last, TITLES) is None
    assert progress_line(end, TITLES) == "  ! Developer: the server stalled (stall) - look at it"


def queued(reason: QueueReason, until: float | None = None, attempt: int = 1) -> CallQueued:
    return CallQueued(**{**CALL, "attempt": attempt}, position=1, reason=reason, until=until)


def started(attempt: int = 1, *, fallback: bool = False) -> AttemptStarted:
    return AttemptStarted(**{**CALL, "attempt": attempt}, model="b", endpoint="host/b", fallback=fallback)


def said(*events: Event) -> list[str]:
    lines = ProgressLines(TITLES)
    return [line for event in events if (line := lines.line(event)) is not None]


def test_a_wait_is_told_once_however_often_it_is_announced() -> None:
    lines = said(
        queued("slot"),
        queued("breaker", 43.0),
        queued("breaker", 43.0),
        queued("breaker"),
        queued("breaker", 61.0),
        queued("rate_limit", 13.0),
        queued("own_rate", 4.0),
        queued("own_rate", 4.0, attempt=2),
    )

    assert lines == [
        "  ! Developer: breaker open 42 s",
        "  ! Developer: breaker tries again",
        "  ! Developer: breaker open 60 s",
        "  ! Developer: rate limit 12 s",
        "  ! Developer: own limit 3.0 s",
    ]


def test_a_fallback_and_a_model_that_loads_are_told_once_for_a_call() -> None:
    loading = AttemptFailed(
        **CALL, kind="loading", message="host is loading", received_chars=0, will_retry=True, wait_seconds=1.0
    )

    assert said(started(), started(2, fallback=True), started(3, fallback=True)) == [
        "  ! Developer: uses the fallback host/b"
    ]
    assert said(started(), loading, started(), loading, started(), loading) == ["  ! Developer: host is loading"]


def test_what_was_told_of_a_call_is_forgotten_with_its_end() -> None:
    end = CallFinished(**CALL, text="", finish_reason="stop", usage=Usage(1, 2), duration_seconds=0.0, cached=True)

    assert said(queued("breaker", 43.0), end, queued("breaker", 43.0)) == [
        "  ! Developer: breaker open 42 s",
        "  = Developer: build/a.py from the cache",
        "  ! Developer: breaker open 42 s",
    ]
