"""What is sent, what comes back, and what is said of it."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from core.errors import LLMCallError, UsageError
from core.events import CallCancelled
from tests.support.call_harness import MODEL, CallHarness
from tests.support.fault_server import (
    error,
    ok,
    status,
    stream,
    token,
)


async def test_the_request_carries_everything_that_was_asked_for(harness: CallHarness) -> None:
    await harness.call(
        max_tokens=50, temperature=0.5, stop=("END",), endpoint=harness.endpoint(api_key="sk-secret-123456")
    )

    [request] = harness.server.journal
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


async def test_the_stream_callback_gets_the_text(harness: CallHarness) -> None:
    heard: list[str] = []

    reply = await harness.call(stream_callback=heard.append)

    assert "".join(heard) == reply.text


@pytest.mark.parametrize("raised", [RuntimeError("mine"), TimeoutError("mine"), httpx2.ReadError("mine")], ids=type)
async def test_what_a_stream_callback_raises_ends_the_call(harness: CallHarness, raised: Exception) -> None:
    def listen(_text: str) -> None:
        raise raised

    with pytest.raises(type(raised), match="mine") as seen:
        await harness.call(stream_callback=listen)

    assert seen.value is raised
    assert len(harness.server.journal) == 1
    assert len(harness.recorder.of(CallCancelled)) == 1
    assert harness.counted_failures == 0


@pytest.mark.parametrize("is_async", [True, False])
async def test_an_async_stream_callback_is_refused(harness: CallHarness, is_async: bool) -> None:
    async def listen(_text: str) -> None:
        raise AssertionError("nobody awaits this")

    with pytest.raises(UsageError, match="async"):
        await harness.call(stream_callback=listen if is_async else lambda text: listen(text.upper()))

    assert len(harness.server.journal) == (0 if is_async else 1)


async def test_a_stream_callback_is_told_that_an_answer_starts_again(harness: CallHarness) -> None:
    harness.server.script([stream(token("Hel"), then="reset"), status(503), ok("Hello there")])
    heard: list[tuple[str, bool]] = []

    def listen(text: str, restarted: bool = False) -> None:
        heard.append((text, restarted))

    await harness.call(stream_callback=listen)

    assert heard == [("Hel", False), ("", True), ("Hello there", False)]


async def test_the_key_is_in_no_message_even_if_the_server_repeats_it(harness: CallHarness) -> None:
    key = "secret-key-0123456789"
    harness.server.script([error(401, f"Incorrect API key provided: {key} \x1b[31m\n see sk-abcdef123456")])

    failed = await harness.fail(endpoint=harness.endpoint(api_key=key))

    shown = f"{failed} {failed!r} {failed.__dict__} {harness.recorder.events!r} {failed.__context__!r}"
    assert key not in shown
    assert "sk-abcdef" not in shown
    assert "\x1b" not in str(failed)
    assert str(failed).startswith(f"the server at {harness.endpoint().host} refused the API key: 401")
    assert str(failed).endswith("set LLM_API_KEY or check the key")


async def test_metrics_tell_of_calls_errors_retries_and_tokens(harness: CallHarness) -> None:
    harness.server.script([status(503), ok()])

    await harness.call()

    names = ("llm.requests", "llm.errors", "llm.retries", "llm.tokens")
    assert {name: harness.metrics.total(name, agent="developer") for name in names} == {
        "llm.requests": 1,
        "llm.errors": 1,
        "llm.retries": 1,
        "llm.tokens": 18,
    }


async def test_an_unexpected_error_ends_the_call_under_its_own_name(harness: CallHarness) -> None:
    unserialisable: Any = object()

    with pytest.raises(LLMCallError) as raised:
        await harness.call(temperature=unserialisable)

    assert raised.value.kind == "bug:TypeError"


@pytest.mark.parametrize(
    ("host", "proxy", "words"),
    [
        ("1.2.3.999", "", "Invalid IPv4 address"),
        ("example.org", "foo://me:swordfish@10.0.0.1", "HTTP_PROXY=foo://***@"),
    ],
    ids=["address", "proxy"],
)
async def test_an_address_or_a_proxy_that_cannot_be_used_is_told_at_once(
    harness: CallHarness, monkeypatch: pytest.MonkeyPatch, host: str, proxy: str, words: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)

    failed = await harness.fail(endpoint=harness.endpoint(base_url=f"http://{host}/v1"))

    assert (failed.kind, failed.attempts) == ("connect", 1)
    assert words in failed.message
    assert ("NO_PROXY" if proxy else "LLM_BASE_URL") in failed.hint
    assert "swordfish" not in f"{failed} {failed.__dict__}"
