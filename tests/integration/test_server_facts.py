"""What servers tell about themselves, and that nothing they say, or leave unsaid, can hurt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from core.llm.endpoint import Endpoint, ServerFacts, make_endpoint
from core.llm.http.pool import ClientPool
from core.llm.request import ChatMessage
from core.llm.servers import facts as server_facts
from core.llm.servers.facts import count_prompt_tokens, is_healthy, learn_facts
from tests.support.fault_server import FaultServer, Step, error, hang_up, silence, status
from tests.support.ports import free_port

NOTHING = ServerFacts()
LLAMA = ServerFacts(tokenizer="llama.cpp")
VLLM = ServerFacts(tokenizer="vllm")
CONVERSATION = (ChatMessage.of_text("system", "Be terse."), ChatMessage.of_text("user", "Grüße"))


def _props(slots: object = 4, n_ctx: object = 8192) -> Step:
    return status(200, {"total_slots": slots, "default_generation_settings": {"n_ctx": n_ctx, "params": {}}})


def _models(**fields: object) -> Step:
    return status(200, {"data": [{"id": "other"}, {"id": "test-model", **fields}]})


@asynccontextmanager
async def _pages(routes: dict[str, Step]) -> AsyncIterator[tuple[FaultServer, ClientPool, Endpoint]]:
    async with FaultServer() as server:
        server.routes.update(routes)
        async with ClientPool() as pool:
            yield server, pool, make_endpoint(server.base_url, "test-model", api_key="the-key")
        assert await server.all_closed()


async def test_llama_cpp_tells_its_slots_and_the_window_of_each() -> None:
    async with _pages({"/props": _props()}) as (server, pool, endpoint):
        facts = await learn_facts(pool, endpoint)

        assert facts == ServerFacts(slots=4, context_tokens=8192, tokenizer="llama.cpp")
        assert await server.all_closed()  # a call never takes the connection of a question for a stale one of its own
        asked, models = server.lookups
        assert models.path == "/v1/models"
        assert (asked.method, asked.path, asked.headers["authorization"]) == ("GET", "/props", "Bearer the-key")
        assert server.journal == []


async def test_vllm_tells_its_window_among_its_models() -> None:
    async with _pages({"/v1/models": _models(owned_by="vllm", max_model_len=32_768)}) as (server, pool, endpoint):
        facts = await learn_facts(pool, endpoint)

        assert facts == ServerFacts(context_tokens=32_768, tokenizer="vllm")
        assert [asked.path for asked in server.lookups] == ["/props", "/v1/models"]


async def test_an_address_with_a_path_keeps_it() -> None:
    async with _pages({"/llama/props": _props()}) as (server, pool, _):
        endpoint = make_endpoint(server.base_url.removesuffix("/v1") + "/llama/v1", "test-model")

        assert (await learn_facts(pool, endpoint)).slots == 4


@pytest.mark.parametrize(
    ("routes", "facts"),
    [
        ({}, NOTHING),
        ({"/props": _props(slots=0)}, ServerFacts(context_tokens=8192, tokenizer="llama.cpp")),
        ({"/props": _props(slots=10**30)}, ServerFacts(context_tokens=8192, tokenizer="llama.cpp")),
        ({"/props": _props(slots=-1, n_ctx="8192")}, NOTHING),
        ({"/props": _props(slots=True, n_ctx=4096.0)}, NOTHING),
        ({"/props": _props(n_ctx=10**18)}, ServerFacts(slots=4, tokenizer="llama.cpp")),
        ({"/props": _props(n_ctx=1)}, ServerFacts(slots=4, tokenizer="llama.cpp")),
        ({"/props": _props(n_ctx=None)}, ServerFacts(slots=4, tokenizer="llama.cpp")),
        ({"/props": status(200, {"total_slots": 2, "default_generation_settings": []})}, ServerFacts(slots=2, tokenizer="llama.cpp")),
        ({"/props": status(200, "<html>Welcome</html>")}, NOTHING),
        ({"/props": status(200, b"\xff\xfe\x00")}, NOTHING),
        ({"/props": status(200, "[" * 100_000)}, NOTHING),
        ({"/props": status(200, b"9" * 5000)}, NOTHING),
        ({"/props": status(200, '{"total_slots": 4, "n": "' + "x" * (1 << 22) + '"}')}, NOTHING),
        ({"/props": status(200, [1, 2])}, NOTHING),
        ({"/props": status(200, "")}, NOTHING),
        ({"/props": status(204)}, NOTHING),
        ({"/props": status(302, "", {"Location": "/v1/models"})}, NOTHING),
        ({"/props": error(401, "Invalid API Key")}, NOTHING),
        ({"/props": error(503, "Loading model")}, NOTHING),
        ({"/props": hang_up()}, NOTHING),
        ({"/props": hang_up(reset=True)}, NOTHING),
        ({"/v1/models": _models(owned_by="llamacpp", max_model_len=4096)}, NOTHING),
        ({"/v1/models": _models(owned_by="vllm", max_model_len="4096")}, VLLM),
        ({"/v1/models": _models(owned_by="vllm", max_model_len=-4096)}, VLLM),
        ({"/v1/models": status(200, {"data": [7, None, {"owned_by": "vllm"}]})}, NOTHING),
        ({"/v1/models": status(200, {"data": {"id": "test-model"}})}, NOTHING),
        ({"/v1/models": error(500, "busy")}, NOTHING),
    ],
)  # fmt: skip
async def test_whatever_makes_no_sense_is_not_believed(routes: dict[str, Step], facts: ServerFacts) -> None:
    async with _pages(routes) as (_, pool, endpoint):
        assert await learn_facts(pool, endpoint) == facts


async def test_a_remote_server_is_not_asked() -> None:
    async with _pages({"/props": _props()}) as (server, pool, _):
        remote = make_endpoint(server.base_url, "test-model", kind="remote")

        assert await learn_facts(pool, remote) == NOTHING
        assert (server.lookups, server.connections) == ([], 0)


async def test_a_server_that_keeps_silent_is_left_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_facts, "FACTS_TIMEOUT_SECONDS", 0.1)
    async with _pages({"/props": silence()}) as (_, pool, endpoint):
        async with asyncio.timeout(30):
            assert await learn_facts(pool, endpoint) == NOTHING


async def test_asking_can_be_cancelled() -> None:
    async with _pages({"/props": silence()}) as (server, pool, endpoint):
        asking = asyncio.create_task(learn_facts(pool, endpoint))
        await server.asked(1)

        asking.cancel()

        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await server.all_closed()


async def test_nobody_there_is_no_error() -> None:
    async with ClientPool() as pool:
        endpoint = make_endpoint(f"http://127.0.0.1:{free_port()}/v1", "test-model")

        assert await learn_facts(pool, endpoint) == NOTHING
        assert await is_healthy(pool, endpoint, LLAMA) is False
        assert await count_prompt_tokens(pool, endpoint, LLAMA, CONVERSATION) is None


@pytest.mark.parametrize(
    ("answer", "healthy"),
    [
        (status(200), True),  # vLLM has nothing to say
        (status(200, {"status": "ok"}), True),
        (error(503, "Loading model"), False),
        (error(500, "broken"), False),
        (error(401, "Invalid API Key"), False),
        (hang_up(), False),
        (status(404), False),
    ],
)
@pytest.mark.parametrize(("facts", "page"), [(LLAMA, "/health"), (NOTHING, "/v1/models")], ids=["known", "unknown"])
async def test_a_server_is_healthy_when_its_page_says_so(
    facts: ServerFacts, page: str, answer: Step, *, healthy: bool
) -> None:
    async with _pages({page: answer}) as (server, pool, endpoint):
        assert await is_healthy(pool, endpoint, facts) is healthy
        # Others than those we know call all their models at /health.
        assert {asked.path for asked in server.lookups} == {page}


async def test_a_health_check_gives_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_facts, "HEALTH_TIMEOUT_SECONDS", 0.1)
    async with _pages({"/health": silence()}) as (_, pool, endpoint):
        async with asyncio.timeout(30):
            assert await is_healthy(pool, endpoint, LLAMA) is False


async def test_llama_cpp_counts_what_its_template_makes_of_the_conversation() -> None:
    routes = {
        "/apply-template": status(200, {"prompt": "<|system|>Be terse.<|user|>Grüße"}),
        "/tokenize": status(200, {"tokens": [1, 2, 3, 4, 5]}),
    }
    async with _pages(routes) as (server, pool, endpoint):
        assert await count_prompt_tokens(pool, endpoint, LLAMA, CONVERSATION) == 5

        template, tokenize = server.lookups
        assert template.body["messages"][1] == {"role": "user", "content": "Grüße"}
        assert tokenize.body == {
            "content": "<|system|>Be terse.<|user|>Grüße",
            "add_special": True,
            "parse_special": True,
        }
        assert server.journal == []


async def test_vllm_counts_a_conversation_at_once() -> None:
    routes = {"/tokenize": status(200, {"count": 42, "max_model_len": 4096, "tokens": [1]})}
    async with _pages(routes) as (server, pool, endpoint):
        assert await count_prompt_tokens(pool, endpoint, VLLM, CONVERSATION) == 42

        [asked] = server.lookups
        assert asked.body["model"] == "test-model"
        assert len(asked.body["messages"]) == 2


@pytest.mark.parametrize(
    ("facts", "routes"),
    [
        (NOTHING, {}),
        (LLAMA, {}),
        (LLAMA, {"/apply-template": error(500, "no template")}),
        (LLAMA, {"/apply-template": status(200, {"prompt": 7})}),
        (LLAMA, {"/apply-template": status(200, {"prompt": "x"}), "/tokenize": status(404)}),
        (LLAMA, {"/apply-template": status(200, {"prompt": "x"}), "/tokenize": status(200, {"tokens": 3})}),
        (LLAMA, {"/apply-template": status(200, {"prompt": "x"}), "/tokenize": status(200, {"tokens": []})}),
        (LLAMA, {"/apply-template": status(200, {"prompt": "x"}), "/tokenize": hang_up(reset=True)}),
        (VLLM, {}),
        (VLLM, {"/tokenize": status(200, {"count": "many"})}),
        (VLLM, {"/tokenize": status(200, {"count": 0})}),
        (VLLM, {"/tokenize": status(200, "<html>")}),
    ],
)
async def test_a_count_that_is_none_is_not_made_up(facts: ServerFacts, routes: dict[str, Any]) -> None:
    async with _pages(routes) as (_, pool, endpoint):
        assert await count_prompt_tokens(pool, endpoint, facts, CONVERSATION) is None


async def test_a_count_that_takes_long_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_facts, "COUNT_TIMEOUT_SECONDS", 0.1)
    async with _pages({"/apply-template": silence()}) as (_, pool, endpoint):
        async with asyncio.timeout(30):
            assert await count_prompt_tokens(pool, endpoint, LLAMA, CONVERSATION) is None
