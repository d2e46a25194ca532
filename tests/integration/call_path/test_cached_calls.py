"""A call that was answered before is answered from the cache, through the same events, without a request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.events import CallFinished
from core.llm.call.cache import ResponseCache
from tests.support.call_harness import CallHarness
from tests.support.fault_server import Step, error, finish, ok, status, stream, thought, token


@pytest.fixture
async def cached(harness: CallHarness, tmp_path: Path) -> AsyncIterator[CallHarness]:
    cache = ResponseCache(tmp_path / "answers.sqlite", harness.clock)
    harness.configure(cache=cache)
    yield harness
    await cache.close()


async def test_the_second_call_is_answered_without_a_request(cached: CallHarness) -> None:
    cached.server.script([stream(thought("hmm"), token("Hello there"), finish())])
    first = await cached.call(temperature=0)
    names = cached.recorder.names()
    cached.recorder.events.clear()
    heard: list[str] = []

    second = await cached.call(temperature=0, stream_callback=heard.append)

    assert (second.text, second.reasoning, second.usage) == (first.text, first.reasoning, first.usage)
    assert (first.cached, second.cached) == (False, True)
    assert cached.recorder.names() == names
    assert cached.recorder.of(CallFinished)[0].cached
    assert "".join(heard) == "Hello there"
    assert len(cached.server.journal) == 1
    assert cached.metrics.total("cache.hit") == 1


async def test_a_warm_answer_is_asked_for_every_time(cached: CallHarness) -> None:
    for _ in range(2):
        await cached.call(temperature=0.2)

    assert len(cached.server.journal) == 2


@pytest.mark.parametrize("step", [ok(reason="length"), ok(reason="tool_calls")], ids=["cut off", "tool calls"])
async def test_what_is_no_whole_answer_is_not_kept(cached: CallHarness, step: Step) -> None:
    cached.server.script([step, ok("whole")])
    await cached.call(temperature=0)

    assert (await cached.call(temperature=0)).text == "whole"


async def test_a_failed_call_is_not_kept(cached: CallHarness) -> None:
    cached.server.script([error(401, "key"), ok("whole")])
    await cached.fail(temperature=0)

    assert (await cached.call(temperature=0)).text == "whole"


async def test_the_answer_of_a_fallback_is_not_kept_as_that_of_the_first_choice(cached: CallHarness) -> None:
    cached.configure(max_retries=0)
    cached.server.script([status(503)], model="test-model")
    await cached.call(temperature=0, fallbacks=(cached.endpoint(model="spare"),))

    reply = await cached.call(temperature=0)

    assert (reply.cached, len(cached.server.journal)) == (False, 3)


async def test_the_answer_to_a_shortened_prompt_is_not_kept(cached: CallHarness) -> None:
    long = "word " * 6000
    small = cached.endpoint(context_tokens=4096)
    for _ in range(2):
        assert not (await cached.call(long, temperature=0, endpoint=small)).cached


async def test_without_a_cache_every_call_is_made(harness: CallHarness) -> None:
    for _ in range(2):
        assert not (await harness.call(temperature=0)).cached
    assert len(harness.server.journal) == 2


async def test_the_same_model_elsewhere_is_not_kept_as_the_first_choice(cached: CallHarness) -> None:
    cached.configure(max_retries=0)
    cached.server.script([status(503)])
    first = cached.endpoint(base_url=cached.server.base_url.replace("127.0.0.1", "localhost"))
    await cached.call(temperature=0, endpoint=first, fallbacks=(cached.endpoint(),))

    reply = await cached.call(temperature=0, endpoint=first)

    assert (reply.cached, len(cached.server.journal)) == (False, 3)


async def test_what_a_stream_callback_raises_ends_a_call_that_the_cache_answers(cached: CallHarness) -> None:
    await cached.call(temperature=0)

    def listen(_text: str) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await cached.call(temperature=0, stream_callback=listen)
