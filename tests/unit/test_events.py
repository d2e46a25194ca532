"""Events as JSON: the contract of `quintet run --json`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.events import (
    CallFinished,
    CallQueued,
    Event,
    HandOffMade,
    RunFinished,
    Usage,
    event_to_json,
    event_type_name,
    uses_known_words,
)

RUN: dict[str, Any] = {"run_id": "r", "correlation_id": "c", "at": 1.5}
CALL: dict[str, Any] = {**RUN, "agent_id": "developer", "task_id": "build/a.py", "call_id": "x", "attempt": 1}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            CallQueued(**CALL, position=2),
            {"type": "call_queued", **CALL, "position": 2, "reason": "slot", "until": None},
        ),
        (
            CallFinished(
                **CALL, text="a", finish_reason="stop", usage=Usage(3, 4, estimated=True), duration_seconds=2.0
            ),
            {
                "type": "call_finished",
                **CALL,
                "text": "a",
                "finish_reason": "stop",
                "usage": {"input_tokens": 3, "output_tokens": 4, "estimated": True},
                "duration_seconds": 2.0,
                "cached": False,
            },
        ),
        (
            HandOffMade(**RUN, from_="developer", to="qa_engineer", what="a.py"),
            {"type": "hand_off_made", **RUN, "from": "developer", "to": "qa_engineer", "what": "a.py"},
        ),
    ],
    ids=lambda value: event_type_name(type(value)) if not isinstance(value, dict) else "",
)
def test_an_event_is_plain_json_with_its_type_first(event: Event, expected: dict[str, Any]) -> None:
    document = event_to_json(event)

    assert document == expected
    assert next(iter(document)) == "type"
    assert json.loads(json.dumps(document)) == document


def test_tuples_become_lists() -> None:
    event = RunFinished(
        **RUN, status="passed", verdict="pass", reason="", output_dir="out", files=("a", "b"), duration_seconds=1.0
    )

    assert event_to_json(event)["files"] == ["a", "b"]


FAILED: dict[str, Any] = {"type": "attempt_failed", **CALL, "message": "m", "will_retry": False}


@pytest.mark.parametrize(
    ("record", "is_known"),
    [
        ({**FAILED, "kind": "stall"}, True),
        ({**FAILED, "kind": "bug:TypeError"}, True),
        ({**FAILED, "kind": "http_500"}, False),
        ({**FAILED, "kind": None}, False),
        ({**FAILED, "kind": ["stall"]}, False),
        ({"type": "call_queued", **CALL, "position": 0, "reason": "bug:slot"}, False),
        ({"type": "call_queued", **CALL, "position": 0}, True),
        ({"type": "breaker_changed", **RUN, "old": "closed", "new": "half-open"}, True),
        ({"type": "breaker_changed", **RUN, "old": "closed", "new": "half_open"}, False),
        ({"type": "something_newer", **RUN, "kind": "anything"}, True),
        ({"type": "warned", **RUN, "kind": "a field of a newer version"}, True),
    ],
)
def test_a_word_outside_of_a_closed_set_is_noticed(record: dict[str, Any], *, is_known: bool) -> None:
    assert uses_known_words(record) is is_known
