"""What a headless run says of an event."""

from __future__ import annotations

from typing import Any

from core.events import AttemptFailed, CallFailed, FileRejected
from tui.progress import progress_line

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
