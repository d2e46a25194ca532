"""A wait is told in words, with the time that is left of it."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from core.events import AttemptFailed, CallQueued
from core.kinds import WaitReason
from core.state.waits import Wait, countdown

CALL: dict[str, Any] = {
    "run_id": "r",
    "correlation_id": "c",
    "at": 1000.0,
    "agent_id": "developer",
    "task_id": "build/a.py",
    "call_id": "x",
    "attempt": 1,
}
FAILED: dict[str, Any] = {"message": "it failed", "received_chars": 0}


@pytest.mark.parametrize(
    ("wait", "state", "words", "words_when_over"),
    [
        (Wait("slot", ahead=2), "queued", "queued 2 ahead", "queued 2 ahead"),
        (Wait("slot"), "queued", "queued, next", "queued, next"),
        (Wait("breaker", 1042.0), "waiting", "breaker open 42 s", "breaker tries again"),
        (Wait("breaker"), "waiting", "breaker tries again", "breaker tries again"),
        (Wait("rate_limit", 1012.0), "waiting", "rate limit 12 s", "rate limit"),
        (Wait("own_rate", 1003.0), "waiting", "own limit 3.0 s", "own limit"),
        (Wait("retry", 1001.8, next_attempt=2), "retrying", "retry 2 in 1.8 s", "retry 2"),
        (Wait("loading"), "waiting", "loading the model", "loading the model"),
        (Wait("server", 1005.0), "waiting", "server gone, waits 5.0 s", "server gone, waits"),
    ],
    ids=lambda value: value.reason if isinstance(value, Wait) else "",
)
def test_every_wait_has_words_also_when_its_time_is_over(
    wait: Wait, state: str, words: str, words_when_over: str
) -> None:
    assert wait.state == state
    assert wait.words(1000.0) == words
    assert wait.words(2000.0) == words_when_over


def test_every_reason_has_words_and_a_state() -> None:
    waits = [Wait(reason, 1005.0) for reason in get_args(WaitReason)]

    assert all(wait.words(1000.0) for wait in waits)
    assert {wait.state for wait in waits} == {"queued", "waiting", "retrying"}


@pytest.mark.parametrize(
    ("reason", "can_be_ended"),
    [
        ("slot", False),
        ("breaker", True),
        ("rate_limit", True),
        ("own_rate", True),
        ("retry", True),
        ("server", True),
        ("loading", True),
    ],
)
def test_only_a_turn_in_the_line_cannot_be_ended(reason: WaitReason, can_be_ended: bool) -> None:
    assert Wait(reason).can_be_ended is can_be_ended


def test_a_wait_is_made_from_what_tells_of_it() -> None:
    queued = CallQueued(**CALL, position=0, reason="breaker", until=1042.0)
    again = AttemptFailed(**CALL, **FAILED, kind="server", will_retry=True, wait_seconds=1.8)
    loading = AttemptFailed(**CALL, **FAILED, kind="loading", will_retry=True, wait_seconds=1.0)
    last = AttemptFailed(**CALL, **FAILED, kind="server", will_retry=False, wait_seconds=0.0)

    assert Wait.from_queued(queued) == Wait("breaker", 1042.0)
    assert Wait.from_failed(again) == Wait("retry", 1001.8, next_attempt=2)
    assert Wait.from_failed(loading) == Wait("loading")
    assert Wait.from_failed(last) is None


@pytest.mark.parametrize(("seconds", "words"), [(1.84, "1.8 s"), (42.4, "42 s"), (-3, "0.0 s")])
def test_the_time_left_has_tenths_below_ten_seconds(seconds: float, words: str) -> None:
    assert countdown(seconds) == words
