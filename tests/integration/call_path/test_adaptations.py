"""What a server refuses is changed once and remembered: scenarios 50, 86-89."""

from __future__ import annotations

import pytest

from tests.support.call_harness import CallHarness
from tests.support.fault_server import (
    Step,
    error,
    ok,
    status,
)


async def test_50_an_unknown_model_is_answered_with_those_that_exist(harness: CallHarness) -> None:
    harness.server.models = ("qwen3", "llama3")
    harness.server.script([error(404, "model not found")])

    failed = await harness.fail()

    assert (failed.kind, failed.hint) == ("not_found", "set LLM_MODEL to one that it offers: qwen3, llama3")


ADAPTATIONS = [
    ("86", error(400, "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
                 "instead.", code="unsupported_parameter", param="max_tokens"), "max_tokens", "max_completion_tokens"),
    ("88", error(400, "Unrecognized request argument supplied: stream_options"), "stream_options", ""),
    ("temperature", error(400, "Unsupported value: 'temperature' does not support 0.2. Only the default (1) value is "
                          "supported, others are not supported", param="temperature"), "temperature", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("refusal", "gone", "instead"), [case[1:] for case in ADAPTATIONS], ids=[c[0] for c in ADAPTATIONS]
)
async def test_86_88_a_refused_parameter_is_changed_once_and_remembered(
    harness: CallHarness, refusal: Step, gone: str, instead: str
) -> None:
    harness.server.script([refusal])

    first = await harness.call(max_tokens=100, temperature=0.2)
    second = await harness.call(max_tokens=100, temperature=0.2)

    assert first.attempts == second.attempts == 1
    refused, *accepted = [request.body for request in harness.server.journal]
    assert len(accepted) == 2
    assert gone in refused
    assert all(gone not in body and (not instead or body[instead] == 100) for body in accepted)
    assert harness.clock.sleeps == []
    assert harness.counted_failures == 0


async def test_87_the_older_name_of_the_token_limit_comes_back(harness: CallHarness) -> None:
    detail = [{"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"], "msg": "Extra inputs"}]
    newer = error(400, "'max_tokens' is not supported", code="unsupported_parameter", param="max_tokens")
    harness.server.script([newer, status(422, {"detail": detail}), ok()])

    await harness.call(max_tokens=100)

    sent = [sorted(key for key in request.body if "tokens" in key) for request in harness.server.journal]
    assert sent == [["max_tokens"], ["max_completion_tokens"], ["max_tokens"]]


async def test_89_a_refused_system_role_is_folded_into_the_first_user_message(harness: CallHarness) -> None:
    harness.server.script([error(500, "System role not supported")])

    await harness.call("Say hello.", system="Be terse.")
    await harness.call("Say hello.", system="Be terse.")

    assert [len(request.body["messages"]) for request in harness.server.journal] == [2, 1, 1]
    assert harness.server.journal[2].body["messages"] == [{"role": "user", "content": "Be terse.\n\nSay hello."}]
