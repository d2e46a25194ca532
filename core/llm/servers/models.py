"""The models that a server lists, and which of them can hold a conversation."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.llm.endpoint import Endpoint
from core.llm.errors.classify import classify_exception
from core.llm.errors.connection_fault import wrong_scheme
from core.llm.faults import Fault
from core.llm.http.client import uncounted_question
from core.llm.http.plain_or_tls import only_speaks_tls
from core.llm.http.pool import ClientPool

LIST_TIMEOUT_SECONDS = 3.0

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
            return _decoded(response.text)
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


def _decoded(text: str) -> Models | None:
    try:
        return decoded_models(json.loads(text))
    except (ValueError, RecursionError):
        return None
