"""Scenario 113: another endpoint takes over before the first token, visibly, and with a breaker of its own."""

from __future__ import annotations

import asyncio

import pytest

from core.events import AttemptFailed, AttemptReset, AttemptStarted, Warned
from tests.integration.call_path.scripts import HELLO
from tests.support.bench import MODEL, Bench
from tests.support.fault_server import FaultServer, Step, error, event, free_port, hang_up, ok, silence, status, stream

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


def asked_models(bench: Bench) -> list[str]:
    return [request.body["model"] for request in bench.server.journal]


@pytest.mark.parametrize(("kind", "step", "attempts"), TAKES_OVER, ids=[kind for kind, _, _ in TAKES_OVER])
async def test_113_another_model_answers_when_the_first_cannot(
    bench: Bench, kind: str, step: Step, attempts: int
) -> None:
    bench.server.script([step] * 4, model=MODEL)
    bench.server.script([ok("From the spare one.")], model=SPARE)

    reply = await bench.call(fallbacks=(bench.endpoint(model=SPARE),))

    assert reply.text == "From the spare one."
    assert asked_models(bench) == [MODEL] * attempts + [SPARE]
    assert reply.attempts == attempts + 1
    assert [started.fallback for started in bench.recorder.of(AttemptStarted)] == [False] * attempts + [True]
    assert bench.recorder.of(AttemptStarted)[-1].endpoint.endswith(SPARE)
    assert [failed.will_retry for failed in bench.recorder.of(AttemptFailed)] == [True] * attempts
    [warning] = bench.recorder.of(Warned)
    assert SPARE in warning.message
    assert bench.metrics.total("llm.fallbacks", kind=kind) == 1


async def test_a_server_that_is_gone_is_replaced(bench: Bench) -> None:
    gone = bench.endpoint(base_url=f"http://127.0.0.1:{free_port()}/v1")

    reply = await bench.call(endpoint=gone, fallbacks=(bench.endpoint(model=SPARE),))

    assert (reply.text, asked_models(bench)) == ("Hello there", [SPARE])


async def test_113_after_the_first_token_the_same_model_starts_over(bench: Bench) -> None:
    bench.server.script([stream(*HELLO, then="reset"), ok("The same model.")], model=MODEL)

    reply = await bench.call(fallbacks=(bench.endpoint(model=SPARE),))

    assert (reply.text, asked_models(bench)) == ("The same model.", [MODEL, MODEL])
    assert len(bench.recorder.of(AttemptReset)) == 1


async def test_an_answer_that_always_breaks_is_not_carried_on_by_another_model(bench: Bench) -> None:
    bench.server.script([stream(*HELLO, then="reset")] * 4, model=MODEL)

    failed = await bench.fail(fallbacks=(bench.endpoint(model=SPARE),))

    assert (failed.kind, set(asked_models(bench))) == ("cut", {MODEL})


async def test_what_a_content_filter_stops_is_not_asked_elsewhere(bench: Bench) -> None:
    bench.server.script([ok(reason="content_filter")], model=MODEL)

    failed = await bench.fail(fallbacks=(bench.endpoint(model=SPARE),))

    assert (failed.kind, asked_models(bench)) == ("content_filter", [MODEL])


async def test_an_open_breaker_sends_calls_to_the_next_endpoint_at_once(bench: Bench) -> None:
    bench.configure(max_retries=0, breaker={"threshold": 1})
    bench.server.script([status(503)], model=MODEL)
    await bench.fail()

    reply = await bench.call(fallbacks=(bench.endpoint(model=SPARE),))

    assert (reply.text, asked_models(bench)) == ("Hello there", [MODEL, SPARE])
    assert bench.clock.sleeps == []
    assert sorted(bench.breaker_states) == ["closed", "open"]


async def test_the_last_endpoint_is_waited_for_like_an_only_one(bench: Bench) -> None:
    bench.configure(max_retries=0, breaker={"threshold": 1})
    bench.server.script([status(503)], model=MODEL)
    bench.server.script([status(503)], model=SPARE)
    spare = bench.endpoint(model=SPARE)
    await bench.fail()
    await bench.fail(endpoint=spare)

    reply = await bench.call(fallbacks=(spare,))

    assert reply.text == "Hello there"
    assert asked_models(bench)[-1] == SPARE


async def test_an_endpoint_without_quota_is_passed_over_for_a_while(bench: Bench) -> None:
    bench.server.script([error(402, "pay")], model=MODEL)
    spare = bench.endpoint(model=SPARE)
    await bench.call(fallbacks=(spare,))
    bench.server.journal.clear()

    await bench.call(fallbacks=(spare,))
    assert asked_models(bench) == [SPARE]

    bench.clock.advance(300)
    await bench.call(fallbacks=(spare,))
    assert asked_models(bench) == [SPARE, MODEL]


async def test_a_larger_window_comes_before_leaving_words_out(bench: Bench) -> None:
    too_long = error(400, "exceeds the available context size (1500 tokens)")
    bench.server.script([too_long], model=MODEL)
    long = "word " * 3000

    await bench.call(long, fallbacks=(bench.endpoint(model=SPARE, context_tokens=32_000),))

    assert asked_models(bench) == [MODEL, SPARE]
    assert bench.server.journal[1].body["messages"][1]["content"] == long


async def test_every_endpoint_gone_is_told_of_the_last_one(bench: Bench) -> None:
    bench.configure(max_retries=0)
    bench.server.script([status(503)], model=MODEL)
    bench.server.script([error(401, "no key")], model=SPARE)

    failed = await bench.fail(fallbacks=(bench.endpoint(model=SPARE),))

    assert (failed.kind, failed.attempts) == ("auth", 2)
    assert [seen.will_retry for seen in bench.recorder.of(AttemptFailed)] == [True, False]


async def test_another_model_answers_when_the_teams_retries_are_used_up(bench: Bench) -> None:
    bench.configure(max_retries=10, breaker={"threshold": 100})
    bench.server.script([status(503)] * 12, model=MODEL)
    await bench.fail()
    bench.recorder.events.clear()

    reply = await bench.call(fallbacks=(bench.endpoint(model=SPARE),))

    assert (reply.text, asked_models(bench)) == ("Hello there", [MODEL] * 12 + [SPARE])
    [told] = bench.recorder.of(AttemptFailed)
    assert (told.kind, told.will_retry) == ("server", True)
    assert bench.metrics.total("llm.retries") == 10
    assert bench.metrics.total("llm.fallbacks", kind="retry_budget") == 1


async def test_a_fallback_that_does_not_answer_holds_up_nobody_who_does_not_need_it(bench: Bench) -> None:
    async with FaultServer() as slow:
        slow.routes["/props"] = silence()
        elsewhere = bench.endpoint(base_url=slow.base_url)

        await bench.call(fallbacks=(elsewhere,))
        assert slow.lookups == []

        needy = asyncio.create_task(bench.call(endpoint=elsewhere))
        await slow.asked(1)
        async with asyncio.timeout(0.5):
            await bench.call(endpoint=bench.endpoint(base_url=bench.server.base_url.replace("127.0.0.1", "localhost")))
        assert not needy.done()
        assert (await needy).text == "Hello there"
