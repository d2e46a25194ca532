"""Answers that break half-way, and connections that were closed: scenarios 90-95."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from core.events import AttemptFailed, AttemptStarted
from core.llm.http.pool import ClientPool
from tests.integration.call_path.scripts import HELLO
from tests.support.call_harness import MODEL, CallHarness
from tests.support.fault_server import (
    DONE,
    FaultServer,
    Step,
    Then,
    finish,
    hang_up,
    http_chunk,
    ok,
    response_head,
    stream,
    token,
)


async def test_90_a_restarted_answer_holds_no_character_of_the_first_one(harness: CallHarness) -> None:
    harness.server.script(
        [stream(*[token(f"old{number} ") for number in range(300)], then="reset"), ok("A new answer.")]
    )

    reply = await harness.call()

    assert reply.text == "A new answer."
    names = harness.recorder.names()
    assert names == [
        "attempt_started", "first_token_received", "tokens_received", "attempt_failed", "attempt_reset",
        "attempt_started", "first_token_received", "tokens_received", "call_finished",
    ]  # fmt: skip


@pytest.mark.parametrize(("then", "kind"), [("reset", "cut"), ("close", "truncated_stream"), ("hold", "stall")])
async def test_91_an_answer_that_always_breaks_is_given_up_after_all_attempts(
    harness: CallHarness, then: Then, kind: str
) -> None:
    harness.configure(stall_timeout=0.5)
    harness.server.script([stream(*HELLO, then=then, framing="close")] * 9)

    failed = await harness.fail()

    assert (failed.kind, failed.attempts, failed.partial) == (kind, 4, "Hello there")
    assert len(harness.server.journal) == 4


async def test_91_an_answer_that_breaks_three_times_is_whole_at_the_fourth_attempt(harness: CallHarness) -> None:
    harness.server.script([*[stream(*HELLO, then="reset")] * 3, ok("whole")])

    reply = await harness.call()

    assert (reply.text, reply.attempts) == ("whole", 4)


async def test_92_a_connection_the_server_had_closed_costs_nothing(harness: CallHarness) -> None:
    harness.server.script([ok(), hang_up(reset=True), ok("again")])
    await harness.call()

    reply = await harness.call()

    assert (reply.text, reply.attempts) == ("again", 1)
    assert len(harness.server.journal) == 3
    assert harness.server.journal[1].on_reused_connection
    assert harness.clock.sleeps == []
    assert harness.counted_failures == 0
    assert [started.attempt for started in harness.recorder.of(AttemptStarted)] == [1, 1, 1]


async def test_93_a_pool_that_others_have_filled_is_waited_for_and_counts_nowhere() -> None:
    async with FaultServer() as server, ClientPool(max_connections=1) as pool:
        harness = CallHarness(server, pool)
        harness.configure(max_retries=0, connect_timeout=0.3)
        client = await pool.client(harness.endpoint())
        held = asyncio.Event()
        server.script([stream(*HELLO, held, DONE)])
        somebody = await client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "hi"}], stream=True
        )

        failed = await harness.fail()

        assert (failed.kind, harness.counted_failures, len(server.journal)) == ("pool_timeout", 0, 1)
        await somebody.close()
        assert (await harness.call()).text == "Hello there"


async def test_95_a_server_that_closes_connections_after_100_requests_is_no_fault_over_250_calls(
    harness: CallHarness,
) -> None:
    harness.configure(max_concurrency=1)
    harness.server.answer_by(_closing_after_100())

    for _ in range(250):
        assert (await harness.call()).attempts == 1

    assert len({request.connection for request in harness.server.journal}) == 3
    assert harness.clock.sleeps == []
    assert harness.recorder.of(AttemptFailed) == []


def _closing_after_100() -> Callable[[dict[str, Any]], Step]:
    answered = itertools.count(1)
    head = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked", "Keep-Alive": "timeout=5, max=100"}
    body = http_chunk(b"".join([*HELLO, finish(), DONE])) + b"0\r\n\r\n"

    def answer(_body: dict[str, Any]) -> Step:
        if next(answered) % 100:
            return Step((response_head(200, head) + body,))
        return Step((response_head(200, {**head, "Connection": "close"}) + body,), "close")

    return answer


async def test_95_a_server_that_closes_every_connection_is_no_fault(harness: CallHarness) -> None:
    harness.server.answer_by(lambda body: stream(*HELLO, finish(), DONE, framing="close"))

    for _ in range(25):
        assert (await harness.call()).attempts == 1
