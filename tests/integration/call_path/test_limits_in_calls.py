"""What calls share: the gate, the server's pauses, our own rate and the team's retries: scenarios 109-112."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from core.events import AttemptFailed, CallQueued, RateLimited
from core.llm.servers import state
from core.resilience.gate import Gate
from tests.integration.call_path.scripts import HELLO
from tests.support.call_harness import CallHarness
from tests.support.fault_server import (
    DONE,
    Step,
    error,
    finish,
    ok,
    silence,
    status,
    stream,
)


async def test_110_one_rate_limit_pauses_all_agents(manual_clock_harness: CallHarness) -> None:
    harness = manual_clock_harness
    harness.configure(max_concurrency=5)
    harness.server.script([error(429, "slow", {"Retry-After": "20"})])
    first = asyncio.create_task(harness.call())
    await harness.recorder.seen(RateLimited)

    others = [asyncio.create_task(harness.call()) for _ in range(4)]
    await harness.clock.until_asleep(5)
    assert len(harness.server.journal) == 1
    assert [(queued.reason, queued.until) for queued in harness.recorder.of(CallQueued)] == [
        ("rate_limit", harness.recorder.of(RateLimited)[0].until)
    ] * 4

    harness.clock.advance(22)
    await asyncio.wait([first, *others])
    assert len(harness.server.journal) == 6


async def test_112_two_hundred_calls_at_once_are_all_answered(harness: CallHarness) -> None:
    harness.configure(max_concurrency=5)
    go_on = asyncio.Event()
    harness.server.script([stream(go_on, *HELLO, DONE)] * 5)
    calls = [asyncio.create_task(harness.call(f"call {number}")) for number in range(200)]
    await harness.recorder.until(lambda: harness.caller.pool_status().waiting == 195)

    go_on.set()
    await asyncio.wait(calls)

    assert [call.result().text for call in calls] == ["Hello there"] * 200


async def test_112_an_agent_with_many_calls_lets_the_others_take_their_turn(harness: CallHarness) -> None:
    harness.configure(max_concurrency=1)
    go_on = asyncio.Event()
    harness.server.script([stream(go_on, *HELLO, DONE)])
    tasks = [asyncio.create_task(harness.call("first"))]
    await harness.server.requests(1)
    for place, agent_id in enumerate(["developer"] * 40 + ["qa_engineer"]):
        tasks.append(asyncio.create_task(harness.call(agent_id, agent_id=agent_id)))
        await harness.recorder.until(lambda length=place: harness.caller.pool_status().waiting > length)  # type: ignore[misc]

    go_on.set()
    await asyncio.wait(tasks)

    asked = [request.body["messages"][1]["content"] for request in harness.server.journal]
    assert asked.index("qa_engineer") == 2


async def test_112_a_line_that_would_eat_up_the_memory_is_refused(
    harness: CallHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "Gate", partial(Gate, max_waiting=2))
    harness.configure(max_concurrency=1)
    harness.server.script([silence()])
    tasks = [asyncio.create_task(harness.call()) for _ in range(3)]
    await harness.recorder.seen(CallQueued, 2)

    failed = await harness.fail()

    assert (failed.kind, failed.attempts) == ("queue_full", 0)
    for task in reversed(tasks):
        task.cancel()
    await asyncio.wait(tasks)


async def test_waiting_calls_hear_their_place_in_the_line(harness: CallHarness) -> None:
    harness.configure(max_concurrency=1)
    go_on = asyncio.Event()
    harness.server.script([stream(go_on, *HELLO, DONE)])
    tasks = [asyncio.create_task(harness.call()) for _ in range(3)]
    await harness.recorder.seen(CallQueued, 2)

    go_on.set()
    await asyncio.wait(tasks)

    assert [queued.position for queued in harness.recorder.of(CallQueued)] == [0, 1, 0]


TEAM = ("business_analyst", "developer", "qa_engineer", "devops_engineer", "technical_writer")


async def test_109_every_agent_may_use_all_its_retries_and_then_a_call_fails_at_once(harness: CallHarness) -> None:
    harness.configure(max_retries=10, breaker={"threshold": 100})
    harness.server.script([status(503)] * 60)

    for agent_id in TEAM:
        assert (await harness.fail(agent_id=agent_id)).attempts == 11
    harness.server.journal.clear()
    harness.recorder.events.clear()
    other = await harness.fail(agent_id="qa_engineer")
    assert (other.kind, other.attempts, len(harness.server.journal)) == ("retry_budget", 1, 1)
    assert "503" in other.message
    [told] = harness.recorder.of(AttemptFailed)
    assert (told.kind, told.will_retry) == ("server", False)


async def test_109_successes_fill_the_teams_retries_again(harness: CallHarness) -> None:
    harness.configure(max_retries=10, breaker={"threshold": 100})
    harness.server.script([status(503)] * 55)
    for agent_id in TEAM:
        await harness.fail(agent_id=agent_id)

    for _ in range(5):
        await harness.call()
    harness.server.script([status(503), ok("after a retry")])

    assert (await harness.call()).text == "after a retry"


async def test_111_a_remote_server_gets_as_many_calls_as_it_bears(harness: CallHarness) -> None:
    remote = harness.endpoint(kind="remote")
    held = [asyncio.Event() for _ in range(4)]
    harness.server.script([stream(gate, *HELLO, finish(), DONE) for gate in held])
    tasks = [asyncio.create_task(harness.call(endpoint=remote)) for _ in range(4)]
    await harness.server.requests(4)
    assert harness.caller.pool_status().slots == 5
    for gate in held:
        gate.set()
    await asyncio.wait(tasks)
    grown = harness.caller.pool_status().slots
    assert grown > 5

    harness.server.script([error(429, "slow")] * 3)
    await harness.call(endpoint=remote)
    assert harness.caller.pool_status().slots == grown - 3
    assert [request.path for request in harness.server.lookups] == []


async def test_111_no_number_of_overloads_takes_the_last_slot(harness: CallHarness) -> None:
    remote = harness.endpoint(kind="remote")
    harness.configure(max_retries=0)
    harness.server.script([error(429, "slow")] * 12)
    for _ in range(12):
        await harness.fail(endpoint=remote)

    assert harness.caller.pool_status().slots == 1
    assert (await harness.call(endpoint=remote)).text == "Hello there"


@pytest.mark.parametrize(
    "step", [silence(), error(529, "Overloaded"), status(503, "busy")], ids=["silence", "529", "503"]
)
async def test_111_too_much_to_do_takes_a_slot_away_and_success_gives_it_back(harness: CallHarness, step: Step) -> None:
    remote = harness.endpoint(kind="remote")
    harness.configure(max_retries=0, first_token_timeout=1.0)
    harness.server.script([step])
    await harness.fail(endpoint=remote)
    assert harness.caller.pool_status().slots == 4

    gates = [asyncio.Event() for _ in range(4)]
    harness.server.script([stream(gate, *HELLO, DONE) for gate in gates])
    tasks = [asyncio.create_task(harness.call(endpoint=remote)) for _ in range(4)]
    await harness.server.requests(5)
    gates[0].set()
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert harness.caller.pool_status().slots == 5
    for gate in gates:
        gate.set()
    await asyncio.wait(tasks)


async def test_a_local_server_gets_as_many_calls_as_it_has_slots(harness: CallHarness) -> None:
    harness.server.routes["/props"] = status(200, {"total_slots": 2, "default_generation_settings": {"n_ctx": 4096}})
    go_on = asyncio.Event()
    harness.server.script([stream(go_on, *HELLO, finish(), DONE)] * 4)
    tasks = [asyncio.create_task(harness.call()) for _ in range(4)]
    await harness.server.requests(2)
    await harness.recorder.seen(CallQueued, 2)

    assert len(harness.server.journal) == 2
    go_on.set()
    await asyncio.wait(tasks)
    assert harness.caller.pool_status().slots == 2


async def test_what_the_user_waits_for_goes_before_what_the_team_waits_for(harness: CallHarness) -> None:
    harness.configure(max_concurrency=1)
    go_on = asyncio.Event()
    harness.server.script([stream(go_on, *HELLO, DONE)])
    tasks = [asyncio.create_task(harness.call("first"))]
    await harness.server.requests(1)
    for text, priority in (("agent", "agent"), ("user", "user")):
        queued = len(harness.recorder.of(CallQueued))
        tasks.append(asyncio.create_task(harness.call(text, priority=priority)))
        await harness.recorder.seen(CallQueued, queued + 1)

    go_on.set()
    await asyncio.wait(tasks)

    asked = [request.body["messages"][1]["content"] for request in harness.server.journal]
    assert asked == ["first", "user", "agent"]


async def test_our_own_rate_is_kept_and_every_wait_is_told(harness: CallHarness) -> None:
    harness.configure(requests_per_minute=30)
    began_at = harness.clock.monotonic()

    for _ in range(6):
        await harness.call()

    assert harness.clock.monotonic() - began_at == pytest.approx(10, abs=1)
    waits = [queued for queued in harness.recorder.of(CallQueued) if queued.reason == "own_rate"]
    assert len(waits) >= 5
    assert all(wait.until is not None and wait.until > wait.at for wait in waits)
    assert harness.counted_failures == 0


async def test_our_own_token_rate_counts_what_was_really_used(harness: CallHarness) -> None:
    harness.configure(tokens_per_minute=60_000)
    began_at = harness.clock.monotonic()

    for _ in range(20):
        await harness.call(max_tokens=1900)

    assert harness.clock.monotonic() - began_at < 1  # 18 tokens each, not 1,900


async def test_110_a_call_that_gives_up_pauses_the_others_all_the_same(harness: CallHarness) -> None:
    harness.configure(max_retries=0)
    harness.server.script([error(429, "slow", {"Retry-After": "20"})])
    await harness.fail()
    began_at = harness.clock.monotonic()

    await harness.call()

    assert harness.clock.monotonic() - began_at >= 20
    assert len(harness.recorder.of(RateLimited)) == 1


async def test_110_a_call_that_waited_for_our_own_rate_keeps_to_a_pause_that_came_meanwhile(
    manual_clock_harness: CallHarness,
) -> None:
    harness = manual_clock_harness
    harness.configure(max_retries=0, requests_per_minute=60, max_concurrency=5)
    refuse = asyncio.Event()
    late = error(429, "slow", {"Retry-After": "100"})
    harness.server.script([Step((refuse, *late.pieces))])
    first = asyncio.create_task(harness.fail())
    await harness.server.requests(1)
    await harness.call()
    third = asyncio.create_task(harness.call())
    await harness.clock.until_asleep(1)

    refuse.set()
    await first
    harness.clock.advance(1)
    await harness.recorder.until(lambda: harness.recorder.of(CallQueued)[-1].reason == "rate_limit")

    assert len(harness.server.journal) == 2
    harness.clock.advance(100)
    await third
