"""The contract of a call's events: a call that keeps it, and one for each way to break it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.events import (
    AttemptFailed,
    AttemptReset,
    AttemptStarted,
    CallEvent,
    CallFinished,
    FirstTokenReceived,
    TokensReceived,
    Usage,
)
from core.sessions.journal import CallContract

IDS: dict[str, Any] = {"run_id": "r", "correlation_id": "c", "agent_id": "a", "task_id": "t", "call_id": "1", "at": 0.0}


def started(attempt: int) -> AttemptStarted:
    return AttemptStarted(**IDS, attempt=attempt, model="m")


def said(text: str, offset: int, *, attempt: int = 1, seq: int = 0) -> TokensReceived:
    return TokensReceived(**IDS, attempt=attempt, seq=seq, offset=offset, text=text)


def failed(attempt: int) -> AttemptFailed:
    return AttemptFailed(
        **IDS, attempt=attempt, kind="cut", message="", will_retry=True, wait_seconds=0.0, received_chars=0
    )


def finished(text: str, attempt: int = 1) -> CallFinished:
    return CallFinished(
        **IDS, attempt=attempt, text=text, finish_reason="stop", usage=Usage(1, 1), duration_seconds=0.0
    )


FIRST = FirstTokenReceived(**IDS, attempt=1, ttft=0.0)
RESET = AttemptReset(**IDS, attempt=2)
WHOLE: list[CallEvent] = [
    started(1), FIRST, said("ab", 0), failed(1), RESET, started(2),
    said("ab", 0, attempt=2), said("cd", 2, attempt=2, seq=1), finished("abcd", 2),
]  # fmt: skip


def test_the_contract_finds_nothing_wrong_with_a_call_that_was_restarted() -> None:
    contract = CallContract()
    for event in WHOLE:
        contract.see(event)
    contract.expect_ends()

    assert contract.violations == []


@pytest.mark.parametrize(
    ("events", "what"),
    [
        ([*WHOLE[:-2], finished("abcd", 2)], "not what was streamed"),
        ([*WHOLE[:-2], WHOLE[-2], WHOLE[-2], finished("abcd", 2)], "offset 2 where 4"),
        ([*WHOLE[:6], WHOLE[7], finished("abcd", 2)], "offset 2 where 0"),
        ([*WHOLE[:7], said("cd", 2, attempt=2, seq=2)], "seq 2 instead of 1"),
        ([*WHOLE[:4], *WHOLE[5:]], "without a reset"),
        ([*WHOLE[:6], said("ab", 0)], "came during attempt 2"),
        ([*WHOLE, WHOLE[-1]], "after its end"),
        (WHOLE[:-1], "has no end"),
        ([started(1), started(3)], "attempt 3: it came after attempt 1"),
        ([*WHOLE[:-1], replace(finished("abcd", 2), attempt=1)], "came during attempt 2"),
    ],
    ids=[
        "missing",
        "twice",
        "gap",
        "seq",
        "no reset",
        "old attempt",
        "after the end",
        "no end",
        "skipped try",
        "old end",
    ],
)
def test_the_contract_names_what_is_wrong_with_a_call(events: list[CallEvent], what: str) -> None:
    contract = CallContract()
    for event in events:
        contract.see(event)
    contract.expect_ends()

    assert any(what in violation for violation in contract.violations), contract.violations
