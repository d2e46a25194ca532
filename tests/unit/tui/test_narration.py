"""What is said of an event in a headless run, in a pane, in the timeline and in a toast: a fault once."""

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
    RunFinished,
    StepFinished,
    Usage,
)
from core.kinds import QueueReason
from tui.words.event_words import EventWords, Note
from tui.words.narration import Narrator

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
RUN: dict[str, Any] = {"run_id": "r", "correlation_id": "c", "at": 1.0}
STEP: dict[str, Any] = {**RUN, "step": "build", "agent_id": "developer", "round": 0}
FAILED: dict[str, Any] = {"kind": "stall", "message": "the server stalled", "received_chars": 0}


def narrator() -> Narrator:
    return Narrator(title=lambda agent_id: TITLES.get(agent_id, ""), short=lambda agent_id: "DEV")


def test_what_belongs_to_a_step_is_indented_and_holds_no_controls() -> None:
    event = FileRejected(
        run_id="r",
        correlation_id="c",
        at=1.0,
        path="a.py",
        why="\x1b[31mred\x1b]0;title\x07\nline",
        agent_id="developer",
    )

    assert narrator().tell(event).log == "  - a.py not accepted: red line"


def test_a_failed_attempt_is_told_once() -> None:
    again = AttemptFailed(**CALL, **FAILED, will_retry=True, wait_seconds=1.25)
    last = AttemptFailed(**CALL, **FAILED, will_retry=False, wait_seconds=0.0)
    end = CallFailed(**CALL, kind="stall", message="the server stalled", hint="look at it", partial="")

    assert narrator().tell(again).log == "  ! Developer: the server stalled (stall), again in 1.2 s"
    assert narrator().tell(last) == EventWords()
    assert narrator().tell(end).log == "  ! Developer: the server stalled (stall) - look at it"


def queued(reason: QueueReason, until: float | None = None, attempt: int = 1) -> CallQueued:
    return CallQueued(**{**CALL, "attempt": attempt}, position=1, reason=reason, until=until)


def started(attempt: int = 1, *, fallback: bool = False) -> AttemptStarted:
    return AttemptStarted(**{**CALL, "attempt": attempt}, model="b", endpoint="host/b", fallback=fallback)


def said(*events: Event) -> list[str]:
    teller = narrator()
    return [line for event in events if (line := teller.tell(event).log) is not None]


def noted(*events: Event) -> list[Note]:
    teller = narrator()
    return [note for event in events if (note := teller.tell(event).note) is not None]


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


LAST_ATTEMPT = AttemptFailed(**CALL, **FAILED, will_retry=False, wait_seconds=0.0)
CALL_FAILED = CallFailed(**CALL, kind="stall", message="the server stalled", hint="look at it", partial="")
TOLD_ONCE = Note("the server stalled - look at it", "error")


def step_ends(notes: str) -> StepFinished:
    return StepFinished(**STEP, status="failed", notes=notes, duration_seconds=1.0)


def run_ends(reason: str, *failed_steps: str) -> RunFinished:
    return RunFinished(
        **RUN,
        status="failed",
        verdict="not_executed",
        reason=reason,
        output_dir="out",
        files=(),
        duration_seconds=2.0,
        failed_steps=failed_steps,
    )


def test_a_fault_is_told_once_by_its_call_and_neither_by_its_step_nor_by_its_run() -> None:
    words = "the server stalled - look at it"
    events: list[Event] = [started(), LAST_ATTEMPT, CALL_FAILED, step_ends(words), run_ends(f"build: {words}", "build")]
    teller = narrator()
    all_words = [teller.tell(event) for event in events]

    assert noted(*events) == [TOLD_ONCE, Note("step build: failed", "error"), Note("run failed: step build", "error")]
    assert [line for line in said(*events) if "stalled" in line] == [
        "  ! Developer: the server stalled (stall) - look at it"
    ]
    assert not any("stalled" in words.timeline.text for words in all_words if words.timeline is not None)
    toast = all_words[-1].toast
    assert toast is not None
    assert toast.text == "✗ run failed: step build. 0 files in out. Press Up to edit the task and send it again."


def test_a_fault_is_known_again_by_its_ids_and_not_by_its_words() -> None:
    other_step = CallFailed(**{**CALL, "task_id": "test/verdict"}, kind="stall", message="m", hint="", partial="")
    again: list[Event] = [CALL_FAILED, started(), step_ends("the server stalled - look at it")]

    assert noted(other_step, step_ends("m"))[-1] == Note("step build: failed: m", "error")
    assert noted(*again)[-1] == Note("step build: failed: the server stalled - look at it", "error")


def test_a_run_that_has_reasons_of_its_own_tells_them() -> None:
    assert noted(step_ends("no code"), run_ends("build: no code | no progress"))[-1] == Note(
        "run failed: build: no code | no progress", "error"
    )
    assert noted(run_ends("build: no code", "build")) == [Note("run failed: build: no code", "error")]


def test_what_ended_the_last_attempt_of_a_call_that_finishes_all_the_same_is_told() -> None:
    end = CallFinished(**CALL, text="a", finish_reason="length", usage=Usage(1, 2), duration_seconds=0.0)

    assert noted(LAST_ATTEMPT, end) == [Note("try 1 failed: the server stalled", "warning")]


def test_two_calls_that_wait_for_a_loading_model_say_so_once_each() -> None:
    loading = [
        AttemptFailed(
            **{**CALL, "call_id": call_id},
            kind="loading",
            message="host is loading",
            received_chars=0,
            will_retry=True,
            wait_seconds=1.0,
        )
        for call_id in ("x", "y", "x", "y")
    ]

    assert noted(*loading) == [Note("host is loading")] * 2
