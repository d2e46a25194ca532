"""A server that goes away and comes back: a call waits for it and spends its attempts when there is hope."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from core.events import AttemptFailed, AttemptReset, CallQueued, TokensReceived
from core.llm.request import Reply
from tests.integration.call_path.scripts import HELLO
from tests.support.bench import MODEL, Bench
from tests.support.fault_server import Step, hang_up, ok, status, stream, token


async def _call_that_lost_its_server(bench: Bench) -> asyncio.Task[Reply]:
    """Return a call to a server that has answered before and is gone now; its back-off is over."""
    await bench.call()
    await bench.server.vanish()
    task = asyncio.create_task(bench.call())
    await bench.clock.until_asleep(1)
    assert bench.caller.hurry() == 1
    return task


async def test_a_server_that_dies_in_the_middle_of_an_answer_is_waited_for(still_bench: Bench) -> None:
    bench = still_bench
    await bench.call()
    bench.server.script([stream(*HELLO, then="hold")])
    task = asyncio.create_task(bench.call())
    await bench.recorder.until(lambda: len(bench.recorder.of(TokensReceived)) >= 2)
    await bench.server.vanish()
    await bench.clock.until_asleep(1)
    bench.clock.advance(2)  # the back-off
    for _ in range(20):
        await bench.clock.until_asleep(1)
        assert task.done() is False
        bench.clock.advance(5)
    await bench.server.come_back()
    await bench.clock.until_asleep(1)
    bench.clock.advance(5)

    reply = await task

    assert (reply.text, reply.attempts) == ("Hello there", 2)
    assert len(bench.recorder.of(AttemptReset)) == 1
    waits = [queued for queued in bench.recorder.of(CallQueued) if queued.reason == "server"]
    assert len(waits) == 1
    assert waits[0].until == pytest.approx(waits[0].at + 600)


async def test_a_server_that_stays_away_ends_the_call_after_the_longest_wait(bench: Bench) -> None:
    bench.configure(breaker={"max_wait": 120})
    await bench.call()
    await bench.server.vanish()
    began_at = bench.clock.monotonic()

    failed = await bench.fail()

    assert failed.kind == "unavailable"
    assert "120 s" in failed.message
    assert failed.attempts <= 2
    assert 120 <= bench.clock.monotonic() - began_at < 130
    assert bench.breaker_states == ["closed"]


async def test_the_user_may_try_a_lost_server_at_once(still_bench: Bench) -> None:
    bench = still_bench
    task = await _call_that_lost_its_server(bench)
    await bench.recorder.until(lambda: any(queued.reason == "server" for queued in bench.recorder.of(CallQueued)))
    await bench.clock.until_asleep(1)
    await bench.server.come_back()

    assert bench.caller.hurry() == 1

    assert (await task).attempts == 2


async def test_whoever_does_not_want_to_wait_hears_of_it_at_once(bench: Bench) -> None:
    bench.configure(breaker={"when_open": "fail", "threshold": 10})
    await bench.call()
    await bench.server.vanish()

    failed = await bench.fail()

    assert (failed.kind, failed.attempts) == ("connect", 4)
    assert [told.kind for told in bench.recorder.of(AttemptFailed)] == ["connect"] * 4


async def test_a_lost_server_with_a_fallback_is_not_waited_for(bench: Bench) -> None:
    await bench.call()
    port = bench.server.port
    spare = bench.endpoint(model="spare")
    gone = bench.endpoint()
    assert str(port) in gone.base_url
    await bench.server.vanish()

    failed = await bench.fail(fallbacks=(spare,))

    assert failed.attempts > 4  # four at the first one, and then at the spare one, which was on the same server


async def test_a_call_that_waits_for_a_lost_server_is_cancelled_at_once(still_bench: Bench) -> None:
    bench = still_bench
    task = await _call_that_lost_its_server(bench)
    await bench.recorder.until(lambda: any(queued.reason == "server" for queued in bench.recorder.of(CallQueued)))
    loop = asyncio.get_running_loop()
    began_at = loop.time()

    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert loop.time() - began_at < 0.1


async def test_five_calls_outlive_a_server_that_hangs_up_for_minutes(bench: Bench) -> None:
    bench.configure(max_concurrency=5)
    await bench.call()
    away_until = bench.clock.monotonic() + 400
    bench.server.models_answer = status(503)

    def answer(_body: dict[str, Any]) -> str | Step:
        return "back" if bench.clock.monotonic() >= away_until else hang_up()

    bench.server.answer_by(answer)
    calls = [asyncio.create_task(bench.call(f"call {number}")) for number in range(5)]
    await asyncio.wait(calls)

    assert [call.result().text for call in calls] == ["back"] * 5


async def test_a_call_that_had_begun_waits_for_its_open_breaker_although_there_is_a_fallback(bench: Bench) -> None:
    bench.configure(breaker={"threshold": 1})
    bench.server.script([stream(token("a"), then="reset"), ok("whole")], model=MODEL)

    reply = await bench.call(fallbacks=(bench.endpoint(model="spare"),))

    assert (reply.text, [request.body["model"] for request in bench.server.journal]) == ("whole", [MODEL] * 2)


async def test_pressing_the_key_again_and_again_does_not_use_up_the_call(still_bench: Bench) -> None:
    bench = still_bench
    task = await _call_that_lost_its_server(bench)
    for times in range(1, 13):
        await bench.recorder.seen(CallQueued, times)
        assert bench.caller.hurry() == 1
    await bench.recorder.seen(CallQueued, 13)
    await bench.server.come_back()
    assert bench.caller.hurry() == 1

    assert (await task).text == "Hello there"
    assert bench.breaker_states != ["open"]


async def test_a_server_that_was_not_there_at_first_tells_its_size_when_it_is(bench: Bench) -> None:
    await bench.server.vanish()
    bench.server.routes["/props"] = status(200, {"total_slots": 1, "default_generation_settings": {"n_ctx": 4096}})
    assert (await bench.fail()).kind == "connect"
    assert bench.caller.pool_status().slots == 5
    await bench.server.come_back()

    await bench.call()

    assert bench.caller.pool_status().slots == 1


async def test_many_calls_that_wait_for_a_breaker_ask_for_the_servers_health_as_one(bench: Bench) -> None:
    bench.configure(max_retries=0, max_concurrency=16, breaker={"threshold": 1})
    bench.server.models_answer = status(503)
    bench.server.script([status(503)])
    await bench.fail()

    calls = [asyncio.create_task(bench.call()) for _ in range(16)]
    await asyncio.wait(calls)

    assert [call.result().text for call in calls] == ["Hello there"] * 16
    assert 2 <= [request.path for request in bench.server.lookups].count("/v1/models") <= 13  # once for its size
