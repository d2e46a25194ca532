"""A server that goes away and comes back: a call waits for it and spends its attempts when there is hope."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from core.events import AttemptFailed, AttemptReset, CallQueued, TokensReceived
from core.llm.request import Reply
from tests.integration.call_path.scripts import HELLO
from tests.support.call_harness import MODEL, CallHarness
from tests.support.fault_server import Step, hang_up, ok, status, stream, token


async def _call_that_lost_its_server(harness: CallHarness) -> asyncio.Task[Reply]:
    """Return a call to a server that has answered before and is gone now; its back-off is over."""
    await harness.call()
    await harness.server.vanish()
    task = asyncio.create_task(harness.call())
    await harness.clock.until_asleep(1)
    assert harness.caller.wake() == 1
    return task


async def test_a_server_that_dies_in_the_middle_of_an_answer_is_waited_for(manual_clock_harness: CallHarness) -> None:
    harness = manual_clock_harness
    await harness.call()
    harness.server.script([stream(*HELLO, then="hold")])
    task = asyncio.create_task(harness.call())
    await harness.recorder.until(lambda: len(harness.recorder.of(TokensReceived)) >= 2)
    await harness.server.vanish()
    await harness.clock.until_asleep(1)
    harness.clock.advance(2)  # the back-off
    for _ in range(20):
        await harness.clock.until_asleep(1)
        assert task.done() is False
        harness.clock.advance(5)
    await harness.server.come_back()
    await harness.clock.until_asleep(1)
    harness.clock.advance(5)

    reply = await task

    assert (reply.text, reply.attempts) == ("Hello there", 2)
    assert len(harness.recorder.of(AttemptReset)) == 1
    waits = [queued for queued in harness.recorder.of(CallQueued) if queued.reason == "server"]
    assert len(waits) == 1
    assert waits[0].until == pytest.approx(waits[0].at + 600)


async def test_a_server_that_stays_away_ends_the_call_after_the_longest_wait(harness: CallHarness) -> None:
    harness.configure(breaker={"max_wait": 120})
    await harness.call()
    await harness.server.vanish()
    began_at = harness.clock.monotonic()

    failed = await harness.fail()

    assert failed.kind == "unavailable"
    assert "120 s" in failed.message
    assert failed.attempts <= 2
    assert 120 <= harness.clock.monotonic() - began_at < 130
    assert harness.breaker_states == ["closed"]


async def test_the_user_may_try_a_lost_server_at_once(manual_clock_harness: CallHarness) -> None:
    harness = manual_clock_harness
    task = await _call_that_lost_its_server(harness)
    await harness.recorder.until(lambda: any(queued.reason == "server" for queued in harness.recorder.of(CallQueued)))
    await harness.clock.until_asleep(1)
    await harness.server.come_back()

    assert harness.caller.wake() == 1

    assert (await task).attempts == 2


async def test_whoever_does_not_want_to_wait_hears_of_it_at_once(harness: CallHarness) -> None:
    harness.configure(breaker={"when_open": "fail", "threshold": 10})
    await harness.call()
    await harness.server.vanish()

    failed = await harness.fail()

    assert (failed.kind, failed.attempts) == ("connect", 4)
    assert [told.kind for told in harness.recorder.of(AttemptFailed)] == ["connect"] * 4


async def test_a_lost_server_with_a_fallback_is_not_waited_for(harness: CallHarness) -> None:
    await harness.call()
    port = harness.server.port
    spare = harness.endpoint(model="spare")
    gone = harness.endpoint()
    assert str(port) in gone.base_url
    await harness.server.vanish()

    failed = await harness.fail(fallbacks=(spare,))

    assert failed.attempts > 4  # four at the first one, and then at the spare one, which was on the same server


async def test_a_call_that_waits_for_a_lost_server_is_cancelled_at_once(manual_clock_harness: CallHarness) -> None:
    harness = manual_clock_harness
    task = await _call_that_lost_its_server(harness)
    await harness.recorder.until(lambda: any(queued.reason == "server" for queued in harness.recorder.of(CallQueued)))
    task.cancel()
    for _ in range(50):  # turns of the event loop, in which nothing can be waited for
        await asyncio.sleep(0)

    assert task.cancelled()


async def test_five_calls_outlive_a_server_that_hangs_up_for_minutes(harness: CallHarness) -> None:
    harness.configure(max_concurrency=5)
    await harness.call()
    away_until = harness.clock.monotonic() + 400
    harness.server.models_answer = status(503)

    def answer(_body: dict[str, Any]) -> str | Step:
        return "back" if harness.clock.monotonic() >= away_until else hang_up()

    harness.server.answer_by(answer)
    calls = [asyncio.create_task(harness.call(f"call {number}")) for number in range(5)]
    await asyncio.wait(calls)

    assert [call.result().text for call in calls] == ["back"] * 5


async def test_a_call_that_had_begun_waits_for_its_open_breaker_although_there_is_a_fallback(
    harness: CallHarness,
) -> None:
    harness.configure(breaker={"threshold": 1})
    harness.server.script([stream(token("a"), then="reset"), ok("whole")], model=MODEL)

    reply = await harness.call(fallbacks=(harness.endpoint(model="spare"),))

    assert (reply.text, [request.body["model"] for request in harness.server.journal]) == ("whole", [MODEL] * 2)


async def test_pressing_the_key_again_and_again_does_not_use_up_the_call(manual_clock_harness: CallHarness) -> None:
    harness = manual_clock_harness
    task = await _call_that_lost_its_server(harness)
    for times in range(1, 13):
        await harness.recorder.seen(CallQueued, times)
        assert harness.caller.wake() == 1
    await harness.recorder.seen(CallQueued, 13)
    await harness.server.come_back()
    assert harness.caller.wake() == 1

    assert (await task).text == "Hello there"
    assert harness.breaker_states != ["open"]


async def test_a_server_that_was_not_there_at_first_tells_its_size_when_it_is(harness: CallHarness) -> None:
    await harness.server.vanish()
    harness.server.routes["/props"] = status(200, {"total_slots": 1, "default_generation_settings": {"n_ctx": 4096}})
    assert (await harness.fail()).kind == "connect"
    assert harness.caller.pool_status().slots == 5
    await harness.server.come_back()

    await harness.call()

    assert harness.caller.pool_status().slots == 1


async def test_many_calls_that_wait_for_a_breaker_ask_for_the_servers_health_as_one(harness: CallHarness) -> None:
    harness.configure(max_retries=0, max_concurrency=16, breaker={"threshold": 1})
    harness.server.models_answer = status(503)
    harness.server.script([status(503)])
    await harness.fail()

    calls = [asyncio.create_task(harness.call()) for _ in range(16)]
    await asyncio.wait(calls)

    assert [call.result().text for call in calls] == ["Hello there"] * 16
    assert 2 <= [request.path for request in harness.server.lookups].count("/v1/models") <= 13  # once for its size
