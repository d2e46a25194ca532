"""One model for all arms of a benchmark: a GGUF file, the embedded one, or a server that is there already."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2

from core.clock import SystemClock
from core.llm.embedded.model_file import ServerPlan, find_model_file, usable_cores
from core.llm.embedded.server import EmbeddedServer

ANSWER_SECONDS = 900.0
MAX_ANSWER_TOKENS = 700
SLOTS = 2  # of Quintet's agents two work at once; more only share the same cores
CONTEXT_TOKENS = 6144


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer to one call."""

    text: str
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Model:
    """A server that is running, for our own calls and for those of Quintet."""

    base_url: str
    api_key: str
    name: str

    @property
    def environment(self) -> dict[str, str]:
        """The settings that lead Quintet to it."""
        return {"LLM_BASE_URL": self.base_url, "LLM_API_KEY": self.api_key or "none", "LLM_MODEL": self.name}

    async def answer(self, prompt: str, *, temperature: float, seed: int) -> Answer:
        """Ask once, without a system prompt and without retries."""
        body = {
            "model": self.name,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": temperature,
            "seed": seed,
            "max_tokens": MAX_ANSWER_TOKENS,
        }
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        async with httpx2.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as client:
            reply = await client.post(f"{self.base_url}/chat/completions", json=body, headers=headers)
        reply.raise_for_status()
        told = reply.json()
        usage = told.get("usage") or {}
        return Answer(
            str(told["choices"][0]["message"]["content"] or ""),
            int(usage.get("prompt_tokens", 0)),
            int(usage.get("completion_tokens", 0)),
        )


@contextlib.asynccontextmanager
async def serving(model: str, base_url: str, threads: int) -> AsyncIterator[Model]:
    """Give the model at `base_url`; else serve a GGUF file, or the embedded model for the word "embedded".

    All cores compute unless `threads` says otherwise: on a machine that does other things, one thread without a core holds up
    the others.
    """
    if base_url:
        key = os.environ.get("LLM_API_KEY", os.environ.get("OPENAI_API_KEY", ""))
        yield Model(base_url.rstrip("/"), key, model or "default")
        return
    file = None if model in ("", "embedded") else Path(model)
    plan = ServerPlan(slots=SLOTS, context_tokens=CONTEXT_TOKENS, threads=threads or usable_cores())
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(log_file=Path(folder) / "server.log", clock=SystemClock(), model_file=file, plan=plan)
        try:
            address = await server.ensure_started()
            label = await asyncio.to_thread(lambda: find_model_file(file).label)
            yield Model(address.base_url, address.api_key, label)
        finally:
            await server.stop()
