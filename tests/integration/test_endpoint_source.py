"""Where calls go: which model is taken when none is set, and what is told before the first call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.errors import ModelUnavailableError, UsageError
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
        assert len(server.lookups) == 1


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
        assert (source.model_note, server.lookups) == ("", [])


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
