"""Cancelling a call at any moment, and ending the engine: scenarios 96-98."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import Any

from core.errors import LLMCallError
from core.events import AttemptFailed, CallCancelled, CallQueued, RateLimited, TokensReceived
from tests.integration.call_path.scripts import HELLO
from tests.support.call_harness import CallHarness
from tests.support.events import check_call_contract
from tests.support.fault_server import (
    error,
    silence,
    status,
    stream,
)
from tests.support.team import JOBS, engine_harness

AGENTS = set(JOBS)
MOST_TURNS = 50  # of the event loop, between a cancel and its end


async def _cancel(task: asyncio.Task[Any]) -> None:
    """Cancel a task, and assert that it ends without waiting for anything: no server, no clock, no thread."""
    task.cancel()
    for _ in range(MOST_TURNS):
        if task.done():
            break
        await asyncio.sleep(0)
    assert task.cancelled()


async def _expect_cancelled(harness: CallHarness, task: asyncio.Task[Any], partial: str = "") -> None:
    requests = len(harness.server.journal)
    await _cancel(task)
    assert harness.recorder.of(CallCancelled)[-1].partial == partial
    assert len(harness.server.journal) == requests
    assert harness.counted_failures == 0


async def test_96_cancelled_before_any_header(harness: CallHarness) -> None:
    harness.server.script([silence()])
    task = asyncio.create_task(harness.call())
    await harness.server.requests(1)

    await _expect_cancelled(harness, task)

    await harness.server.disconnects(1)


async def test_96_cancelled_in_the_middle_of_the_answer(harness: CallHarness) -> None:
    harness.server.script([stream(*HELLO, then="hold")])
    task = asyncio.create_task(harness.call())
    await harness.recorder.until(lambda: "".join(t.text for t in harness.recorder.of(TokensReceived)) == "Hello there")

    await _expect_cancelled(harness, task, "Hello there")

    await harness.server.disconnects(1)


async def test_96_cancelled_while_queued(harness: CallHarness) -> None:
    harness.configure(max_concurrency=1)
    harness.server.script([silence()])
    first = asyncio.create_task(harness.call())
    await harness.server.requests(1)
    second = asyncio.create_task(harness.call())
    await harness.recorder.seen(CallQueued)

    await _expect_cancelled(harness, second)

    assert harness.caller.pool_status().waiting == 0
    await _expect_cancelled(harness, first)


async def test_96_cancelled_in_the_wait_before_a_retry(manual_clock_harness: CallHarness) -> None:
    harness = manual_clock_harness
    harness.server.script([error(429, "slow")])
    task = asyncio.create_task(harness.call())
    await harness.recorder.seen(AttemptFailed)

    await _expect_cancelled(harness, task)


async def test_96_cancelled_while_the_breaker_is_open(manual_clock_harness: CallHarness) -> None:
    harness = manual_clock_harness
    harness.configure(max_retries=0, breaker={"threshold": 1})
    harness.server.script([status(503)])
    await harness.fail()
    task = asyncio.create_task(harness.call())
    await harness.clock.until_asleep(1)

    await _cancel(task)

    assert len(harness.server.journal) == 1
    assert harness.breaker_states == ["open"]


async def test_96_cancelled_in_a_pause_of_the_server(manual_clock_harness: CallHarness) -> None:
    harness = manual_clock_harness
    harness.server.script([error(429, "slow", {"Retry-After": "50"})])
    first = asyncio.create_task(harness.call())
    await harness.recorder.seen(RateLimited)
    second = asyncio.create_task(harness.call())
    await harness.recorder.seen(CallQueued)

    await _expect_cancelled(harness, second)
    await _expect_cancelled(harness, first)


async def test_96_cancelled_while_it_keeps_to_our_own_rate(manual_clock_harness: CallHarness) -> None:
    harness = manual_clock_harness
    harness.configure(requests_per_minute=1)
    await harness.call()
    task = asyncio.create_task(harness.call())
    await harness.recorder.seen(CallQueued)

    await _expect_cancelled(harness, task)


async def test_96_cancelled_while_a_health_check_hangs(harness: CallHarness) -> None:
    harness.configure(max_retries=0, breaker={"threshold": 1})
    harness.server.models_answer = silence()
    harness.server.script([status(503)])
    await harness.fail()
    task = asyncio.create_task(harness.call())
    await harness.server.asked(3)  # for its sizes, in two ways, and then for its health

    await _cancel(task)

    assert await harness.server.all_closed()


async def test_97_a_storm_of_200_cancels_leaks_nothing(harness: CallHarness) -> None:
    harness.configure(max_concurrency=20)
    moments = Random(97)  # noqa: S311 - reproducible, not secret
    harness.server.answer_by(lambda body: stream(*HELLO, then="hold"))
    for _ in range(10):
        seen = len(harness.server.journal)
        tasks = [asyncio.create_task(harness.call()) for _ in range(20)]
        await harness.server.requests(seen + moments.randint(1, 20))
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    assert len(harness.recorder.of(CallCancelled)) == 200
    await harness.server.all_closed()
    assert harness.pool.in_flight == harness.caller.pool_status().in_flight == 0
    assert harness.counted_failures == 0
    harness.server.answer_by(lambda body: "still usable")
    assert (await harness.call()).text == "still usable"
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("call ")]


async def test_98_ending_the_engine_ends_five_streams_within_2_seconds(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with engine_harness(tmp_path) as harness:
        harness.server.answer_by(lambda body: stream(*HELLO, then="hold"))
        tasks = [asyncio.create_task(agent.execute_llm_task("hello")) for agent in harness.engine.agents.values()]
        await harness.events.until(lambda: {seen.agent_id for seen in harness.events.of(TokensReceived)} == AGENTS)
        began_at = loop.time()

        await harness.engine.__aexit__(None, None, None)

        assert loop.time() - began_at < 2
        assert {cancelled.agent_id for cancelled in harness.events.of(CallCancelled)} == AGENTS
        assert await harness.server.all_closed()
        await asyncio.wait(tasks)
        kinds = [task.exception() for task in tasks]
        assert [isinstance(error, LLMCallError) and error.kind for error in kinds] == ["cancelled"] * 5
        check_call_contract(harness.events.events)
