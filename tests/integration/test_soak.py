"""The short soak: two thousand calls of five agents against a server that fails in every way we know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.soak import Soak
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
from tests.support.call_watch import CallWatch
from tests.support.chaos import MISCHIEF, Chaos

SEED = 20261122
CALLS = 2000


@pytest.mark.timeout(180)  # a busy machine; a quiet one takes a tenth of it
async def test_two_thousand_calls_on_a_flaky_server_keep_every_promise() -> None:
    soak = Soak(CALLS, SEED, speed=200)

    await soak.run()

    assert soak.violations == [], f"seed {SEED}: {soak.violations[:5]}"
    assert sum(soak.report["outcomes"].values()) == CALLS
    assert soak.report["outcomes"]["call_cancelled"] > CALLS * 0.02
    assert soak.report["outcomes"]["call_finished"] > CALLS * 0.9
    # The soak is worth something only if all of it really happened.
    assert set(soak.report["mischief"]) == {"ok", "outage", *(one.label for one in MISCHIEF)}
    assert len(soak.report["breaker_changes"]) == 4


def test_the_same_seed_treats_the_same_requests_alike_in_whatever_order_they_come() -> None:
    bodies = [{"messages": [{"content": f"prompt {number % 50}"}]} for number in range(200)]
    there, back = Chaos(SEED), Chaos(SEED)

    steps = {(index % 50, index // 50): there(body) for index, body in enumerate(bodies)}
    prompts_backwards = [(prompt, turn) for prompt in reversed(range(50)) for turn in range(4)]

    assert all(back(bodies[prompt]) == steps[prompt, turn] for prompt, turn in prompts_backwards)
    assert back.counts == there.counts
    assert back.counts["ok"] / 200 == pytest.approx(0.7, abs=0.1)


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


def test_the_watch_finds_nothing_wrong_with_a_call_that_was_restarted() -> None:
    watch = CallWatch()
    for event in WHOLE:
        watch(event)

    assert watch.violations == []
    assert not watch.calls


@pytest.mark.parametrize(
    ("events", "what"),
    [
        ([*WHOLE[:-2], finished("abcd", 2)], "not what was streamed"),
        ([*WHOLE[:-2], WHOLE[-2], WHOLE[-2], finished("abcd", 2)], "offset 2 where 4"),
        ([*WHOLE[:6], WHOLE[7], finished("abcd", 2)], "offset 2 where 0"),
        ([*WHOLE[:7], said("cd", 2, attempt=2, seq=2)], "seq 2 instead of 1"),
        ([*WHOLE[:4], *WHOLE[5:]], "without a reset"),
        ([*WHOLE[:6], said("ab", 0)], "spoke during 2"),
        ([*WHOLE, WHOLE[-1]], "after its end"),
        ([started(1), started(3)], "attempt 3 came after 1"),
        ([*WHOLE[:-1], replace(finished("abcd", 2), attempt=1)], "spoke during 2"),
    ],
    ids=["missing", "twice", "gap", "seq", "no reset", "old attempt", "after the end", "skipped try", "old end"],
)
def test_the_watch_names_what_is_wrong_with_a_call(events: list[CallEvent], what: str) -> None:
    watch = CallWatch()
    for event in events:
        watch(event)

    assert any(what in violation for violation in watch.violations), watch.violations
