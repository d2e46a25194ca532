"""Answers that are broken, each with its name and its treatment: scenarios 6-11, 14-23, 39-62, 70, 74-85."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from core.events import (
    AttemptFailed,
    AttemptReset,
    CallFinished,
    ReasoningReceived,
    TokensReceived,
)
from tests.integration.call_path.scripts import HELLO, QUICK_FIRST, QUICK_STALL, QUICK_TOTAL, SSE_HEAD
from tests.support.call_harness import CallHarness
from tests.support.fault_server import (
    DONE,
    Step,
    error,
    event,
    finish,
    hang_up,
    ok,
    response_head,
    silence,
    status,
    stream,
    thought,
    token,
)
from tests.support.ports import free_port


class Bad(NamedTuple):
    number: str
    step: Step
    kind: str
    action: str  # R or F
    breaker: str  # x counts, o does not, + is a success
    llm: Mapping[str, Any] = MappingProxyType({})


CODE_400 = {"message": "no", "code": 400}


BAD = [
    Bad("7 closed before an answer", hang_up(), "disconnected", "R", "x"),
    Bad("8 reset before an answer", hang_up(reset=True), "disconnected", "R", "x"),
    Bad("9 reset in the middle", stream(*HELLO, then="reset"), "cut", "R", "x"),
    Bad("10 chunked body cut", stream(*HELLO, then="close"), "cut", "R", "x"),
    Bad("11 close-delimited body cut", stream(*HELLO, framing="close"), "truncated_stream", "R", "x"),
    Bad("14 no end mark", stream(*HELLO), "truncated_stream", "R", "x"),
    Bad("15 last event unfinished", stream(*HELLO, DONE[:-1]), "truncated_stream", "R", "x"),
    Bad("16 silence", silence(), "first_token_timeout", "R", "x", QUICK_FIRST),
    Bad("17 headers, then silence", stream(then="hold"), "first_token_timeout", "R", "x", QUICK_FIRST),
    Bad(
        "18 header trickle",
        Step((b"HTTP/1.1 200 OK\r\n", b"X: "), "repeat"),
        "first_token_timeout",
        "R",
        "x",
        QUICK_FIRST,
    ),
    Bad("19 stall", stream(*HELLO, then="hold"), "stall", "R", "x", QUICK_STALL),
    Bad("20 comments for ever", stream(*HELLO, b": ping\n\n", then="repeat"), "stall", "R", "x", QUICK_STALL),
    Bad(
        "21 tokens for ever",
        stream(*HELLO, then="repeat"),
        "total_timeout",
        "F",
        "x",
        QUICK_TOTAL,
    ),
    Bad(
        "21 tokens for ever, the total limit just after another",
        stream(*HELLO, then="repeat"),
        "total_timeout",
        "F",
        "x",
        {"first_token_timeout": 1.0, "stall_timeout": 1.0, "total_timeout": 1.004},
    ),
    Bad("42 429 inside the stream", stream(event({"error": {"code": 429, "message": "slow"}})), "rate_limit", "R", "o"),
    Bad("39 retry-after 300", error(429, "slow", {"Retry-After": "300"}), "rate_limit", "F", "o"),
    Bad("41 429", error(429, "slow down"), "rate_limit", "R", "o"),
    Bad("43 quota", error(429, "You exceeded your current quota", code="insufficient_quota"), "quota", "F", "o"),
    Bad("44 500", error(500, "boom"), "server", "R", "x"),
    Bad("44 502 html", status(502, "<html><title>Bad Gateway</title></html>"), "server", "R", "x"),
    Bad("44 503", status(503, "busy"), "server", "R", "x"),
    Bad("44 504", status(504), "server", "R", "x"),
    Bad("44 529", error(529, "Overloaded", type="overloaded_error"), "server", "R", "x"),
    Bad("45 501", error(501, "not here"), "bad_request", "F", "o"),
    Bad("48 401", error(401, "Incorrect API key provided"), "auth", "F", "o"),
    Bad("49 403", error(403, "forbidden"), "auth", "F", "o"),
    Bad("50 404", error(404, "model not found"), "not_found", "F", "o"),
    Bad("51 402", error(402, "pay"), "quota", "F", "o"),
    Bad("52 422", error(422, "what?"), "bad_request", "F", "o"),
    Bad("53 413 without a body", status(413), "bad_request", "F", "o"),
    Bad("54 408", status(408), "http_408", "R", "x"),
    Bad("54 409", status(409), "http_409", "R", "x"),
    Bad("55 error event first, 401", stream(event({"error": {"code": 401, "message": "key"}}), DONE), "auth", "F", "o"),
    Bad("55 error event first, 500", stream(event({"error": {"code": "500", "message": "x"}})), "server", "R", "x"),
    Bad(
        "56 error event after deltas",
        stream(*HELLO, event({"error": {"code": 503, "message": "x"}})),
        "server",
        "R",
        "x",
    ),
    Bad("57 error text", stream(event({"error": "kaputt"}), DONE), "stream_error", "R", "x"),
    Bad("58 event: error", stream(b"event: error\n" + event({"reason": "kaputt"})), "stream_error", "R", "x"),
    Bad("59 object: error", stream(event({"object": "error", **CODE_400}), DONE), "bad_request", "F", "o"),
    Bad("60 error field", stream(b'error: {"message": "kaputt"}\n\n'), "server", "R", "x"),
    Bad("61 finish_reason error", stream(*HELLO, finish("error"), DONE), "stream_error", "R", "x"),
    Bad("62 bad JSON", stream(*HELLO, b"data: {oops\n\n", DONE), "malformed", "R", "x"),
    Bad("74 html", status(200, "<html>Please log in</html>"), "not_sse", "F", "o"),
    Bad("74 JSON of something else", status(200, {"status": "ok"}), "not_sse", "F", "o"),
    Bad("75 JSON error with 200", status(200, {"error": {"code": 502, "message": "x"}}), "server", "R", "x"),
    Bad("78 redirect 302", status(302, "", {"Location": "https://example.org/v1"}), "bad_request", "F", "o"),
    Bad("78 redirect 307", status(307, "", {"Location": "https://example.org/v1"}), "bad_request", "F", "o"),
    Bad("79 redirect loop", status(301, "", {"Location": "/v1/chat/completions"}), "bad_request", "F", "o"),
    Bad("81 content filter", ok(reason="content_filter"), "content_filter", "F", "+"),
    Bad("81 content filter by another name", ok(reason="SAFETY"), "content_filter", "F", "+"),
    Bad("61 the server gave up", ok(reason="insufficient_system_resource"), "stream_error", "R", "x"),
    Bad("39 503 with a long wait", error(503, "busy", {"Retry-After": "900"}), "server", "F", "x"),
    Bad("83 empty", stream(finish(), DONE), "empty", "R", "o"),
    Bad("83 only DONE", stream(DONE), "empty", "R", "o"),
    Bad("83 empty body", stream(), "truncated_stream", "R", "x"),
    Bad("85 reasoning only", stream(thought("hmm"), finish(), DONE), "empty", "R", "o"),
]


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.number)
async def test_a_broken_answer_has_its_name_and_its_treatment(harness: CallHarness, case: Bad) -> None:
    harness.configure(max_retries=0, **case.llm)
    harness.server.script([case.step])

    failed = await asyncio.wait_for(harness.fail(), 30)

    assert failed.kind == case.kind
    assert failed.attempts == len(harness.server.journal) == 1
    assert harness.counted_failures == (case.breaker == "x")
    assert str(failed).isprintable()
    assert harness.server.base_url.split("/")[2] in failed.message
    assert failed.hint

    harness.configure(**case.llm)
    harness.server.script([case.step, ok("Second time lucky")])
    if case.action == "F":
        assert (await harness.fail()).kind == case.kind
        assert len(harness.server.journal) == 1
        assert harness.clock.sleeps == []
        return

    reply = await asyncio.wait_for(harness.call(), 30)

    assert reply.text == harness.recorder.of(CallFinished)[0].text == "Second time lucky"
    assert reply.attempts == len(harness.server.journal) == 2
    assert harness.counted_failures == 0
    assert harness.breaker_states == ["closed"]
    [failure] = harness.recorder.of(AttemptFailed)
    assert (failure.kind, failure.will_retry) == (case.kind, True)
    assert harness.clock.sleeps[:1] == [failure.wait_seconds]
    assert 0.5 <= failure.wait_seconds <= 1.5
    streamed = any(
        isinstance(seen, TokensReceived | ReasoningReceived) and seen.attempt == 1 for seen in harness.recorder.events
    )
    assert len(harness.recorder.of(AttemptReset)) == streamed


async def test_6_a_refused_connection_is_tried_again_and_then_told(harness: CallHarness) -> None:
    nowhere = harness.endpoint(base_url=f"http://127.0.0.1:{free_port()}/v1")

    failed = await harness.fail(endpoint=nowhere)

    assert (failed.kind, failed.attempts) == ("connect", 4)
    assert [failure.will_retry for failure in harness.recorder.of(AttemptFailed)] == [True, True, True, False]
    for wait, low, high in zip(harness.clock.sleeps, (0.5, 1, 2), (1.5, 3, 6), strict=True):
        assert low <= wait <= high
    assert "start the server" in failed.hint


async def test_22_23_slow_but_legal_answers_are_waited_for(harness: CallHarness) -> None:
    harness.configure(first_token_timeout=1.5, stall_timeout=1.5)  # all waits together are longer than either limit
    gates = [asyncio.Event() for _ in range(4)]
    harness.server.script([stream(gates[0], token("a"), gates[1], token("b"), gates[2], token("c"), gates[3], DONE)])
    for number, gate in enumerate(gates, start=1):
        asyncio.get_running_loop().call_later(0.4 * number, gate.set)

    reply = await harness.call()

    assert (reply.text, reply.attempts) == ("abc", 1)


async def test_a_call_that_failed_carries_no_exception_with_the_request_in_it(harness: CallHarness) -> None:
    for step in (error(401, "key"), hang_up(), stream(*HELLO, then="reset")):
        harness.configure(max_retries=0)
        harness.server.script([step, step])  # the first may meet a connection that is reused

        failed: BaseException | None = await harness.fail()

        while failed is not None:
            assert type(failed).__module__.startswith("core.")
            failed = failed.__cause__ or failed.__context__


async def test_83_a_second_empty_answer_is_final(harness: CallHarness) -> None:
    harness.server.script([stream(finish(), DONE)] * 5)

    failed = await harness.fail()

    assert (failed.kind, failed.attempts, harness.counted_failures) == ("empty", 2, 0)


async def test_70_an_answer_cut_at_any_byte_is_whole_or_a_named_fault(harness: CallHarness) -> None:
    body = b"".join([token("Grüße"), token(" 🎉"), finish(), DONE])
    end = body.index(finish()) + len(finish())
    for length in range(len(body) + 1):
        harness.configure(max_retries=0)
        harness.server.script([Step((SSE_HEAD, body[:length]), "close")])
        if length < end:
            assert (await harness.fail()).kind == "truncated_stream"
            [told] = harness.recorder.of(AttemptFailed)
            assert (told.kind, told.will_retry) == ("truncated_stream", False)
        else:
            assert (await harness.call()).text == "Grüße 🎉"


@pytest.mark.parametrize("code", [400, 500])
async def test_an_error_answer_without_an_end_is_not_read_for_ever(harness: CallHarness, code: int) -> None:
    harness.configure(max_retries=0)
    head = response_head(code, {"Content-Type": "application/json", "Content-Length": str(1 << 40)})
    harness.server.script([Step((head, b"x" * (1 << 20)), "flood")])

    failed = await asyncio.wait_for(harness.fail(), 30)

    assert failed.kind == "cut"
    assert "bytes" in failed.message
