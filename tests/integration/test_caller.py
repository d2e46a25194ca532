"""One call against a server that misbehaves in every way we know; numbers are those of the scenario catalogue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from email.utils import format_datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from core.errors import LLMCallError
from core.events import (
    AttemptFailed,
    AttemptReset,
    AttemptStarted,
    BreakerChanged,
    CallCancelled,
    CallFinished,
    CallQueued,
    ContextTruncated,
    FirstTokenReceived,
    RateLimited,
    ReasoningReceived,
    TokensReceived,
)
from core.telemetry import metrics
from tests.support.bench import MODEL, Bench, open_bench
from tests.support.events import check_call_contract
from tests.support.fault_server import (
    DONE,
    Step,
    chunk,
    error,
    event,
    finish,
    free_port,
    hang_up,
    ok,
    response_head,
    silence,
    status,
    stream,
    thought,
    token,
    usage,
    whole,
    zipped,
)

# One limit is short, the others are out of reach: a busy machine changes how long a case takes, never its outcome.
FAR = {"first_token_timeout": 30.0, "stall_timeout": 30.0, "total_timeout": 60.0}
QUICK_FIRST = {**FAR, "first_token_timeout": 0.4}
QUICK_STALL = {**FAR, "stall_timeout": 0.4}
QUICK_TOTAL = {**FAR, "total_timeout": 0.4}
SSE_HEAD = response_head(200, {"Content-Type": "text/event-stream", "Connection": "close"})


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with open_bench() as opened:
        yield opened


@pytest.fixture
async def still_bench() -> AsyncIterator[Bench]:
    """A bench whose clock stands still until the test moves it."""
    async with open_bench(manual_clock=True) as opened:
        yield opened


class Good(NamedTuple):
    number: str
    step: Step
    text: str = "Hello there"
    reason: str = "stop"


HELLO = (token("Hello"), token(" there"))
GOOD = [
    Good("1 usage", ok()),
    Good("2 no usage", ok(with_usage=False)),
    Good("3 usage in a chunk without choices", stream(*HELLO, finish(), usage(), DONE)),
    Good(
        "4 usage null in every chunk",
        stream(chunk({"content": "Hello there"}, usage=None), chunk({}, "stop", usage=None), usage(), DONE),
    ),
    Good("5 role chunk first", stream(chunk({"role": "assistant", "content": None}), *HELLO, finish(), DONE)),
    Good("12 finish_reason, no DONE", stream(*HELLO, finish())),
    Good("13 DONE, no finish_reason", stream(*HELLO, DONE)),
    Good("13 finish_reason, then cut", stream(*HELLO, finish(), then="reset")),
    Good("24 DONE, socket stays open", stream(*HELLO, finish(), DONE, then="hold")),
    Good("63 empty data", stream(b"data:\n\n", *HELLO, b"data: \n\n", finish(), DONE)),
    Good("64 ping with and without data", stream(b"event: ping\n\n", *HELLO, b"event: ping\ndata: {}\n\n", DONE)),
    Good("64 ping with words", stream(b"event: ping\ndata: hello\n\n", *HELLO, DONE)),
    Good("65 id lines and blank lines", stream(b"id: 1\n\n\n\n", *HELLO, b"id: 2\n\n", DONE)),
    Good("66 odd values", stream(event(None), event([1, 2]), *HELLO, event(3), event("x"), DONE)),
    Good("67 odd choices", stream(event({"id": 1}), event({"choices": []}), event({"choices": [{}]}), *HELLO, DONE)),
    Good("68 bad UTF-8", stream(token("Hello there").replace(b"there", b"\xff\xfe"), DONE), "Hello \ufffd\ufffd"),
    Good("71 CRLF", stream(b"".join([*HELLO, finish(), DONE]).replace(b"\n", b"\r\n"))),
    Good("71 CR", stream(b"".join([*HELLO, finish(), DONE]).replace(b"\n", b"\r"))),
    Good("72 one delta of 1 MB", stream(token("x" * 1_000_000), finish(), DONE), "x" * 1_000_000),
    Good("73 10,000 deltas at once", stream(token("ab") * 10_000, finish(), DONE), "ab" * 10_000),
    Good("76 a whole JSON completion", whole()),
    Good("77 wrong content type", stream(*HELLO, finish(), DONE, content_type="text/plain")),
    Good("80 gzip", zipped(*HELLO, finish(), DONE)),
    Good("82 length", ok(reason="length"), reason="length"),
    Good("82 length by another name", ok(reason="max_tokens"), reason="length"),
    Good("stop by another name", ok(reason="eos_token")),
    Good("an unknown ending", ok(reason="tired"), reason="tired"),
    Good("84 reasoning first", stream(thought("hmm"), thought(" yes"), *HELLO, finish(), DONE)),
    Good("85 reasoning only, then the limit", stream(thought("hmm"), finish("length"), DONE), "", "length"),
]


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.number)
async def test_an_unusual_but_whole_answer_is_accepted_at_once(bench: Bench, case: Good) -> None:
    bench.server.script([case.step])

    reply = await asyncio.wait_for(bench.call(), 5)

    assert reply.text == case.text
    assert (reply.finish_reason, reply.complete) == (case.reason, case.reason == "stop")
    assert reply.attempts == len(bench.server.journal) == 1
    assert bench.clock.sleeps == []
    assert bench.counted_failures == 0
    assert not bench.recorder.of(AttemptFailed)
    assert not bench.recorder.of(AttemptReset)
    assert bench.recorder.of(CallFinished)[0].text == case.text
    if case.text:
        assert len(bench.recorder.of(FirstTokenReceived)) == 1


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
        {"first_token_timeout": 0.5, "stall_timeout": 0.5, "total_timeout": 0.504},
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
async def test_a_broken_answer_has_its_name_and_its_treatment(bench: Bench, case: Bad) -> None:
    bench.configure(max_retries=0, **case.llm)
    bench.server.script([case.step])

    failed = await asyncio.wait_for(bench.fail(), 5)

    assert failed.kind == case.kind
    assert failed.attempts == len(bench.server.journal) == 1
    assert bench.counted_failures == (case.breaker == "x")
    assert str(failed).isprintable()
    assert bench.server.base_url.split("/")[2] in failed.message
    assert failed.hint

    bench.configure(**case.llm)
    bench.server.script([case.step, ok("Second time lucky")])
    if case.action == "F":
        assert (await bench.fail()).kind == case.kind
        assert len(bench.server.journal) == 1
        assert bench.clock.sleeps == []
        return

    reply = await asyncio.wait_for(bench.call(), 5)

    assert reply.text == bench.recorder.of(CallFinished)[0].text == "Second time lucky"
    assert reply.attempts == len(bench.server.journal) == 2
    assert bench.counted_failures == 0
    assert bench.breaker_states == ["closed"]
    [failure] = bench.recorder.of(AttemptFailed)
    assert (failure.kind, failure.will_retry) == (case.kind, True)
    assert bench.clock.sleeps[:1] == [failure.wait_seconds]
    assert 0.5 <= failure.wait_seconds <= 1.5
    streamed = any(
        isinstance(seen, TokensReceived | ReasoningReceived) and seen.attempt == 1 for seen in bench.recorder.events
    )
    assert len(bench.recorder.of(AttemptReset)) == streamed


LONG = "word " * 6000
VLLM = (
    "This model's maximum context length is 4096 tokens. However, you requested 4596 tokens (596 in the messages, "
    "4000 in the completion). Please reduce the length of the messages or completion."
)
CONTEXT = [
    ("25 llama.cpp", error(400, "request (9031 tokens) exceeds the available context size (4096 tokens), try increasing it",
                           code=400, type="exceed_context_size_error", n_prompt_tokens=9031, n_ctx=4096)),
    ("26 OpenAI", error(400, "This model's maximum context length is 4097 tokens. However, your messages resulted in 9294 "
                        "tokens. Please reduce the length of the messages.", code="context_length_exceeded")),
    ("26 OpenAI, newer", error(400, "Your input exceeds the context window of this model", code="context_length_exceeded")),
    ("28 Azure", error(400, "Input tokens exceed the configured limit of 4000 tokens. Your messages resulted in 9178 tokens.")),
    ("29 OpenRouter", error(400, "This endpoint's maximum context length is 4000 tokens. However, you requested about 9606 "
                            "tokens (9510 of text input, 96 in the output).", code=400)),
    ("30 Anthropic", error(400, "prompt is too long: 9000 tokens > 4000 maximum")),
    ("31 Groq", error(413, "Request too large for model `x` on tokens per minute (TPM): Limit 4000, Requested 11814, please "
                      "reduce your message size", type="tokens", code="rate_limit_exceeded")),
    ("31 OpenAI 429", error(429, "Request too large for x on tokens per min (TPM): Limit 4000, Requested 11814")),
    ("32 LM Studio a", error(400, "Trying to keep the first 9857 tokens when context the overflows. However, the model is "
                             "loaded with context length of only 4096 tokens")),
    ("32 LM Studio b", error(400, "The number of tokens to keep from the initial prompt is greater than the context length")),
    ("32 LM Studio c", error(400, "Cannot truncate prompt with n_keep (15028) >= n_ctx (4424)")),
    ("TGI", error(422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 3474 `inputs`")),
    ("34 LM Studio, silent", stream(finish(), usage(4090, 0), DONE)),
    ("inside the stream", stream(event({"error": {"code": 400, "message": "exceeds the available context size (4096)"}}))),
]  # fmt: skip


@pytest.mark.parametrize("step", [step for _, step in CONTEXT], ids=[name for name, _ in CONTEXT])
async def test_a_prompt_that_is_too_long_is_cut_in_the_middle_and_sent_again_at_once(bench: Bench, step: Step) -> None:
    bench.server.script([step, ok()])

    reply = await bench.call(f"HEAD {LONG} TAIL", endpoint=bench.endpoint(context_tokens=4096), max_tokens=900)

    first, second = (request.body["messages"][1]["content"] for request in bench.server.journal)
    assert len(second) < len(first) * 0.9
    assert second.startswith("HEAD word")
    assert second.endswith("word  TAIL")
    assert "left out" in second
    assert reply.text == "Hello there"
    [cut] = bench.recorder.of(ContextTruncated)
    assert cut.after < cut.before
    assert bench.clock.sleeps == []
    assert bench.counted_failures == 0


async def test_27_the_answer_is_shortened_before_the_prompt(bench: Bench) -> None:
    bench.server.script([error(400, VLLM, type="invalid_request_error"), ok()])

    await bench.call(max_tokens=4000)

    first, second = bench.server.journal
    assert first.body["messages"] == second.body["messages"]
    assert second.body["max_tokens"] == 4096 - 596 - 1


async def test_33_a_prompt_is_cut_twice_at_most(bench: Bench) -> None:
    too_long = error(400, "exceeds the available context size (1500 tokens)")
    bench.server.script([too_long] * 5)

    failed = await bench.fail(LONG)

    assert (failed.kind, failed.attempts, len(bench.server.journal)) == ("context", 3, 3)
    assert len(bench.recorder.of(ContextTruncated)) == 2
    assert bench.counted_failures == 0


async def test_6_a_refused_connection_is_tried_again_and_then_told(bench: Bench) -> None:
    nowhere = bench.endpoint(base_url=f"http://127.0.0.1:{free_port()}/v1")

    failed = await bench.fail(endpoint=nowhere)

    assert (failed.kind, failed.attempts) == ("connect", 4)
    assert [failure.will_retry for failure in bench.recorder.of(AttemptFailed)] == [True, True, True, False]
    for wait, low, high in zip(bench.clock.sleeps, (0.5, 1, 2), (1.5, 3, 6), strict=True):
        assert low <= wait <= high
    assert "start the server" in failed.hint


async def test_22_23_slow_but_legal_answers_are_waited_for(bench: Bench) -> None:
    bench.configure(first_token_timeout=0.8, stall_timeout=0.8)  # all waits together are longer than either limit
    gates = [asyncio.Event() for _ in range(4)]
    bench.server.script([stream(gates[0], token("a"), gates[1], token("b"), gates[2], token("c"), gates[3], DONE)])
    for number, gate in enumerate(gates, start=1):
        asyncio.get_running_loop().call_later(0.25 * number, gate.set)

    reply = await bench.call()

    assert (reply.text, reply.attempts) == ("abc", 1)


@pytest.mark.parametrize(
    ("header", "value", "at_least"),
    [("Retry-After", "7", 7.0), ("retry-after-ms", "9250", 9.25), ("x-ms-retry-after-ms", "8000", 8.0)],
)
async def test_36_37_the_servers_wait_is_honoured(bench: Bench, header: str, value: str, at_least: float) -> None:
    bench.server.script([error(429, "slow", {header: value}), ok()])

    await bench.call()

    assert at_least <= bench.clock.sleeps[0] <= at_least * 1.1
    assert len(bench.recorder.of(RateLimited)) == 1


async def test_38_the_servers_wait_may_be_a_date(bench: Bench) -> None:
    date = format_datetime(bench.clock.now() + timedelta(seconds=30), usegmt=True)
    bench.server.script([error(429, "slow", {"Retry-After": date}), ok()])

    await bench.call()

    assert 30 <= bench.clock.sleeps[0] <= 33


@pytest.mark.parametrize("value", ["soon", "-1", "0", "inf", "nan", ""])
async def test_40_a_senseless_wait_is_ignored(bench: Bench, value: str) -> None:
    bench.server.script([error(429, "slow", {"Retry-After": value}), ok()])

    await bench.call()

    assert 0.5 <= bench.clock.sleeps[0] <= 1.5


async def test_44_two_server_errors_cost_two_waits(bench: Bench) -> None:
    bench.server.script([error(500, "first"), error(500, "second"), ok()])

    reply = await bench.call()

    assert reply.attempts == 3
    assert len(bench.clock.sleeps) == 2
    assert bench.counted_failures == 0


async def test_46_a_loading_model_is_waited_for_and_costs_no_attempt(bench: Bench) -> None:
    loading = error(503, "Loading model", type="unavailable_error", code=503)
    bench.server.script([*[loading] * 5, ok()])

    reply = await bench.call()

    assert reply.attempts == 1
    assert len(bench.server.journal) == 6
    assert bench.clock.sleeps == [1.0] * 5
    assert bench.counted_failures == 0


async def test_47_an_error_that_only_repeats_itself_is_not_tried_a_third_time(bench: Bench) -> None:
    bench.server.script([error(500, "Failed to parse messages")] * 5)

    failed = await bench.fail()

    assert (failed.kind, len(bench.server.journal), bench.counted_failures) == ("server", 2, 1)


async def test_50_an_unknown_model_is_answered_with_those_that_exist(bench: Bench) -> None:
    bench.server.models = ("qwen3", "llama3")
    bench.server.script([error(404, "model not found")])

    failed = await bench.fail()

    assert (failed.kind, failed.hint) == ("not_found", "set LLM_MODEL to one that it offers: qwen3, llama3")


async def test_24_the_end_mark_ends_the_call_although_the_socket_stays_open(bench: Bench) -> None:
    first_half, second_half = asyncio.Event(), asyncio.Event()
    bench.server.script([stream(*HELLO, finish(), first_half, DONE, second_half, then="hold")])
    call = asyncio.create_task(bench.call())
    await bench.recorder.seen(TokensReceived)
    first_half.set()

    async with asyncio.timeout(1):
        assert (await call).text == "Hello there"


async def test_a_call_that_failed_carries_no_exception_with_the_request_in_it(bench: Bench) -> None:
    for step in (error(401, "key"), hang_up(), stream(*HELLO, then="reset")):
        bench.configure(max_retries=0)
        bench.server.script([step, step])  # the first may meet a connection that is reused

        failed: BaseException | None = await bench.fail()

        while failed is not None:
            assert type(failed).__module__.startswith("core.")
            failed = failed.__cause__ or failed.__context__


async def test_83_a_second_empty_answer_is_final(bench: Bench) -> None:
    bench.server.script([stream(finish(), DONE)] * 5)

    failed = await bench.fail()

    assert (failed.kind, failed.attempts, bench.counted_failures) == ("empty", 2, 0)


ADAPTATIONS = [
    ("86", error(400, "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
                 "instead.", code="unsupported_parameter", param="max_tokens"), "max_tokens", "max_completion_tokens"),
    ("88", error(400, "Unrecognized request argument supplied: stream_options"), "stream_options", ""),
    ("temperature", error(400, "Unsupported value: 'temperature' does not support 0.2. Only the default (1) value is "
                          "supported, others are not supported", param="temperature"), "temperature", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("refusal", "gone", "instead"), [case[1:] for case in ADAPTATIONS], ids=[c[0] for c in ADAPTATIONS]
)
async def test_86_88_a_refused_parameter_is_changed_once_and_remembered(
    bench: Bench, refusal: Step, gone: str, instead: str
) -> None:
    bench.server.script([refusal])

    first = await bench.call(max_tokens=100, temperature=0.2)
    second = await bench.call(max_tokens=100, temperature=0.2)

    assert first.attempts == second.attempts == 1
    refused, *accepted = [request.body for request in bench.server.journal]
    assert len(accepted) == 2
    assert gone in refused
    assert all(gone not in body and (not instead or body[instead] == 100) for body in accepted)
    assert bench.clock.sleeps == []
    assert bench.counted_failures == 0


async def test_87_the_older_name_of_the_token_limit_comes_back(bench: Bench) -> None:
    detail = [{"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"], "msg": "Extra inputs"}]
    newer = error(400, "'max_tokens' is not supported", code="unsupported_parameter", param="max_tokens")
    bench.server.script([newer, status(422, {"detail": detail}), ok()])

    await bench.call(max_tokens=100)

    sent = [sorted(key for key in request.body if "tokens" in key) for request in bench.server.journal]
    assert sent == [["max_tokens"], ["max_completion_tokens"], ["max_tokens"]]


async def test_89_a_refused_system_role_is_folded_into_the_first_user_message(bench: Bench) -> None:
    bench.server.script([error(500, "System role not supported")])

    await bench.call("Say hello.", system="Be terse.")
    await bench.call("Say hello.", system="Be terse.")

    assert [len(request.body["messages"]) for request in bench.server.journal] == [2, 1, 1]
    assert bench.server.journal[2].body["messages"] == [{"role": "user", "content": "Be terse.\n\nSay hello."}]


async def test_90_a_restarted_answer_holds_no_character_of_the_first_one(bench: Bench) -> None:
    bench.server.script([stream(*[token(f"old{number} ") for number in range(300)], then="reset"), ok("A new answer.")])

    reply = await bench.call()

    assert reply.text == "A new answer."
    names = bench.recorder.names()
    assert names == [
        "attempt_started", "first_token_received", "tokens_received", "attempt_failed", "attempt_reset",
        "attempt_started", "first_token_received", "tokens_received", "call_finished",
    ]  # fmt: skip


async def test_91_an_answer_that_always_breaks_is_given_up_after_two_restarts(bench: Bench) -> None:
    bench.server.script([stream(*HELLO, then="reset")] * 4)

    failed = await bench.fail()

    assert (failed.kind, failed.attempts, failed.partial) == ("cut", 3, "Hello there")


async def test_92_a_connection_the_server_had_closed_costs_nothing(bench: Bench) -> None:
    bench.server.script([ok(), hang_up(reset=True), ok("again")])
    await bench.call()

    reply = await bench.call()

    assert (reply.text, reply.attempts) == ("again", 1)
    assert len(bench.server.journal) == 3
    assert bench.server.journal[1].on_reused_connection
    assert bench.clock.sleeps == []
    assert bench.counted_failures == 0
    assert [started.attempt for started in bench.recorder.of(AttemptStarted)] == [1, 1, 1]


async def test_95_a_server_that_closes_every_connection_is_no_fault(bench: Bench) -> None:
    bench.server.answer_by(lambda body: stream(*HELLO, finish(), DONE, framing="close"))

    for _ in range(25):
        assert (await bench.call()).attempts == 1


async def _cancel(task: asyncio.Task[Any]) -> float:
    loop = asyncio.get_running_loop()
    started = loop.time()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return loop.time() - started


async def _expect_cancelled(bench: Bench, task: asyncio.Task[Any], partial: str = "") -> None:
    requests = len(bench.server.journal)
    assert await _cancel(task) < 0.1
    assert bench.recorder.of(CallCancelled)[-1].partial == partial
    assert len(bench.server.journal) == requests
    assert bench.counted_failures == 0


async def test_96_cancelled_before_any_header(bench: Bench) -> None:
    bench.server.script([silence()])
    task = asyncio.create_task(bench.call())
    await bench.server.requests(1)

    await _expect_cancelled(bench, task)

    await bench.server.disconnects(1)


async def test_96_cancelled_in_the_middle_of_the_answer(bench: Bench) -> None:
    bench.server.script([stream(*HELLO, then="hold")])
    task = asyncio.create_task(bench.call())
    await bench.recorder.until(lambda: "".join(t.text for t in bench.recorder.of(TokensReceived)) == "Hello there")

    await _expect_cancelled(bench, task, "Hello there")

    await bench.server.disconnects(1)


async def test_96_cancelled_while_queued(bench: Bench) -> None:
    bench.configure(max_concurrency=1)
    bench.server.script([silence()])
    first = asyncio.create_task(bench.call())
    await bench.server.requests(1)
    second = asyncio.create_task(bench.call())
    await bench.recorder.seen(CallQueued)

    await _expect_cancelled(bench, second)

    assert bench.caller.pool_status().waiting == 0
    await _expect_cancelled(bench, first)


async def test_96_cancelled_in_the_wait_before_a_retry(still_bench: Bench) -> None:
    bench = still_bench
    bench.server.script([error(429, "slow")])
    task = asyncio.create_task(bench.call())
    await bench.recorder.seen(AttemptFailed)

    await _expect_cancelled(bench, task)


async def test_96_cancelled_while_the_breaker_is_open(still_bench: Bench) -> None:
    bench = still_bench
    bench.configure(max_retries=0, breaker={"threshold": 1})
    bench.server.script([status(503)])
    await bench.fail()
    task = asyncio.create_task(bench.call())
    await bench.clock.until_asleep(1)

    assert await _cancel(task) < 0.1

    assert len(bench.server.journal) == 1
    assert bench.breaker_states == ["open"]


async def test_97_a_storm_of_cancels_leaks_nothing(bench: Bench) -> None:
    bench.configure(max_concurrency=20)
    bench.server.answer_by(lambda body: stream(*HELLO, then="hold"))
    tasks = [asyncio.create_task(bench.call()) for _ in range(40)]
    await bench.server.requests(20)

    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

    assert len(bench.recorder.of(CallCancelled)) == 40
    await bench.server.all_closed()
    bench.server.answer_by(lambda body: "still usable")
    assert (await bench.call()).text == "still usable"


async def test_99_five_streams_cut_at_once_are_one_incident(bench: Bench) -> None:
    all_started = asyncio.Event()
    bench.server.script([stream(*HELLO, all_started, then="reset")] * 5)
    tasks = [asyncio.create_task(bench.call()) for _ in range(5)]
    await bench.server.requests(5)
    bench.clock.advance(1)

    all_started.set()
    await asyncio.wait(tasks)

    assert [task.result().attempts for task in tasks] == [2] * 5
    assert bench.breaker_states == ["closed"]
    assert bench.recorder.of(BreakerChanged) == []


async def test_100_five_failures_open_the_breaker_and_the_sixth_call_sends_nothing(bench: Bench) -> None:
    bench.configure(max_retries=0, breaker={"when_open": "fail"})
    bench.server.script([status(503)] * 5)
    for _ in range(5):
        await bench.fail()

    failed = await bench.fail()

    assert (failed.kind, failed.attempts, len(bench.server.journal)) == ("breaker_open", 0, 5)
    [change] = bench.recorder.of(BreakerChanged)
    assert (change.old, change.new, change.retry_at) == ("closed", "open", bench.clock.monotonic() + 60)
    assert change.name == f"{bench.endpoint().host}/{MODEL}"


async def test_101_after_its_time_the_breaker_lets_three_probes_in_and_the_fourth_waits(bench: Bench) -> None:
    bench.configure(max_retries=0, max_concurrency=4, breaker={"threshold": 1})
    bench.server.script([status(503)])
    await bench.fail()
    bench.clock.advance(60)
    answer_now = asyncio.Event()
    bench.server.script([stream(answer_now, *HELLO, DONE)] * 4)

    tasks = [asyncio.create_task(bench.call()) for _ in range(4)]
    await bench.server.requests(4)
    assert bench.breaker_states == ["half-open"]
    assert len(bench.server.journal) == 4
    answer_now.set()
    await asyncio.wait(tasks)

    assert [(change.old, change.new) for change in bench.recorder.of(BreakerChanged)] == [
        ("closed", "open"),
        ("open", "half-open"),
        ("half-open", "closed"),
    ]


async def test_as_many_probes_close_the_breaker_as_the_settings_say(bench: Bench) -> None:
    bench.configure(max_retries=0, breaker={"threshold": 2, "timeout": 7, "half_open": 1})
    bench.server.script([status(503), status(503)])
    for _ in range(2):
        await bench.fail()
    assert bench.breaker_states == ["open"]
    bench.clock.advance(7)

    await bench.call()

    assert bench.breaker_states == ["closed"]


async def test_102_a_failed_probe_opens_the_breaker_for_its_whole_time(bench: Bench) -> None:
    bench.configure(max_retries=0, breaker={"threshold": 1, "when_open": "fail"})
    bench.server.script([status(503), status(503)])
    await bench.fail()
    bench.clock.advance(60)

    await bench.fail()

    assert bench.breaker_states == ["open"]
    assert bench.caller.breakers()[0].retry_in_seconds == 60


async def test_an_open_breaker_is_waited_for_and_its_states_are_told(bench: Bench) -> None:
    bench.configure(max_retries=5, breaker={"threshold": 2})
    bench.server.script([status(503), status(503)])

    reply = await bench.call()

    assert reply.text == "Hello there"
    assert [change.new for change in bench.recorder.of(BreakerChanged)] == ["open", "half-open"]
    assert max(bench.clock.sleeps) > 50


async def test_103_a_refused_key_gives_the_probes_permit_back(bench: Bench) -> None:
    bench.configure(max_retries=0, breaker={"threshold": 1, "when_open": "fail"})
    bench.server.script([status(503), *[error(401, "key")] * 5])
    await bench.fail()
    bench.clock.advance(60)

    kinds = [(await bench.fail()).kind for _ in range(5)]

    assert kinds == ["auth"] * 5
    assert bench.breaker_states == ["half-open"]


async def test_105_a_jump_of_the_wall_clock_does_not_open_the_door(bench: Bench) -> None:
    bench.configure(max_retries=0, breaker={"threshold": 1, "when_open": "fail"})
    bench.server.script([status(503)])
    await bench.fail()

    bench.clock.jump_wall(7200)

    assert (await bench.fail()).kind == "breaker_open"


async def test_108_a_probe_that_hangs_is_ended_by_the_total_limit(bench: Bench) -> None:
    bench.configure(max_retries=0, breaker={"threshold": 1}, total_timeout=0.2)
    bench.server.script([status(503), stream(*HELLO, then="hold")])
    await bench.fail()
    bench.clock.advance(60)

    failed = await bench.fail()

    assert failed.kind == "total_timeout"
    assert bench.breaker_states == ["open"]


async def test_110_one_rate_limit_pauses_all_agents(still_bench: Bench) -> None:
    bench = still_bench
    bench.server.script([error(429, "slow", {"Retry-After": "20"})])
    first = asyncio.create_task(bench.call())
    await bench.recorder.seen(RateLimited)

    others = [asyncio.create_task(bench.call()) for _ in range(4)]
    await bench.clock.until_asleep(5)
    assert len(bench.server.journal) == 1

    bench.clock.advance(22)
    await asyncio.wait([first, *others])
    assert len(bench.server.journal) == 6


async def test_112_the_line_before_the_gate_has_an_end(bench: Bench) -> None:
    bench.configure(max_concurrency=1)
    bench.server.script([silence()])
    tasks = [asyncio.create_task(bench.call()) for _ in range(33)]
    await bench.server.requests(1)
    await bench.recorder.seen(CallQueued, 32)

    failed = await bench.fail()

    assert (failed.kind, failed.attempts) == ("queue_full", 0)
    for task in reversed(tasks):
        task.cancel()
    await asyncio.wait(tasks)


async def test_waiting_calls_hear_their_place_in_the_line(bench: Bench) -> None:
    bench.configure(max_concurrency=1)
    go_on = asyncio.Event()
    bench.server.script([stream(go_on, *HELLO, DONE)])
    tasks = [asyncio.create_task(bench.call()) for _ in range(3)]
    await bench.recorder.seen(CallQueued, 2)

    go_on.set()
    await asyncio.wait(tasks)

    assert [queued.position for queued in bench.recorder.of(CallQueued)] == [0, 1, 0]


async def test_the_request_carries_everything_that_was_asked_for(bench: Bench) -> None:
    await bench.call(max_tokens=50, temperature=0.5, stop=("END",), endpoint=bench.endpoint(api_key="sk-secret-123456"))

    [request] = bench.server.journal
    assert request.headers["x-client-request-id"] == "corr"
    assert request.headers["authorization"] == "Bearer sk-secret-123456"
    assert request.body == {
        "model": MODEL,
        "messages": [{"role": "system", "content": "You are terse."}, {"role": "user", "content": "Say hello."}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 50,
        "temperature": 0.5,
        "stop": ["END"],
    }


async def test_a_call_without_streaming_reads_one_json_body(bench: Bench) -> None:
    reply = await bench.call(stream=False)

    assert reply.text == "Hello there"
    assert bench.server.journal[0].body["stream"] is False
    assert (reply.usage.input_tokens, reply.usage.estimated) == (11, False)


async def test_usage_is_estimated_and_marked_when_the_server_sends_none(bench: Bench) -> None:
    bench.server.script([ok("x" * 30, with_usage=False)])

    reply = await bench.call()

    assert reply.usage.estimated
    assert reply.usage.output_tokens == 10


async def test_the_stream_callback_gets_the_text_and_may_not_harm_the_call(bench: Bench) -> None:
    heard: list[str] = []

    def listen(text: str) -> None:
        heard.append(text)
        raise RuntimeError("the listener is broken")

    reply = await bench.call(stream_callback=heard.append)
    assert "".join(heard) == reply.text
    heard.clear()

    reply = await bench.call(stream_callback=listen)

    assert reply.text == "Hello there"
    assert len(heard) == 1


async def test_the_key_is_in_no_message_even_if_the_server_repeats_it(bench: Bench) -> None:
    key = "secret-key-0123456789"
    bench.server.script([error(401, f"Incorrect API key provided: {key} \x1b[31m\n see sk-abcdef123456")])

    failed = await bench.fail(endpoint=bench.endpoint(api_key=key))

    shown = f"{failed} {failed!r} {failed.__dict__} {bench.recorder.events!r} {failed.__context__!r}"
    assert key not in shown
    assert "sk-abcdef" not in shown
    assert "\x1b" not in str(failed)
    assert str(failed).startswith(f"the server at {bench.endpoint().host} refused the API key: 401")
    assert str(failed).endswith("set LLM_API_KEY or check the key")


async def test_metrics_tell_of_calls_errors_retries_and_tokens(bench: Bench) -> None:
    def total(name: str, **tags: str) -> float:
        return metrics.total(name, agent="developer", **tags)

    before = {name: total(name) for name in ("llm.requests", "llm.errors", "llm.retries", "llm.tokens")}
    bench.server.script([status(503), ok()])

    await bench.call()

    after = {name: total(name) for name in before}
    assert {name: after[name] - before[name] for name in before} == {
        "llm.requests": 1,
        "llm.errors": 1,
        "llm.retries": 1,
        "llm.tokens": 18,
    }


async def test_an_unexpected_error_ends_the_call_under_its_own_name(bench: Bench) -> None:
    unserialisable: Any = object()

    with pytest.raises(LLMCallError) as raised:
        await bench.call(temperature=unserialisable)

    assert raised.value.kind == "bug:TypeError"


async def test_an_answer_in_tiny_segments_is_the_same_answer(bench: Bench) -> None:
    body = b"".join([token("Grüße 🎉"), finish(), DONE])
    bench.server.script([Step((SSE_HEAD, *[body[place : place + 1] for place in range(len(body))]), "close")])

    reply = await bench.call()

    assert reply.text == "Grüße 🎉"
    assert json.dumps(reply.text)


@pytest.mark.parametrize("answer", [" PASS", "VERDICT: PASS"])
@pytest.mark.parametrize("streamed", [True, False])
async def test_an_answer_begins_with_its_prefill_once_in_text_and_events(
    bench: Bench, answer: str, *, streamed: bool
) -> None:
    bench.server.script([ok(answer) if streamed else whole(answer)])

    reply = await bench.call(prefill="VERDICT:", stream=streamed)

    assert reply.text == "VERDICT: PASS"
    assert bench.server.journal[0].body["messages"][-1] == {"role": "assistant", "content": "VERDICT:"}
    check_call_contract(bench.recorder.events)


async def test_nothing_but_a_prefill_is_an_empty_answer(bench: Bench) -> None:
    bench.server.script([ok(""), ok("")])

    assert (await bench.fail(prefill="VERDICT:")).kind == "empty"
