"""Servers that lie, exaggerate or never come to a point: no word of theirs breaks a call, or the calls after it."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from core.events import CallFinished, ContextTruncated
from tests.integration.call_path.scripts import HELLO
from tests.support.call_harness import CallHarness
from tests.support.fault_server import DONE, Step, error, event, finish, ok, status, stream, usage

LONG = "word " * 3000
HUGE = "9" * 5000
BROKEN_NUMBERS = [
    ("window", error(400, f"exceeds the available context size ({HUGE} tokens)"), "context"),
    ("prompt", error(400, f"request ({HUGE} tokens) exceeds the available context size (4096)"), "context"),
    ("code", status(200, {"error": {"code": HUGE, "message": "no"}}), "stream_error"),
    ("retry-after", error(429, "slow", {"Retry-After": "1e300"}), "rate_limit"),
    ("reset", error(429, "slow", {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": HUGE + "s"}), "rate_limit"),
    ("date", error(429, "slow", {"Retry-After": "Mon, 01 Jan 2024 00:00:00 +99999999999999999"}), "rate_limit"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("step", "kind"), [case[1:] for case in BROKEN_NUMBERS], ids=[case[0] for case in BROKEN_NUMBERS]
)
async def test_a_number_beyond_all_measure_is_no_bug(harness: CallHarness, step: Step, kind: str) -> None:
    harness.configure(max_retries=0)
    harness.server.answer_by(lambda _body: step)

    failed = await harness.fail()

    assert failed.kind == kind
    assert len(str(failed)) < 1000


@pytest.mark.parametrize("tokens", [10**4000, 2**70, 10**12], ids=["10^4000", "2^70", "10^12"])
async def test_usage_beyond_all_measure_is_estimated(harness: CallHarness, tokens: int) -> None:
    harness.server.script(
        [stream(*HELLO, finish(), usage(tokens, 3), DONE), stream(*HELLO, finish(), usage(3, tokens))]
    )

    for _ in range(2):
        reply = await harness.call()
        assert (reply.text, reply.usage.estimated) == ("Hello there", True)


async def test_an_unknown_ending_is_told_in_a_few_clean_words(harness: CallHarness) -> None:
    harness.server.script([ok(reason="\x1b[31mtired " * 1000)])

    reply = await harness.call()

    [told] = harness.recorder.of(CallFinished)
    assert reply.finish_reason == told.finish_reason
    assert told.finish_reason.startswith("tired")
    assert told.finish_reason.isprintable()
    assert len(told.finish_reason) < 100


async def test_a_window_that_shrinks_with_every_refusal_does_not_cost_a_request_for_each_size(
    harness: CallHarness,
) -> None:
    windows = iter(range(90_000, 1000, -1))

    def refuse(_body: dict[str, Any]) -> Step:
        window = next(windows)
        return error(
            400,
            f"This model's maximum context length is {window} tokens. However, you requested 90001 tokens (20 in the "
            "messages, 89981 in the completion).",
        )

    harness.server.answer_by(refuse)

    failed = await asyncio.wait_for(harness.fail(max_tokens=100_000), 30)

    assert failed.kind == "context"
    assert len(harness.server.journal) <= 4


async def test_a_window_named_once_in_error_is_forgotten_after_a_while(harness: CallHarness) -> None:
    harness.server.script([error(400, "exceeds the available context size (300 tokens)")])
    await harness.call(LONG)
    await harness.call(LONG)
    assert len(harness.recorder.of(ContextTruncated)) == 2

    harness.clock.advance(600)
    await harness.call(LONG)

    assert harness.server.journal[-1].body["messages"][1]["content"] == LONG
    assert len(harness.recorder.of(ContextTruncated)) == 2


async def test_a_window_that_is_named_again_is_believed_again(harness: CallHarness) -> None:
    too_long = error(400, "exceeds the available context size (3000 tokens)")
    for _ in range(2):
        harness.server.script([too_long])
        await harness.call(LONG)
        await harness.call(LONG)
        harness.clock.advance(600)

    assert len(harness.server.journal) == 6
    assert len(harness.recorder.of(ContextTruncated)) == 4


async def test_a_window_found_by_a_silent_cut_is_not_forgotten(harness: CallHarness) -> None:
    harness.server.answer_by(lambda _body: stream(*HELLO, finish(), usage(2048, 3), DONE))
    await harness.call(LONG)

    harness.clock.advance(6000)
    await harness.call(LONG)

    assert len(harness.recorder.of(ContextTruncated)) == 1


async def test_what_one_model_refuses_is_not_kept_from_the_other_models_of_its_server(harness: CallHarness) -> None:
    refusal = error(400, "Unsupported value: 'temperature' does not support 0.2.", param="temperature")
    harness.server.script([refusal], model="thinker")
    await harness.call(temperature=0.2, endpoint=harness.endpoint(model="thinker"))

    await harness.call(temperature=0.2)

    assert ["temperature" in request.body for request in harness.server.journal] == [True, False, True]


@pytest.mark.parametrize("key", ["a/b+c=d-0123456789", "secret-0123456789"])
async def test_a_key_in_a_redirects_address_is_not_shown(harness: CallHarness, key: str) -> None:
    from urllib.parse import quote

    location = f"https://user:{quote(key, safe='')}@example.org/login?api_key={quote(key, safe='')}&token={key}"
    harness.server.script([status(302, "", {"Location": location})])

    failed = await harness.fail(endpoint=harness.endpoint(api_key=key))

    shown = f"{failed} {failed.__dict__} {harness.recorder.events!r}"
    assert key not in shown
    assert quote(key, safe="") not in shown
    assert "https://" in failed.message


async def test_credentials_in_an_address_are_shown_nowhere(harness: CallHarness) -> None:
    address = re.sub("//", "//me:swordfish-123@", harness.server.base_url)
    harness.server.script([ok(), error(500, "boom"), error(404, "what?"), error(401, "no")])

    await harness.call(endpoint=harness.endpoint(base_url=address))
    for _ in range(2):
        failed = await harness.fail(endpoint=harness.endpoint(base_url=address))
        assert "swordfish" not in f"{failed} {failed.__dict__}"

    assert "swordfish" not in f"{harness.recorder.events!r} {harness.pool.stats()} {harness.metrics.snapshot()}"
    assert "swordfish" not in f"{harness.caller.breakers()} {harness.caller.pool_status()}"


async def test_an_error_without_an_end_is_not_read_for_ever(harness: CallHarness) -> None:
    harness.server.script([stream(event({"error": {"message": "x" * 3_000_000, "code": 400}}), DONE)])

    failed = await harness.fail()

    assert failed.kind == "bad_request"
    assert len(str(failed)) < 1000
