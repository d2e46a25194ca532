"""How long a call waits before it tries again: scenarios 36-47."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from core.events import AttemptFailed, BreakerChanged, RateLimited
from tests.support.call_harness import CallHarness
from tests.support.fault_server import Step, error, event, ok, status, stream


@pytest.mark.parametrize(
    ("header", "value", "at_least"),
    [("Retry-After", "7", 7.0), ("retry-after-ms", "9250", 9.25), ("x-ms-retry-after-ms", "8000", 8.0)],
)
async def test_36_37_the_servers_wait_is_honoured(
    harness: CallHarness, header: str, value: str, at_least: float
) -> None:
    harness.server.script([error(429, "slow", {header: value}), ok()])

    await harness.call()

    assert at_least <= harness.clock.sleeps[0] <= at_least * 1.1
    assert len(harness.recorder.of(RateLimited)) == 1


async def test_38_the_servers_wait_may_be_a_date(harness: CallHarness) -> None:
    date = format_datetime(harness.clock.now() + timedelta(seconds=30), usegmt=True)
    harness.server.script([error(429, "slow", {"Retry-After": date}), ok()])

    await harness.call()

    assert 30 <= harness.clock.sleeps[0] <= 33


@pytest.mark.parametrize("value", ["soon", "-1", "0", "inf", "nan", ""])
async def test_40_a_senseless_wait_is_ignored(harness: CallHarness, value: str) -> None:
    harness.server.script([error(429, "slow", {"Retry-After": value}), ok()])

    await harness.call()

    assert 0.5 <= harness.clock.sleeps[0] <= 1.5


@pytest.mark.parametrize(
    "steps",
    [
        (error(500, "first"), error(500, "second")),
        (status(502, "<html><title>Bad Gateway</title></html>"),) * 2,
        (status(503, "busy"),) * 2,
        (status(504),) * 2,
        (error(529, "Overloaded", type="overloaded_error"),) * 2,
    ],
    ids=["44 500", "44 502", "44 503", "44 504", "44 529"],
)
async def test_44_two_server_errors_cost_two_waits(harness: CallHarness, steps: tuple[Step, Step]) -> None:
    harness.configure(breaker={"threshold": 2})
    harness.server.models_answer = status(503)
    harness.server.script([*steps, ok()])

    reply = await harness.call()

    assert reply.attempts == 3
    failures = harness.recorder.of(AttemptFailed)
    for failure, least, most in zip(failures, (0.5, 1.0), (1.5, 3.0), strict=True):
        assert (failure.kind, failure.will_retry) == ("server", True)
        assert least <= failure.wait_seconds <= most
    assert harness.clock.sleeps[:2] == [failure.wait_seconds for failure in failures]
    assert (
        harness.metrics.total("llm.errors", kind="server") == harness.metrics.total("llm.retries", kind="server") == 2
    )
    assert [change.new for change in harness.recorder.of(BreakerChanged)] == ["open", "half-open"]  # both were counted
    assert harness.counted_failures == 0


async def test_46_a_loading_model_is_waited_for_and_costs_no_attempt(harness: CallHarness) -> None:
    loading = error(503, "Loading model", type="unavailable_error", code=503)
    harness.server.script([*[loading] * 5, ok()])

    reply = await harness.call()

    assert reply.attempts == 1
    assert len(harness.server.journal) == 6
    assert harness.clock.sleeps == [1.0] * 5
    assert harness.counted_failures == 0


async def test_46_a_server_that_has_loaded_its_model_tells_its_size(harness: CallHarness) -> None:
    harness.server.routes["/props"] = loading = error(503, "Loading model")

    slots: list[int] = []

    def answer(_body: dict[str, Any]) -> str | Step:
        slots.append(harness.caller.pool_status().slots)
        if len(slots) < 3:
            return loading
        harness.server.routes["/props"] = status(
            200, {"total_slots": 2, "default_generation_settings": {"n_ctx": 4096}}
        )
        return "Hello there"

    harness.server.answer_by(answer)

    assert (await harness.call()).attempts == 1
    assert slots == [5, 5, 5]
    assert harness.caller.pool_status().slots == 2


@pytest.mark.parametrize(
    "blame",
    [
        error(500, "Failed to parse messages: Missing 'role' in message", type="server_error"),
        error(503, "Unsupported value", param="temperature"),
        stream(event({"error": {"message": "Conversation roles must alternate user/assistant", "code": 500}})),
    ],
    ids=["47 words", "47 param", "47 in a stream"],
)
async def test_47_what_blames_the_request_is_asked_once_more_and_no_third_time(
    harness: CallHarness, blame: Step
) -> None:
    harness.server.script([blame] * 5)

    failed = await harness.fail()

    assert (failed.kind, len(harness.server.journal), harness.counted_failures) == ("server", 2, 1)


@pytest.mark.parametrize("max_retries", [0, 1, 3, 6])
async def test_44_the_same_ordinary_error_again_and_again_uses_all_retries(
    harness: CallHarness, max_retries: int
) -> None:
    harness.configure(max_retries=max_retries, breaker={"threshold": 50})
    harness.server.answer_by(lambda _body: error(500, "Internal server error", type="server_error"))

    failed = await harness.fail()

    assert (failed.kind, failed.attempts, len(harness.server.journal)) == ("server", max_retries + 1, max_retries + 1)


async def test_44_five_agents_outlive_three_seconds_of_internal_errors(harness: CallHarness) -> None:
    harness.configure(max_concurrency=5)
    ill_until = harness.clock.monotonic() + 3

    def answer(_body: dict[str, Any]) -> str | Step:
        if harness.clock.monotonic() < ill_until:
            return error(500, "Internal server error", type="server_error")
        return "well again"

    harness.server.answer_by(answer)
    calls = [asyncio.create_task(harness.call(f"call {number}")) for number in range(5)]
    await asyncio.wait(calls)

    assert [call.result().text for call in calls] == ["well again"] * 5
