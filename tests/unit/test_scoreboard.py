"""What the status shows of an agent follows the events of its calls."""

from __future__ import annotations

from typing import Any

from core.events import (
    AttemptFailed,
    AttemptReset,
    AttemptStarted,
    CallCancelled,
    CallFinished,
    CallQueued,
    Event,
    FirstTokenReceived,
    ReasoningReceived,
    StepFinished,
    StepStarted,
    TokensReceived,
    Usage,
)
from core.state.scoreboard import Scoreboard
from core.state.status import AgentStatus
from core.state.waits import Wait


def fields(at: float, attempt: int = 1) -> dict[str, Any]:
    return {
        "run_id": "r",
        "correlation_id": "c",
        "at": at,
        "agent_id": "developer",
        "task_id": "build/a.py",
        "call_id": "x",
        "attempt": attempt,
    }


def after(*events: Event, now: float = 10.0) -> AgentStatus:
    board = Scoreboard(["developer"])
    for event in events:
        board.follow(event)
    return board.agents({}, now)[0]


def test_a_wait_is_a_state_with_a_countdown() -> None:
    breaker = CallQueued(**fields(1.0, 0), position=0, reason="breaker", until=52.0)
    line = CallQueued(**fields(1.0, 0), position=2)

    assert (after(breaker).state, after(breaker).detail) == ("waiting", "breaker open 42 s")
    assert after(breaker, now=40.0).detail == "breaker open 12 s"
    assert after(breaker).wait == Wait("breaker", 52.0)
    assert (after(line).state, after(line).detail) == ("queued", "queued 2 ahead")


def test_a_back_off_and_a_model_that_loads_are_waits_too() -> None:
    failed: dict[str, Any] = {"message": "m", "will_retry": True, "received_chars": 0}
    back_off = AttemptFailed(**fields(9.0), **failed, kind="server", wait_seconds=2.8)
    loading = AttemptFailed(**fields(9.0), **failed, kind="loading", wait_seconds=1.0)

    assert (after(back_off).state, after(back_off).detail) == ("retrying", "retry 2 in 1.8 s")
    assert (after(loading).state, after(loading).detail) == ("waiting", "loading the model")


def test_a_wait_is_over_when_the_call_goes_on() -> None:
    wait = CallQueued(**fields(1.0), position=0, reason="own_rate", until=52.0)
    started = AttemptStarted(**fields(2.0), model="m")
    tokens = TokensReceived(**fields(2.0), seq=0, offset=0, text="abc")

    assert (after(wait, started).state, after(wait, started).wait) == ("thinking", None)
    assert (after(wait, tokens).state, after(wait, tokens).wait, after(wait, tokens).detail) == ("streaming", None, "")


def test_an_agent_thinks_until_the_first_words_of_its_answer_and_again_when_they_were_thoughts() -> None:
    started = AttemptStarted(**fields(1.0), model="m")
    first = FirstTokenReceived(**fields(2.0), ttft=1.0)
    thoughts = ReasoningReceived(**fields(2.0), seq=0, text="hm")
    words = TokensReceived(**fields(3.0), seq=1, offset=0, text="Well")
    reset = AttemptReset(**fields(4.0))

    assert (after(started, first, thoughts).state, after(started, first, thoughts).detail) == ("thinking", "reasoning")
    assert after(started, first, thoughts, words).state == "streaming"
    assert after(started, first, words, thoughts).state == "streaming"
    assert after(started, first, words, reset, thoughts).state == "thinking"


def test_what_the_user_stopped_is_not_shown_as_a_failure() -> None:
    step: dict[str, Any] = {"run_id": "r", "correlation_id": "c", "at": 3.0, "step": "build", "agent_id": "developer"}
    end = StepFinished(**step, round=0, status="failed", notes="stopped by the user", duration_seconds=1.0)

    assert after(CallCancelled(**fields(2.0), partial=""), end).state == "stopped"
    assert after(CallCancelled(**fields(2.0), partial=""), end, StepStarted(**step, round=1)).state == "thinking"
    assert after(end).state == "failed"


def test_an_answer_of_the_cache_is_a_call_that_cost_nothing() -> None:
    end: dict[str, Any] = {"text": "abc", "finish_reason": "stop", "usage": Usage(20, 30), "duration_seconds": 1.0}
    first = FirstTokenReceived(**fields(1.0), ttft=0.1)
    sent = after(first, CallFinished(**fields(4.0), **end))
    cached = after(first, CallFinished(**fields(4.0), **end, cached=True))

    assert (sent.calls, sent.input_tokens, sent.output_tokens, sent.tokens_per_second) == (1, 20, 30, 10.0)
    assert (cached.calls, cached.input_tokens, cached.output_tokens, cached.tokens_per_second) == (1, 0, 0, 0.0)


def test_an_event_of_a_past_attempt_changes_no_state() -> None:
    started = [AttemptStarted(**fields(at, number), model="m") for at, number in ((1.0, 1), (2.0, 2))]
    late: dict[str, Any] = {"kind": "stall", "message": "m", "will_retry": True, "wait_seconds": 1.0}
    tokens = TokensReceived(**fields(3.0, 2), seq=0, offset=0, text="abcd")

    status = after(
        *started,
        tokens,
        TokensReceived(**fields(4.0, 1), seq=9, offset=90, text="late"),
        AttemptFailed(**fields(4.0, 1), **late, received_chars=0),
        CallQueued(**fields(4.0, 1), position=0, reason="breaker"),
        started[0],
    )

    assert (status.state, status.attempt, status.output_tokens) == ("streaming", 2, 1)


def test_a_call_that_was_never_sent_is_seen_to_end() -> None:
    status = after(AttemptStarted(**fields(1.0), model="m"), CallCancelled(**fields(2.0, 0), partial=""))

    assert (status.state, status.in_call, status.call_ended_at) == ("stopped", False, 2.0)


def test_between_two_calls_of_a_step_the_agent_is_still_at_work() -> None:
    step: dict[str, Any] = {"run_id": "r", "correlation_id": "c", "step": "build", "agent_id": "developer", "round": 0}
    end: dict[str, Any] = {"text": "abc", "finish_reason": "stop", "usage": Usage(20, 30), "duration_seconds": 1.0}
    call: list[Event] = [AttemptStarted(**fields(1.0), model="m"), CallFinished(**fields(2.0), **end)]

    between = after(StepStarted(**step, at=0.0), *call)
    assert (between.state, between.in_call) == ("thinking", False)
    done = StepFinished(**step, at=3.0, status="ok", notes="", duration_seconds=3.0)
    assert after(StepStarted(**step, at=0.0), *call, done).state == "done"
    assert after(*call).state == "done"
    assert after(StepStarted(**step, at=0.0), *call).call_ended_at == 2.0
