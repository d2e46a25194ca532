"""Answers that are odd but whole: scenarios 1-5, 12, 13, 24, 63-69, 71-73, 76, 77, 80, 82, 84."""

from __future__ import annotations

import asyncio
import json
from typing import NamedTuple

import pytest

from core.events import (
    AttemptFailed,
    AttemptReset,
    CallFinished,
    FirstTokenReceived,
    TokensReceived,
)
from tests.integration.call_path.scripts import HELLO, SSE_HEAD
from tests.support.call_harness import CallHarness
from tests.support.events import check_call_contract
from tests.support.fault_server import (
    DONE,
    Step,
    chunk,
    event,
    finish,
    ok,
    status,
    stream,
    thought,
    token,
    usage,
    whole,
    zipped,
)


class Good(NamedTuple):
    number: str
    step: Step
    text: str = "Hello there"
    reason: str = "stop"


def message(content: object) -> Step:
    """Answer with one JSON completion of this content."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return status(200, {"object": "chat.completion", "choices": [choice]})


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
    Good(
        "67 another choice before ours",
        stream(
            event(
                {
                    "choices": [
                        {"index": 1, "delta": {"content": "x"}},
                        {"index": 0, "delta": {"content": "Hello there"}},
                    ]
                }
            ),
            finish(),
            DONE,
        ),
    ),
    Good("68 bad UTF-8", stream(token("Hello there").replace(b"there", b"\xff\xfe"), DONE), "Hello \ufffd\ufffd"),
    Good("71 CRLF", stream(b"".join([*HELLO, finish(), DONE]).replace(b"\n", b"\r\n"))),
    Good("71 CR", stream(b"".join([*HELLO, finish(), DONE]).replace(b"\n", b"\r"))),
    Good("72 one delta of 1 MB", stream(token("x" * 1_000_000), finish(), DONE), "x" * 1_000_000),
    Good("73 10,000 deltas at once", stream(token("ab") * 10_000, finish(), DONE), "ab" * 10_000),
    Good("76 a whole JSON completion", whole()),
    Good("76 parts that are texts", message(["Hello ", "there"])),
    Good("76 parts with a value", message([{"type": "text", "text": {"value": "Hello there", "annotations": []}}])),
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
async def test_an_unusual_but_whole_answer_is_accepted_at_once(harness: CallHarness, case: Good) -> None:
    harness.server.script([case.step])

    reply = await asyncio.wait_for(harness.call(), 30)

    assert reply.text == case.text
    assert (reply.finish_reason, reply.complete) == (case.reason, case.reason == "stop")
    assert reply.attempts == len(harness.server.journal) == 1
    assert harness.clock.sleeps == []
    assert harness.counted_failures == 0
    assert not harness.recorder.of(AttemptFailed)
    assert not harness.recorder.of(AttemptReset)
    assert harness.recorder.of(CallFinished)[0].text == case.text
    if case.text:
        assert len(harness.recorder.of(FirstTokenReceived)) == 1


async def test_24_the_end_mark_ends_the_call_although_the_socket_stays_open(harness: CallHarness) -> None:
    first_half, second_half = asyncio.Event(), asyncio.Event()
    harness.server.script([stream(*HELLO, finish(), first_half, DONE, second_half, then="hold")])
    call = asyncio.create_task(harness.call())
    await harness.recorder.seen(TokensReceived)
    first_half.set()

    async with asyncio.timeout(30):
        assert (await call).text == "Hello there"


async def test_a_call_without_streaming_reads_one_json_body(harness: CallHarness) -> None:
    reply = await harness.call(stream=False)

    assert reply.text == "Hello there"
    assert harness.server.journal[0].body["stream"] is False
    assert (reply.usage.input_tokens, reply.usage.estimated) == (11, False)


async def test_usage_is_estimated_and_marked_when_the_server_sends_none(harness: CallHarness) -> None:
    harness.server.script([ok("x" * 30, with_usage=False)])

    reply = await harness.call()

    assert reply.usage.estimated
    assert reply.usage.output_tokens == 10


async def test_69_an_answer_that_comes_byte_by_byte_is_the_same_answer(harness: CallHarness) -> None:
    body = b"".join([token("Grüße 🎉"), finish(), DONE])
    harness.server.script([Step((SSE_HEAD, *[body[place : place + 1] for place in range(len(body))]), "close")])

    reply = await harness.call()

    assert reply.text == "Grüße 🎉"
    assert json.dumps(reply.text)


@pytest.mark.parametrize("answer", [" PASS", "VERDICT: PASS"])
@pytest.mark.parametrize("streamed", [True, False])
async def test_an_answer_begins_with_its_prefill_once_in_text_and_events(
    harness: CallHarness, answer: str, *, streamed: bool
) -> None:
    harness.server.script([ok(answer) if streamed else whole(answer)])

    reply = await harness.call(prefill="VERDICT:", stream=streamed)

    assert reply.text == "VERDICT: PASS"
    assert harness.server.journal[0].body["messages"][-1] == {"role": "assistant", "content": "VERDICT:"}
    check_call_contract(harness.recorder.events)


async def test_nothing_but_a_prefill_is_an_empty_answer(harness: CallHarness) -> None:
    harness.server.script([ok(""), ok("")])

    assert (await harness.fail(prefill="VERDICT:")).kind == "empty"
