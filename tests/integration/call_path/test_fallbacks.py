"""Scenario 113: another endpoint takes over before the first token, visibly, and with a breaker of its own."""

from __future__ import annotations

import asyncio

import pytest

from core.events import AttemptFailed, AttemptReset, AttemptStarted, Warned
from core.llm.servers import facts as server_facts
from tests.integration.call_path.scripts import HELLO
from tests.support.call_harness import MODEL, CallHarness
from tests.support.fault_server import FaultServer, Step, error, event, hang_up, ok, status, stream
from tests.support.ports import free_port

SPARE = "spare-model"

TAKES_OVER = [
    ("quota", error(429, "You exceeded your current quota", code="insufficient_quota"), 1),
    ("auth", error(401, "Incorrect API key"), 1),
    ("not_found", error(404, "no such model"), 1),
    ("not_sse", status(200, "<html>Please log in</html>"), 1),
    ("rate_limit", error(429, "slow", {"Retry-After": "300"}), 1),
    ("server", status(503, "busy"), 4),
    ("disconnected", hang_up(), 4),
    ("cut", stream(then="reset"), 4),
    ("truncated_stream", stream(), 4),
    ("malformed", stream(b"data: {oops\n\n"), 4),
    ("stream_error", stream(event({"error": "kaputt"})), 4),
]


def asked_models(harness: CallHarness) -> list[str]:
    return [request.body["model"] for request in harness.server.journal]


@pytest.mark.parametrize(("kind", "step", "attempts"), TAKES_OVER, ids=[kind for kind, _, _ in TAKES_OVER])
async def test_113_another_model_answers_when_the_first_cannot(
    harness: CallHarness, kind: str, step: Step, attempts: int
) -> None:
    harness.server.script([step] * 4, model=MODEL)
    harness.server.script([ok("From the spare one.")], model=SPARE)

    reply = await harness.call(fallbacks=(harness.endpoint(model=SPARE),))

    assert reply.text == "From the spare one."
    assert asked_models(harness) == [MODEL] * attempts + [SPARE]
    assert reply.attempts == attempts + 1
    assert [started.fallback for started in harness.recorder.of(AttemptStarted)] == [False] * attempts + [True]
    assert harness.recorder.of(AttemptStarted)[-1].endpoint.endswith(SPARE)
    assert [failed.will_retry for failed in harness.recorder.of(AttemptFailed)] == [True] * attempts
    [warning] = harness.recorder.of(Warned)
    assert SPARE in warning.message
    assert harness.metrics.total("llm.fallbacks", kind=kind) == 1


async def test_a_server_that_is_gone_is_replaced(harness: CallHarness) -> None:
    gone = harness.endpoint(base_url=f"http://127.0.0.1:{free_port()}/v1")

    reply = await harness.call(endpoint=gone, fallbacks=(harness.endpoint(model=SPARE),))

    assert (reply.text, asked_models(harness)) == ("Hello there", [SPARE])


async def test_113_after_the_first_token_the_same_model_starts_over(harness: CallHarness) -> None:
    harness.server.script([stream(*HELLO, then="reset"), ok("The same model.")], model=MODEL)

    reply = await harness.call(fallbacks=(harness.endpoint(model=SPARE),))

    assert (reply.text, asked_models(harness)) == ("The same model.", [MODEL, MODEL])
    assert len(harness.recorder.of(AttemptReset)) == 1


async def test_an_answer_that_always_breaks_is_not_carried_on_by_another_model(harness: CallHarness) -> None:
    harness.server.script([stream(*HELLO, then="reset")] * 4, model=MODEL)

    failed = await harness.fail(fallbacks=(harness.endpoint(model=SPARE),))

    assert (failed.kind, set(asked_models(harness))) == ("cut", {MODEL})


async def test_what_a_content_filter_stops_is_not_asked_elsewhere(harness: CallHarness) -> None:
    harness.server.script([ok(reason="content_filter")], model=MODEL)

    failed = await harness.fail(fallbacks=(harness.endpoint(model=SPARE),))

    assert (failed.kind, asked_models(harness)) == ("content_filter", [MODEL])


async def test_an_open_breaker_sends_calls_to_the_next_endpoint_at_once(harness: CallHarness) -> None:
    harness.configure(max_retries=0, breaker={"threshold": 1})
    harness.server.script([status(503)], model=MODEL)
    await harness.fail()

    reply = await harness.call(fallbacks=(harness.endpoint(model=SPARE),))

    assert (reply.text, asked_models(harness)) == ("Hello there", [MODEL, SPARE])
    assert harness.clock.sleeps == []
    assert sorted(harness.breaker_states) == ["closed", "open"]


async def test_the_last_endpoint_is_waited_for_like_an_only_one(harness: CallHarness) -> None:
    harness.configure(max_retries=0, breaker={"threshold": 1})
    harness.server.script([status(503)], model=MODEL)
    harness.server.script([status(503)], model=SPARE)
    spare = harness.endpoint(model=SPARE)
    await harness.fail()
    await harness.fail(endpoint=spare)

    reply = await harness.call(fallbacks=(spare,))

    assert reply.text == "Hello there"
    assert asked_models(harness)[-1] == SPARE


async def test_an_endpoint_without_quota_is_passed_over_for_a_while(harness: CallHarness) -> None:
    harness.server.script([error(402, "pay")], model=MODEL)
    spare = harness.endpoint(model=SPARE)
    await harness.call(fallbacks=(spare,))
    harness.server.journal.clear()

    await harness.call(fallbacks=(spare,))
    assert asked_models(harness) == [SPARE]

    harness.clock.advance(300)
    await harness.call(fallbacks=(spare,))
    assert asked_models(harness) == [SPARE, MODEL]


async def test_a_larger_window_comes_before_leaving_words_out(harness: CallHarness) -> None:
    too_long = error(400, "exceeds the available context size (1500 tokens)")
    harness.server.script([too_long], model=MODEL)
    long = "word " * 3000

    await harness.call(long, fallbacks=(harness.endpoint(model=SPARE, context_tokens=32_000),))

    assert asked_models(harness) == [MODEL, SPARE]
    assert harness.server.journal[1].body["messages"][1]["content"] == long


async def test_every_endpoint_gone_is_told_of_the_last_one(harness: CallHarness) -> None:
    harness.configure(max_retries=0)
    harness.server.script([status(503)], model=MODEL)
    harness.server.script([error(401, "no key")], model=SPARE)

    failed = await harness.fail(fallbacks=(harness.endpoint(model=SPARE),))

    assert (failed.kind, failed.attempts) == ("auth", 2)
    assert [seen.will_retry for seen in harness.recorder.of(AttemptFailed)] == [True, False]


async def test_another_model_answers_when_the_teams_retries_are_used_up(harness: CallHarness) -> None:
    harness.configure(max_retries=10, breaker={"threshold": 100})
    harness.server.script([status(503)] * 56, model=MODEL)
    for _ in range(5):
        await harness.fail()
    harness.server.journal.clear()
    harness.recorder.events.clear()

    reply = await harness.call(fallbacks=(harness.endpoint(model=SPARE),))

    assert (reply.text, asked_models(harness)) == ("Hello there", [MODEL, SPARE])
    [told] = harness.recorder.of(AttemptFailed)
    assert (told.kind, told.will_retry) == ("server", True)
    assert harness.metrics.total("llm.retries") == 50
    assert harness.metrics.total("llm.fallbacks", kind="retry_budget") == 1


async def test_a_fallback_that_does_not_answer_holds_up_nobody_who_does_not_need_it(
    harness: CallHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_facts, "FACTS_TIMEOUT_SECONDS", 30.0)
    async with FaultServer() as slow:
        may_answer = asyncio.Event()
        slow.routes["/props"] = Step((may_answer, *status(404, "").pieces))
        elsewhere = harness.endpoint(base_url=slow.base_url)

        await harness.call(fallbacks=(elsewhere,))
        assert slow.lookups == []

        needy = asyncio.create_task(harness.call(endpoint=elsewhere))
        await slow.asked(1)
        await harness.call(
            endpoint=harness.endpoint(base_url=harness.server.base_url.replace("127.0.0.1", "localhost"))
        )
        assert not needy.done()
        may_answer.set()
        assert (await needy).text == "Hello there"
