"""The four time limits of an attempt, by where the server is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.llm.endpoint import Endpoint

if TYPE_CHECKING:
    from core.settings import Settings

POOL_TIMEOUT_SECONDS = 5.0
WRITE_TIMEOUT_SECONDS = 30.0
USAGE_GRACE_SECONDS = 2.0  # between the finish_reason and the chunk with the token counts
DRAIN_SECONDS = 0.1  # after [DONE], so that the connection can be used again
LOCAL_PROMPT_TOKENS_PER_SECOND = 20  # of a slow CPU


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long it may take to connect, until the first token, between two tokens, and as a whole."""

    connect_seconds: float
    first_token_seconds: float
    stall_seconds: float
    total_seconds: float


LOCAL = TimeLimits(connect_seconds=2, first_token_seconds=180, stall_seconds=60, total_seconds=900)
REMOTE = TimeLimits(connect_seconds=5, first_token_seconds=60, stall_seconds=45, total_seconds=600)
REASONING_FIRST_TOKEN_SECONDS = 180.0  # some providers send nothing at all while a model thinks

_REASONING = re.compile(r"(?:^|[/:_.-])(?:o[1-9]|gpt-5|r1|qwq|magistral)(?:$|[:_.-])|reason|thinking", re.IGNORECASE)


def time_limits(settings: Settings, endpoint: Endpoint, prompt_tokens: int) -> TimeLimits:
    """Return the limits of the settings, and where they name none, those for the endpoint's place."""
    llm = settings.llm
    usual = LOCAL if endpoint.is_local else REMOTE
    first_token_seconds = usual.first_token_seconds
    if _REASONING.search(endpoint.model):
        first_token_seconds = max(first_token_seconds, REASONING_FIRST_TOKEN_SECONDS)
    if endpoint.is_local:
        first_token_seconds = max(first_token_seconds, prompt_tokens / LOCAL_PROMPT_TOKENS_PER_SECOND)
    return TimeLimits(
        connect_seconds=usual.connect_seconds if llm.connect_timeout is None else llm.connect_timeout,
        first_token_seconds=first_token_seconds if llm.first_token_timeout is None else llm.first_token_timeout,
        stall_seconds=usual.stall_seconds if llm.stall_timeout is None else llm.stall_timeout,
        total_seconds=max(usual.total_seconds, first_token_seconds) if llm.total_timeout is None else llm.total_timeout,
    )
