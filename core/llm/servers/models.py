"""What models a server offers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from core.llm.endpoint import Endpoint
from core.llm.http.pool import ClientPool

LIST_TIMEOUT_SECONDS = 3.0


async def offered_models(pool: ClientPool, endpoint: Endpoint) -> tuple[str, ...]:
    """Return the names of the models of a server in its own order; empty if it does not list them within 3 s."""
    import httpx2
    import openai

    client = await pool.client(endpoint)
    try:
        async with asyncio.timeout(LIST_TIMEOUT_SECONDS):
            response = await client.models.with_raw_response.list()
    except (TimeoutError, openai.OpenAIError, httpx2.HTTPError):
        return ()
    return model_names(response.text) or ()


def model_names(text: str) -> tuple[str, ...] | None:
    """Return the names in a server's list of models; None when the text is no such list."""
    try:
        entries = listed_models(json.loads(text))
    except (ValueError, RecursionError):
        return None
    if entries is None:
        return None
    names = [entry.get("id") for entry in entries]
    return tuple(name for name in names if isinstance(name, str))


def listed_models(body: object) -> tuple[dict[str, Any], ...] | None:  # JSON of a foreign server
    """Return the entries of a decoded list of models; None when it is no such list."""
    entries = body.get("data") if isinstance(body, dict) else None
    if not isinstance(entries, list):
        return None
    return tuple(entry for entry in entries if isinstance(entry, dict))
