"""What a server reports about itself: its models, and one of our own also slots, window, health, a count of tokens.

Servers are asked over the pooled client of their endpoint, so that key, proxy and TLS rules are those of the calls.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Literal

from core.errors import UsageError
from core.llm.endpoint import Endpoint
from core.llm.http.client import uncounted_question
from core.llm.http.pool import ClientPool
from core.llm.request import ChatMessage
from core.llm.servers.models import decoded_models

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

FACTS_TIMEOUT_SECONDS = 1.5
HEALTH_TIMEOUT_SECONDS = 3.0
COUNT_TIMEOUT_SECONDS = 3.0
MAX_ANSWER_BYTES = 1 << 22  # the tokens of the longest prompt that is worth counting; a longer answer is not read
MAX_SLOTS = 1024
MIN_CONTEXT_TOKENS = 256  # what is below is a mistake, and would spoil every prompt
MAX_CONTEXT_TOKENS = 100_000_000
# A question must not leave a connection behind that a call then takes for one that has served calls.
OWN_CONNECTION = {"Connection": "close"}
NO_ANSWER = 0
NO_SUCH_PAGE = frozenset({404, 405, 501})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What a server said; None for what it did not say. `context_tokens` is what one slot holds."""

    slots: int | None = None
    context_tokens: int | None = None
    tokenizer: Literal["llama.cpp", "vllm"] | None = None


@dataclass(frozen=True, slots=True)
class _Response:
    status: int  # or NO_ANSWER
    body: object = None  # decoded JSON; None if it was something else


async def learn_facts(pool: ClientPool, endpoint: Endpoint) -> ServerFacts:
    """Ask a llama.cpp or vLLM server for its sizes, within 1.5 s; others report nothing, and remote ones are not asked."""
    client = await _client(pool, endpoint) if endpoint.is_local else None
    if client is None:
        return ServerFacts()
    try:
        async with asyncio.timeout(FACTS_TIMEOUT_SECONDS):
            answer = await _ask(client, f"{_root(endpoint)}/props")
            if answer.status in NO_SUCH_PAGE:
                return _facts_of_models((await _ask(client, f"{endpoint.base_url}/models")).body, endpoint.model)
            return _facts_of_props(answer.body)
    except TimeoutError:
        return ServerFacts()


async def is_healthy(pool: ClientPool, endpoint: Endpoint, facts: ServerFacts) -> bool:
    """Return whether a server answers within 3 s; one that still loads its model, or refuses us, is not healthy.

    Only servers that we know are asked at /health: others (LiteLLM) call all their models there, which costs money.
    """
    client = await _client(pool, endpoint)
    if client is None:
        return False
    try:
        async with asyncio.timeout(HEALTH_TIMEOUT_SECONDS):
            page = f"{_root(endpoint)}/health" if facts.tokenizer is not None else f"{endpoint.base_url}/models"
            answer = await _ask(client, page)
    except TimeoutError:
        return False
    return 200 <= answer.status < 300


async def is_reachable(pool: ClientPool, endpoint: Endpoint) -> bool:
    """Return whether anything answers at the address within 3 s, be it a refusal."""
    client = await _client(pool, endpoint)
    if client is None:
        return False
    try:
        async with asyncio.timeout(HEALTH_TIMEOUT_SECONDS):
            return (await _ask(client, f"{endpoint.base_url}/models")).status != NO_ANSWER
    except TimeoutError:
        return False


async def count_prompt_tokens(
    pool: ClientPool, endpoint: Endpoint, facts: ServerFacts, messages: Sequence[ChatMessage]
) -> int | None:
    """Return how many tokens the server makes of a conversation, with its chat template; None if it does not answer in 3 s."""
    client = await _client(pool, endpoint) if facts.tokenizer is not None else None
    if client is None:
        return None
    conversation = [{"role": message.role, "content": message.text} for message in messages]
    try:
        async with asyncio.timeout(COUNT_TIMEOUT_SECONDS):
            if facts.tokenizer == "vllm":
                asked = {"model": endpoint.model, "messages": conversation}
                counted = await _ask(client, f"{_root(endpoint)}/tokenize", asked)
                return _between(_field(counted.body, "count"), 1)
            return await _count_by_llama(client, _root(endpoint), conversation)
    except TimeoutError:
        return None


async def _count_by_llama(client: AsyncOpenAI, root: str, conversation: list[dict[str, str]]) -> int | None:
    template = await _ask(client, f"{root}/apply-template", {"messages": conversation})
    prompt = _field(template.body, "prompt")
    if not isinstance(prompt, str):
        return None
    # As the server itself does with a conversation: the template leaves out what add_special puts in.
    answer = await _ask(client, f"{root}/tokenize", {"content": prompt, "add_special": True, "parse_special": True})
    tokens = _field(answer.body, "tokens")
    return len(tokens) if isinstance(tokens, list) and tokens else None


async def _client(pool: ClientPool, endpoint: Endpoint) -> AsyncOpenAI | None:
    """Return the endpoint's client, before any time limit: the SDK may have to be imported first."""
    try:
        return await pool.client(endpoint)
    except UsageError:
        return None


async def _ask(client: AsyncOpenAI, url: str, body: dict[str, Any] | None = None) -> _Response:  # JSON values
    import httpx2
    import openai

    try:
        with uncounted_question():
            if body is None:
                response = await client.get(url, cast_to=httpx2.Response, options={"headers": OWN_CONNECTION})
            else:
                response = await client.post(
                    url, cast_to=httpx2.Response, body=body, options={"headers": OWN_CONNECTION}
                )
    except openai.APIStatusError as refused:
        return _Response(refused.status_code)
    except (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL):
        return _Response(NO_ANSWER)
    return _Response(response.status_code, _decoded(response))


def _root(endpoint: Endpoint) -> str:
    """Return the address above /v1, where servers keep what is not OpenAI's."""
    return endpoint.base_url.removesuffix("/v1")


def _decoded(response: httpx2.Response) -> object:
    if len(response.content) > MAX_ANSWER_BYTES:
        return None
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


def _facts_of_props(body: object) -> ServerFacts:
    slots = _field(body, "total_slots")
    context_tokens = _field(_field(body, "default_generation_settings"), "n_ctx")
    if _between(slots, 1) is None and _between(context_tokens, 1) is None:
        return ServerFacts()
    return ServerFacts(
        slots=_between(slots, 1, MAX_SLOTS), context_tokens=_context(context_tokens), tokenizer="llama.cpp"
    )


def _facts_of_models(body: object, model: str) -> ServerFacts:
    for entry in decoded_models(body) or ():
        if entry.get("id") == model and entry.get("owned_by") == "vllm":
            return ServerFacts(context_tokens=_context(entry.get("max_model_len")), tokenizer="vllm")
    return ServerFacts()


def _field(body: object, name: str) -> object:
    return body.get(name) if isinstance(body, dict) else None


def _context(value: object) -> int | None:
    return _between(value, MIN_CONTEXT_TOKENS, MAX_CONTEXT_TOKENS)


def _between(value: object, least: int, most: float = inf) -> int | None:
    """Return a whole number as it is, anything else or beyond the bounds as None."""
    return value if type(value) is int and least <= value <= most else None
