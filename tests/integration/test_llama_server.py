"""The call path against a real llama.cpp server: its facts and counts, its errors, its slots, and what a cancel frees."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import openai
import pytest
import pytest_asyncio

from core.clock import SystemClock
from core.errors import LLMCallError
from core.events import (
    AttemptFailed,
    CallEvent,
    CallQueued,
    ContextTruncated,
    Event,
    EventSink,
    TokensReceived,
)
from core.llm.call.caller import Caller
from core.llm.embedded.model_file import ServerPlan, find_model_file
from core.llm.embedded.server import EmbeddedServer
from core.llm.endpoint import Endpoint, ServerFacts, make_endpoint
from core.llm.errors.classify import classify_exception
from core.llm.http.pool import ClientPool
from core.llm.request import CallRequest, ChatMessage, Reply
from core.llm.servers.facts import count_prompt_tokens, is_healthy, learn_facts
from core.settings import Settings
from tests.support.events import Recorder, check_call_contract
from tests.support.ports import free_port

pytestmark = [pytest.mark.embedded, pytest.mark.asyncio(loop_scope="module")]

SLOTS = 2
CONTEXT_TOKENS = 512  # enough for every answer here, and read in seconds
FREED_WITHIN_SECONDS = 5.0
LONG_PROMPT = "The quick brown fox jumps over the lazy dog. " * 400  # about 4,000 tokens


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def endpoint(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Endpoint]:
    log_file = tmp_path_factory.mktemp("llama") / "model.log"
    plan = ServerPlan(slots=SLOTS, context_tokens=CONTEXT_TOKENS, threads=1)
    server = EmbeddedServer(log_file=log_file, clock=SystemClock(), plan=plan)
    address = await server.ensure_started()
    yield make_endpoint(
        address.base_url, address.model_label, api_key=address.api_key, slots=address.slots, kind="embedded"
    )
    await server.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def pool() -> AsyncIterator[ClientPool]:
    async with ClientPool() as pool:
        yield pool


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    check_call_contract(recorder.events)


@pytest.fixture
def caller(pool: ClientPool, recorder: Recorder) -> Caller:
    return _caller(pool, recorder)


def _caller(pool: ClientPool, emit: EventSink) -> Caller:
    random = Random(7)  # noqa: S311 - reproducible, not secret
    return Caller(settings=Settings(), pool=pool, emit=emit, clock=SystemClock(), random=random)


def _messages(text: str, system: str = "You are terse.") -> tuple[ChatMessage, ...]:
    return (ChatMessage.of_text("system", system), ChatMessage.of_text("user", text))


def _request(text: str, *, max_tokens: int = 8) -> CallRequest:
    return CallRequest(
        messages=_messages(text),
        run_id="run",
        correlation_id="corr",
        agent_id="developer",
        task_id="task",
        max_tokens=max_tokens,
        temperature=0.0,
    )


async def _page(pool: ClientPool, endpoint: Endpoint, path: str) -> httpx2.Response:
    client = await pool.client(endpoint)
    return await client.get(endpoint.base_url.removesuffix("/v1") + path, cast_to=httpx2.Response)


async def _until_idle(pool: ClientPool, endpoint: Endpoint) -> None:
    while any(slot["is_processing"] for slot in (await _page(pool, endpoint, "/slots")).json()):
        pass


async def test_the_server_tells_its_slots_and_the_window_of_each(endpoint: Endpoint, pool: ClientPool) -> None:
    assert await learn_facts(pool, endpoint) == ServerFacts(
        slots=SLOTS, context_tokens=CONTEXT_TOKENS, parameters=134_515_008, tokenizer="llama.cpp"
    )
    assert await is_healthy(pool, endpoint, ServerFacts(tokenizer="llama.cpp")) is True


@pytest.mark.parametrize(
    "text",
    [
        "Say hello.",
        "Grüße aus Köln 🙂 日本語",
        "<|im_end|>\n<|im_start|>user",
        "  \n\n\t",
        "def f(x):\n    return x\n" * 9,
    ],
    ids=["prose", "unicode", "control tokens", "blanks", "code"],
)
async def test_its_count_of_a_prompt_is_what_a_call_is_charged(
    endpoint: Endpoint, pool: ClientPool, caller: Caller, text: str
) -> None:
    facts = ServerFacts(tokenizer="llama.cpp")

    counted = await count_prompt_tokens(pool, endpoint, facts, _messages(text))
    reply = await caller.call(_request(text, max_tokens=2), endpoint)

    assert (reply.usage.input_tokens, reply.usage.estimated) == (counted, False)


async def test_a_prompt_beyond_the_window_is_refused_in_the_known_words(endpoint: Endpoint, pool: ClientPool) -> None:
    client = await pool.client(endpoint)
    counted = await count_prompt_tokens(pool, endpoint, ServerFacts(tokenizer="llama.cpp"), _messages(LONG_PROMPT))

    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(
            model=endpoint.model,
            messages=[{"role": "system", "content": "You are terse."}, {"role": "user", "content": LONG_PROMPT}],
            stream=True,
        )

    assert refused.value.response.json()["error"]["type"] == "exceed_context_size_error"
    fault = classify_exception(refused.value, endpoint, SystemClock().now(), received=True, reused=False)
    assert (fault.kind, fault.action) == ("context", "truncate")
    assert fault.error.window is not None
    assert (fault.error.window.limit_tokens, fault.error.window.prompt_tokens) == (CONTEXT_TOKENS, counted)


async def test_a_prompt_beyond_the_window_is_cut_and_answered(
    endpoint: Endpoint, caller: Caller, recorder: Recorder
) -> None:
    reply = await caller.call(_request(LONG_PROMPT), endpoint)

    [cut] = recorder.of(ContextTruncated)
    assert cut.after < cut.before
    assert reply.text
    assert CONTEXT_TOKENS / 2 < reply.usage.input_tokens < CONTEXT_TOKENS - 8


async def test_calls_beyond_the_slots_wait_on_our_side_and_are_all_answered(
    endpoint: Endpoint, pool: ClientPool, recorder: Recorder
) -> None:
    in_flight: list[int] = []
    own_requests = 0

    def emit(event: Event) -> None:
        in_flight.append(pool.in_flight - own_requests)
        recorder(event)

    caller = _caller(pool, emit)
    async with asyncio.TaskGroup() as group:
        calls = [
            group.create_task(caller.call(_request(f"Count from {number} on.", max_tokens=12), endpoint))
            for number in range(SLOTS + 4)
        ]
        await recorder.seen(TokensReceived)
        own_requests = 1
        metrics = (await _page(pool, endpoint, "/metrics")).text
        own_requests = 0

    assert all(call.result().text for call in calls)
    assert "llamacpp:requests_deferred 0" in metrics  # the server itself lets nobody wait
    assert max(in_flight) == SLOTS
    waits = recorder.of(CallQueued)
    assert [wait.position for wait in waits[:4]] == [0, 1, 2, 3]
    assert {wait.reason for wait in waits} == {"slot"}
    assert len({wait.call_id for wait in waits}) == 4


async def test_cancelled_streams_give_their_slots_back_within_seconds(
    endpoint: Endpoint, pool: ClientPool, caller: Caller, recorder: Recorder
) -> None:
    async def stream(text: str) -> Reply | LLMCallError:
        try:
            return await caller.call(_request(text, max_tokens=900), endpoint)
        except LLMCallError as error:
            return error

    async with asyncio.TaskGroup() as group:
        streams = [group.create_task(stream(text)) for text in ("Tell a long story.", "List all the numbers.")]
        await recorder.until(lambda: len({event.call_id for event in recorder.of(TokensReceived)}) == SLOTS)
        async with asyncio.timeout(FREED_WITHIN_SECONDS):
            for call_id in {event.call_id for event in recorder.events if isinstance(event, CallEvent)}:
                assert caller.cancel(call_id)
            await _until_idle(pool, endpoint)
            reply = await caller.call(_request("Say hello.", max_tokens=2), endpoint)

    assert [error.kind for error in (task.result() for task in streams) if isinstance(error, LLMCallError)] == [
        "cancelled"
    ] * SLOTS
    assert reply.text
    assert recorder.of(AttemptFailed) == []


LOADING_SERVER = """
import json, sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port = json.loads(sys.argv[1])
params.hostnames, params.n_parallel, params.n_ctx, params.cpuparams.n_threads = ["127.0.0.1"], 1, 1024, 1
server = xllamacpp.Server(params)
sys.stdin.read()
"""


@contextmanager
def _starting_server(model: Path, port: int) -> Iterator[None]:
    command = [sys.executable, "-c", LOADING_SERVER, json.dumps([str(model), port])]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        try:
            yield
        finally:
            child.kill()


async def test_a_call_waits_while_the_server_loads_its_model(
    pool: ClientPool, caller: Caller, recorder: Recorder
) -> None:
    model = find_model_file()
    loading = make_endpoint(f"http://127.0.0.1:{free_port()}/v1", model.label)
    with _starting_server(model.path, int(loading.host.rpartition(":")[2])):
        refusal: dict[str, Any] = {}
        while not refusal:
            try:
                await _page(pool, loading, "/health")
            except openai.APIStatusError as error:
                refusal = error.response.json()["error"]
            except openai.APIConnectionError:
                continue
        healthy = await is_healthy(pool, loading, ServerFacts())
        reply = await caller.call(_request("Say hello."), loading)

        assert (refusal["code"], refusal["message"]) == (503, "Loading model")
        assert healthy is False
        assert {failure.kind for failure in recorder.of(AttemptFailed)} == {"loading"}
        assert reply.text
        assert await is_healthy(pool, loading, ServerFacts()) is True
        assert all(status.failures == 0 for status in caller.breakers())
