"""What a server reports about itself: the models that it lists, and one of our own also slots, window, health, a count of tokens.

Servers are asked over the pooled client of their endpoint, so that key, proxy and TLS rules are those of the calls.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any

from core.errors import UsageError
from core.llm.endpoint import Endpoint, ServerFacts
from core.llm.errors.classify import classify_exception
from core.llm.errors.connection_fault import wrong_scheme
from core.llm.faults import Fault
from core.llm.http.client import uncounted_question
from core.llm.http.plain_or_tls import only_speaks_tls
from core.llm.http.pool import ClientPool
from core.llm.request import ChatMessage

if TYPE_CHECKING:
    from openai import AsyncOpenAI

FACTS_TIMEOUT_SECONDS = 1.5
HEALTH_TIMEOUT_SECONDS = 3.0
LIST_TIMEOUT_SECONDS = 3.0
COUNT_TIMEOUT_SECONDS = 3.0
MAX_ANSWER_BYTES = 1 << 22  # the tokens of the longest prompt that is worth counting; a longer answer is not read
MAX_SLOTS = 1024
MIN_CONTEXT_TOKENS = 256  # what is below is a mistake, and would spoil every prompt
MAX_CONTEXT_TOKENS = 100_000_000
MIN_PARAMETERS = 1_000_000  # the smallest that was ever published has a few of them
# A question must not leave a connection behind that a call then takes for one that has served calls.
OWN_CONNECTION = {"Connection": "close"}
NO_ANSWER = 0
NO_SUCH_PAGE = frozenset({404, 405, 501})

Models = tuple[Mapping[str, Any], ...]
"""Entries of a server's list of models, in its order: JSON of a foreign server."""

_OTHER_TASKS = frozenset({
    "embedding", "embeddings", "text-embedding", "rerank", "reranker", "image", "video", "audio", "speech",
    "moderation", "transcription", "transcribe", "tts", "stt", "classification", "feature-extraction",
    "text-to-speech", "speech-to-text", "text-to-image", "text-to-video", "automatic-speech-recognition",
})  # fmt: skip
_EMBEDDING = (
    r"embed|(?<![a-z])(?:bge|gte|e5|minilm|mpnet|bert|roberta|voyage|colbert|jina-(?:clip|colbert)|paraphrase"
    r"|text-(?:similarity|search)|sentence-t\w*)(?![a-z])"
)
_RANKING = r"rerank|(?<![a-z])(?:ranker|cross-encoder|reward)(?![a-z])"
_SPEECH = (
    r"whisper|transcri|(?<![a-z])(?:tts|stt|asr|xtts|kokoro|bark|piper|parakeet|canary|speech\w*|voice|realtime|audio"
    r"|playai|orpheus|musicgen|lyria)(?![a-z])"
)
_MODERATION = r"moderation|shieldgemma|(?<![a-z])(?:guard|guardian|safeguard|llamaguard|safety)(?![a-z])"
_PICTURES = (
    r"dall-?e|diffusion|imagen(?![a-z])|(?<![a-z])(?:image|images|sdxl|sd[123x][a-z0-9.]*|flux|sora|veo|video|clip|siglip"
    r"|midjourney|recraft|ideogram|mmproj)(?![a-z])"
)
_COMPLETION_ONLY = r"(?<![a-z])(?:babbage|davinci|ada|curie)(?![a-z])|gpt-3\.5-turbo-instruct"
_NOT_FOR_CHAT = re.compile(
    f"{_EMBEDDING}|{_RANKING}|{_SPEECH}|{_MODERATION}|{_PICTURES}|{_COMPLETION_ONLY}", re.IGNORECASE
)


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
            facts = _facts_of_props(answer.body)
            if facts.tokenizer is None:
                return facts
            models = await _ask(client, f"{endpoint.base_url}/models")
            return replace(facts, parameters=_parameters(models.body, endpoint.model))
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
    except RuntimeError:  # httpx's word for a client that was retired and closed meanwhile
        return _Response(NO_ANSWER)
    is_worth_reading = len(response.content) <= MAX_ANSWER_BYTES
    return _Response(response.status_code, _decoded(response.content) if is_worth_reading else None)


def _root(endpoint: Endpoint) -> str:
    """Return the address above /v1, where servers keep what is not OpenAI's."""
    return endpoint.base_url.removesuffix("/v1")


def _decoded(text: str | bytes) -> object:
    try:
        return json.loads(text)
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


def _parameters(body: object, model: str) -> int | None:
    """Return how many parameters llama.cpp says the model has; a server of one model answers to any name."""
    entries: Models = decoded_models(body) or ()
    named = [entry for entry in entries if entry.get("id") == model] or list(entries[:1] if len(entries) == 1 else ())
    return _between(_field(named[0].get("meta"), "n_params"), MIN_PARAMETERS) if named else None


def _field(body: object, name: str) -> object:
    return body.get(name) if isinstance(body, dict) else None


def _context(value: object) -> int | None:
    return _between(value, MIN_CONTEXT_TOKENS, MAX_CONTEXT_TOKENS)


def _between(value: object, least: int, most: float = inf) -> int | None:
    """Return a whole number as it is, anything else or beyond the bounds as None."""
    return value if type(value) is int and least <= value <= most else None


async def offered_models(pool: ClientPool, endpoint: Endpoint) -> tuple[str, ...]:
    """Return the names of a server's models, those for chat if there are any; empty if it does not list them within 3 s."""
    try:
        models = await list_models(pool, endpoint, LIST_TIMEOUT_SECONDS) or ()
    except (Fault, TimeoutError):
        return ()
    return model_names(chat_models(models) or models)


async def list_models(pool: ClientPool, endpoint: Endpoint, timeout_seconds: float) -> Models | None:
    """Return the models of a server; None when what it answers is no list of models.

    Raises:
        Fault: there is no answer, or a refusal.
        TimeoutError: it takes too long.
        UsageError: the address, or what the environment says about the way to it, cannot be used.
    """
    import httpx2
    import openai

    client = await pool.client(endpoint)
    try:
        async with asyncio.timeout(timeout_seconds):
            with uncounted_question():
                # Raw: the SDK takes a web page for a list of models and trips over it.
                response = await client.models.with_raw_response.list()
            return decoded_models(_decoded(response.text))
    except (openai.OpenAIError, httpx2.HTTPError) as error:
        fault = classify_exception(error, endpoint, pool.clock.now())
    if fault.kind == "disconnected" and await only_speaks_tls(endpoint):
        fault = wrong_scheme(endpoint)
    # Raised out here, so that it carries no exception along that holds the request with its key.
    raise fault


def decoded_models(body: object) -> Models | None:
    """Return the entries of a decoded list of models; None when it is no such list."""
    entries = body.get("data") if isinstance(body, dict) else None
    if not isinstance(entries, list):
        return None
    return tuple(entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str))


def model_names(models: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:  # JSON of a foreign server
    return tuple(entry["id"] for entry in models)


def chat_models(models: Models) -> Models:
    """Return the models that can hold a conversation, as far as what the server says of them, or their names, tell."""
    return tuple(entry for entry in models if _is_for_chat(entry))


def _is_for_chat(entry: Mapping[str, Any]) -> bool:
    for name in ("type", "task", "pipeline_tag", "mode"):
        if str(entry.get(name)).lower() in _OTHER_TASKS:
            return False
    capabilities = entry.get("capabilities")
    if isinstance(capabilities, dict) and capabilities.get("completion_chat") is False:
        return False
    architecture = entry.get("architecture")
    modalities = architecture.get("output_modalities") if isinstance(architecture, dict) else None
    if isinstance(modalities, list) and modalities and "text" not in modalities:
        return False
    return _NOT_FOR_CHAT.search(entry["id"]) is None
