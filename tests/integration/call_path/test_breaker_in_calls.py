"""The circuit breaker around real calls: scenarios 99-108."""

from __future__ import annotations

import asyncio
from math import nextafter

import pytest

from core.events import AttemptFailed, BreakerChanged, CallFinished, CallQueued, Event
from tests.integration.call_path.scripts import HELLO
from tests.support.call_harness import MODEL, CallHarness
from tests.support.fault_server import (
    DONE,
    Step,
    error,
    status,
    stream,
)


async def test_99_five_streams_cut_at_once_are_one_incident(harness: CallHarness) -> None:
    all_started = asyncio.Event()
    harness.server.script([stream(*HELLO, all_started, then="reset")] * 5)
    tasks = [asyncio.create_task(harness.call()) for _ in range(5)]
    await harness.server.requests(5)
    harness.clock.advance(1)

    all_started.set()
    await asyncio.wait(tasks)

    assert [task.result().attempts for task in tasks] == [2] * 5
    assert harness.breaker_states == ["closed"]
    assert harness.recorder.of(BreakerChanged) == []


async def test_100_five_failures_open_the_breaker_and_the_sixth_call_sends_nothing(harness: CallHarness) -> None:
    harness.configure(max_retries=0, breaker={"when_open": "fail"})
    harness.server.script([status(503)] * 5)
    for _ in range(5):
        await harness.fail()

    failed = await harness.fail()

    assert (failed.kind, failed.attempts, len(harness.server.journal)) == ("breaker_open", 0, 5)
    [change] = harness.recorder.of(BreakerChanged)
    assert (change.old, change.new, change.retry_at) == ("closed", "open", harness.clock.monotonic() + 60)
    assert change.name == f"{harness.endpoint().host}/{MODEL}"


async def test_101_after_its_time_the_breaker_lets_three_probes_in_and_the_fourth_waits(harness: CallHarness) -> None:
    harness.configure(max_retries=0, max_concurrency=4, breaker={"threshold": 1})
    harness.server.script([status(503)])
    await harness.fail()
    harness.clock.advance(60)
    answer_now = asyncio.Event()
    harness.server.script([stream(answer_now, *HELLO, DONE)] * 4)

    tasks = [asyncio.create_task(harness.call()) for _ in range(4)]
    await harness.server.requests(4)
    assert harness.breaker_states == ["half-open"]
    assert len(harness.server.journal) == 4
    answer_now.set()
    await asyncio.wait(tasks)

    assert [(change.old, change.new) for change in harness.recorder.of(BreakerChanged)] == [
        ("closed", "open"),
        ("open", "half-open"),
        ("half-open", "closed"),
    ]


async def test_as_many_probes_close_the_breaker_as_the_settings_say(harness: CallHarness) -> None:
    harness.configure(max_retries=0, breaker={"threshold": 2, "timeout": 7, "half_open": 1})
    harness.server.script([status(503), status(503)])
    for _ in range(2):
        await harness.fail()
    assert harness.breaker_states == ["open"]
    harness.clock.advance(7)

    await harness.call()

    assert harness.breaker_states == ["closed"]


async def test_102_a_failed_probe_opens_the_breaker_for_its_whole_time(harness: CallHarness) -> None:
    harness.configure(max_retries=0, breaker={"threshold": 1, "when_open": "fail"})
    harness.server.script([status(503), status(503)])
    await harness.fail()
    harness.clock.advance(60)

    failed = await harness.fail()

    assert (failed.kind, failed.attempts) == ("server", 1)
    assert [told.will_retry for told in harness.recorder.of(AttemptFailed)] == [False, False]
    assert harness.breaker_states == ["open"]
    assert harness.caller.breakers()[0].retry_in_seconds == 60


async def test_an_open_breaker_is_waited_for_and_its_states_are_told(harness: CallHarness) -> None:
    harness.configure(max_retries=5, breaker={"threshold": 2})
    harness.server.models_answer = status(503)
    harness.server.script([status(503), status(503)])
    began_at = harness.clock.monotonic()

    reply = await harness.call()

    assert reply.text == "Hello there"
    assert [change.new for change in harness.recorder.of(BreakerChanged)] == ["open", "half-open"]
    [waited] = harness.recorder.of(CallQueued)
    assert (waited.reason, waited.attempt) == ("breaker", 2)
    assert waited.until is not None
    assert waited.until == pytest.approx(waited.at + 60, abs=7)
    assert harness.clock.monotonic() - began_at > 60


@pytest.mark.parametrize(
    ("steps", "waited_seconds"),
    [
        ([status(503), status(503)], 60),
        ([error(429, "slow down", {"Retry-After": "30"})], 30),
        ([error(500, "out of order")] * 4, 3),
    ],
    ids=["breaker", "pause", "back-off"],
)
async def test_the_time_that_a_call_waited_is_not_its_latency(
    harness: CallHarness, steps: list[Step], waited_seconds: float
) -> None:
    harness.configure(max_retries=5, retry_initial_delay=1.0, breaker={"threshold": 2 if len(steps) == 2 else 9})
    harness.server.models_answer = status(503)
    harness.server.script(steps)
    await harness.call()

    [latency_ms] = harness.metrics.quantiles("llm.request", (1.0,), outcome="ok")

    [finished] = harness.recorder.of(CallFinished)
    assert finished.duration_seconds >= waited_seconds
    assert latency_ms is not None
    assert latency_ms < 1000


async def test_103_a_refused_key_gives_the_probes_permit_back(harness: CallHarness) -> None:
    harness.configure(max_retries=0, breaker={"threshold": 1, "when_open": "fail"})
    harness.server.script([status(503), *[error(401, "key")] * 5])
    await harness.fail()
    harness.clock.advance(60)

    kinds = [(await harness.fail()).kind for _ in range(5)]

    assert kinds == ["auth"] * 5
    assert harness.breaker_states == ["half-open"]


async def test_105_a_jump_of_the_wall_clock_does_not_open_the_door(harness: CallHarness) -> None:
    harness.configure(max_retries=0, breaker={"threshold": 1, "when_open": "fail"})
    harness.server.script([status(503)])
    await harness.fail()

    harness.clock.jump_wall(7200)

    assert (await harness.fail()).kind == "breaker_open"


async def test_108_a_probe_that_hangs_is_ended_by_the_total_limit(harness: CallHarness) -> None:
    harness.configure(max_retries=0, breaker={"threshold": 1}, total_timeout=0.5)
    harness.server.script([status(503), stream(*HELLO, then="hold")])
    await harness.fail()
    harness.clock.advance(60)

    failed = await harness.fail()

    assert failed.kind == "total_timeout"
    assert harness.breaker_states == ["open"]


async def test_106_a_server_that_is_well_again_is_tried_early_and_only_calls_close_the_breaker(
    harness: CallHarness,
) -> None:
    harness.configure(max_retries=0, breaker={"threshold": 1})
    harness.server.script([status(503)])
    await harness.fail()
    began_at = harness.clock.monotonic()

    await harness.call()

    assert 5 <= harness.clock.monotonic() - began_at <= 8
    assert [request.path for request in harness.server.lookups].count("/v1/models") == 2  # first for its size
    assert harness.breaker_states == ["half-open"]
    for _ in range(2):
        await harness.call()
    assert harness.breaker_states == ["closed"]


async def test_a_server_that_says_it_is_well_and_is_not_is_believed_once(harness: CallHarness) -> None:
    harness.configure(max_retries=3, breaker={"threshold": 1})
    harness.server.script([status(503)] * 3)
    began_at = harness.clock.monotonic()

    reply = await harness.call()

    assert (reply.text, reply.attempts, len(harness.server.journal)) == ("Hello there", 2, 4)
    assert [request.path for request in harness.server.lookups].count("/v1/models") == 2  # first for its size
    assert harness.clock.monotonic() - began_at > 120


async def test_a_server_that_is_still_loading_is_not_well(harness: CallHarness) -> None:
    harness.configure(max_retries=0, breaker={"threshold": 1})
    harness.server.models_answer = error(503, "Loading model")
    harness.server.script([status(503)])
    await harness.fail()
    began_at = harness.clock.monotonic()

    await harness.call()

    assert harness.clock.monotonic() - began_at >= 60


async def test_the_user_may_try_at_once(manual_clock_harness: CallHarness) -> None:
    harness = manual_clock_harness
    harness.configure(max_retries=0, breaker={"threshold": 1})
    harness.server.script([status(503)])
    await harness.fail()
    task = asyncio.create_task(harness.call())
    await harness.clock.until_asleep(1)
    began_at = harness.clock.monotonic()

    assert harness.caller.wake("somebody else") == 0
    assert harness.caller.wake("developer") == 1

    assert (await task).text == "Hello there"
    assert harness.clock.monotonic() == began_at
    assert harness.caller.wake() == 0


async def test_the_user_may_end_a_back_off(manual_clock_harness: CallHarness) -> None:
    harness = manual_clock_harness
    harness.server.script([error(429, "slow", {"Retry-After": "100"})])
    task = asyncio.create_task(harness.call())
    await harness.clock.until_asleep(1)

    assert harness.caller.wake() == 1

    assert (await task).attempts == 2


async def test_an_open_breaker_is_not_waited_for_longer_than_allowed(harness: CallHarness) -> None:
    harness.configure(max_retries=10, breaker={"threshold": 1, "max_wait": 90})
    harness.server.models_answer = status(503)
    harness.server.answer_by(lambda _body: status(503))

    failed = await harness.fail()

    assert (failed.kind, failed.attempts, len(harness.server.journal)) == ("unavailable", 2, 2)
    assert "90 s" in failed.message
    assert [told.will_retry for told in harness.recorder.of(AttemptFailed)] == [True, True]


async def test_a_refusal_of_an_open_breaker_takes_no_wait_and_no_packet(harness: CallHarness) -> None:
    harness.configure(max_retries=0, breaker={"threshold": 1, "when_open": "fail"})
    harness.server.script([status(503)])
    await harness.fail()
    requests = len(harness.server.journal), len(harness.server.lookups)

    for _ in range(50):
        refused = asyncio.create_task(harness.fail())
        for _ in range(50):  # turns of the event loop, in which nothing can be waited for
            await asyncio.sleep(0)
        assert refused.done()
        assert refused.result().kind == "breaker_open"

    assert (len(harness.server.journal), len(harness.server.lookups)) == requests
    assert harness.clock.sleeps == []


async def test_107_a_sink_that_raises_when_the_breaker_changes_harms_no_call(harness: CallHarness) -> None:
    harness.configure(max_retries=0, breaker={"threshold": 1, "when_open": "fail"})
    told: list[str] = []

    def listen(event: Event) -> None:
        match event:
            case BreakerChanged():
                told.append(event.new)
                raise RuntimeError("the listener is broken")
            case _:
                pass

    harness.recorder.on_event = listen
    harness.server.script([status(503)])

    assert (await harness.fail()).kind == "server"
    assert (await harness.fail()).kind == "breaker_open"
    assert told == ["open"]


async def test_each_model_of_a_server_has_a_breaker_of_its_own(harness: CallHarness) -> None:
    harness.configure(max_retries=0, breaker={"threshold": 1, "when_open": "fail"})
    harness.server.script([status(503)], model="sick")

    await harness.fail(endpoint=harness.endpoint(model="sick"))

    assert (await harness.call()).text == "Hello there"
    assert {status.name.rpartition("/")[2]: status.state for status in harness.caller.breakers()} == {
        "sick": "open",
        MODEL: "closed",
    }


async def test_what_is_left_of_a_wait_may_be_too_little_for_the_clock_to_move(harness: CallHarness) -> None:
    harness.configure(max_retries=0, breaker={"threshold": 1})
    harness.server.models_answer = status(503)
    harness.server.script([status(503)])
    await harness.fail()
    opened_at = harness.clock.monotonic()
    harness.clock.advance(nextafter(opened_at + 60, 0) - opened_at)
    assert harness.caller.breakers()[0].retry_in_seconds > 0

    async with asyncio.timeout(30):
        assert (await harness.call()).text == "Hello there"

    assert len(harness.clock.sleeps) <= 2


async def test_an_open_breaker_does_not_even_let_a_prompt_be_counted(harness: CallHarness) -> None:
    harness.configure(max_retries=0, breaker={"threshold": 1, "when_open": "fail"})
    harness.server.routes["/props"] = status(200, {"total_slots": 2, "default_generation_settings": {"n_ctx": 4096}})
    harness.server.script([status(503)])
    await harness.fail()
    lookups = len(harness.server.lookups)

    assert (await harness.fail("word " * 6000)).kind == "breaker_open"

    assert len(harness.server.lookups) == lookups


async def test_a_refusal_of_the_breaker_is_no_failed_attempt(harness: CallHarness) -> None:
    harness.configure(max_retries=0, breaker={"threshold": 1, "when_open": "fail"})
    harness.server.script([status(503)])
    for _ in range(3):
        await harness.fail()

    assert harness.metrics.total("llm.errors") == 1
    assert harness.metrics.total("llm.requests", outcome="error") == 3


async def test_104_a_late_result_of_an_older_state_changes_nothing(harness: CallHarness) -> None:
    harness.configure(max_retries=0, max_concurrency=4, breaker={"threshold": 1})
    late, probed = asyncio.Event(), asyncio.Event()
    harness.server.script(
        [stream(late, *HELLO, DONE), stream(late, then="reset"), status(503), stream(probed, *HELLO, DONE)]
    )
    well = asyncio.create_task(harness.call())
    await harness.server.requests(1)
    ill = asyncio.create_task(harness.fail())
    await harness.server.requests(2)
    await harness.fail()
    harness.clock.advance(60)
    probe = asyncio.create_task(harness.call())
    await harness.server.requests(4)

    late.set()

    assert (await well).text == "Hello there"
    assert (await ill).kind == "cut"
    assert harness.breaker_states == ["half-open"]
    probed.set()
    await probe
    assert harness.breaker_states == ["half-open"]  # one of three successes, not two
