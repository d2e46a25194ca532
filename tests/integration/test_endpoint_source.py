"""Where calls go: which model is taken when none is set, and what is told before the first call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.errors import ModelUnavailableError, UsageError
from core.kinds import Tier
from core.llm.http.pool import ClientPool
from core.llm.servers.resolver import EndpointSource
from core.settings import load_config
from tests.support.fault_server import FaultServer, status


@asynccontextmanager
async def _source(tmp_path: Path, **llm: object) -> AsyncIterator[EndpointSource]:
    settings = load_config(overrides={f"llm.{name}": value for name, value in llm.items()})
    async with ClientPool() as pool:
        yield EndpointSource(settings, pool=pool, clock=SystemClock(), log_folder=tmp_path)


@pytest.mark.parametrize(
    ("models", "taken", "told"),
    [
        (["only"], "only", ""),
        (["text-embedding-3-small", "chat"], "chat", "chat is taken, the first for chat at"),
        (["a", "b", "whisper-1", "c"], "a", "; it also offers b, c"),
        ([f"m{number}" for number in range(40)], "m0", "; it also offers m1, m2, m3, m4, m5, and 34 more"),
    ],
)
async def test_the_first_model_for_chat_is_taken_and_told(
    tmp_path: Path, models: Sequence[str], taken: str, told: str
) -> None:
    async with FaultServer(models=models) as server, _source(tmp_path, base_url=server.base_url) as source:
        assert (await source.resolve()).model == taken
        assert (await source.resolve()).model == taken

        assert told in source.model_note
        assert bool(told) == bool(source.model_note)
        assert [asked.path for asked in server.lookups] == ["/v1/models", "/props", "/v1/models"]  # the list, its size


async def test_the_model_that_is_taken_at_openai_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
    async with _source(tmp_path) as source:
        endpoint = await source.resolve()

        assert f"{endpoint.model} is taken - set LLM_MODEL to choose" in source.model_note


async def test_a_model_that_is_set_is_taken_whatever_it_is(tmp_path: Path) -> None:
    async with (
        FaultServer(models=["a", "b"]) as server,
        _source(tmp_path, base_url=server.base_url, model="nomic-embed-text") as source,
    ):
        assert (await source.resolve()).model == "nomic-embed-text"
        assert source.model_note == ""


async def test_a_list_that_cannot_be_had_is_told_with_its_reason(tmp_path: Path) -> None:
    async with FaultServer() as server, _source(tmp_path, base_url=server.base_url) as source:
        server.models_answer = status(401, {"error": {"message": "no such key"}})
        with pytest.raises(ModelUnavailableError, match=r"cannot be asked for: .* refused the API key") as raised:
            await source.resolve()
        assert "LLM_API_KEY" in raised.value.hint


async def test_a_fallback_that_the_surroundings_forbid_is_told_before_the_first_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks4://127.0.0.1:1")
    fallback = {"base_url": "https://llm.example.org/v1", "model": "spare"}
    async with (
        FaultServer() as server,
        _source(tmp_path, base_url=server.base_url, model="m", fallbacks=[fallback]) as source,
    ):
        with pytest.raises(UsageError, match=r"ALL_PROXY=socks4://127.0.0.1:1 has the scheme"):
            await source.route()


LLAMA_PROPS = {"total_slots": 4, "default_generation_settings": {"n_ctx": 32_768}}


def _meta(parameters: object, model: str = "coder") -> dict[str, object]:
    return {"data": [{"id": model, "owned_by": "llamacpp", "meta": {"n_params": parameters}}]}


@pytest.mark.parametrize(
    ("n_ctx", "models", "llm", "tier", "reason"),
    [
        (32_768, _meta(1_543_714_304), {}, "compact", "1.54B parameters"),
        (32_768, _meta(134_515_008, "/models/x.gguf"), {}, "tiny", "135M parameters"),
        (32_768, _meta(32_000_000_000), {}, "full", "32B parameters"),
        (4096, _meta(32_000_000_000), {}, "compact", "its window holds 4096 tokens"),
        (4096, _meta(32_000_000_000), {"context_tokens": 20_000}, "full", "32B parameters"),
        (32_768, _meta("many"), {}, "full", "nothing says that it is a small one"),
        (32_768, _meta(-7), {}, "full", "nothing says that it is a small one"),
        (32_768, {"data": [{"id": "a"}, {"id": "b"}]}, {}, "full", "nothing says that it is a small one"),
        (32_768, {"data": [{"id": "coder", "meta": None}]}, {}, "full", "nothing says that it is a small one"),
    ],
)
async def test_a_model_of_llama_cpp_is_led_as_the_server_describes_it(
    tmp_path: Path, n_ctx: int, models: object, llm: dict[str, object], tier: Tier, reason: str
) -> None:
    props = {**LLAMA_PROPS, "default_generation_settings": {"n_ctx": n_ctx}}
    async with (
        FaultServer(models=[]) as server,
        _source(tmp_path, base_url=server.base_url, model="coder", **llm) as source,
    ):
        server.routes.update({"/props": status(200, props), "/v1/models": status(200, models)})

        endpoint = await source.resolve()

        assert (endpoint.tier, endpoint.tier_reason) == (tier, reason)
        assert await source.resolve() == endpoint
        assert len(server.lookups) == 2


async def test_the_setting_leads_every_model(tmp_path: Path) -> None:
    fallback = {"base_url": "http://127.0.0.1:9/v1", "model": "gpt-5"}
    settings = load_config(
        overrides={
            "llm.base_url": "http://127.0.0.1:9/v1",
            "llm.model": "qwen2.5-coder:1.5b",
            "llm.fallbacks": [fallback],
            "team.tier": "Tiny",
        }
    )
    async with ClientPool() as pool:
        source = EndpointSource(settings, pool=pool, clock=SystemClock(), log_folder=tmp_path)

        assert [endpoint.tier for endpoint in await source.route()] == ["tiny", "tiny"]
