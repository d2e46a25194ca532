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
    """Seconds: to connect, until the first token, between two tokens, and for the whole attempt."""

    connect: float
    first_token: float
    stall: float
    total: float


LOCAL = TimeLimits(connect=2, first_token=180, stall=60, total=900)
REMOTE = TimeLimits(connect=5, first_token=60, stall=45, total=600)
REASONING_FIRST_TOKEN_SECONDS = 180.0  # some providers send nothing at all while a model thinks

_REASONING = re.compile(r"(?:^|[/:_.-])(?:o[1-9]|gpt-5|r1|qwq|magistral)(?:$|[:_.-])|reason|thinking", re.IGNORECASE)


def time_limits(settings: Settings, endpoint: Endpoint, prompt_tokens: int) -> TimeLimits:
    """Return the limits of the settings, and where they name none, those for the endpoint's place."""
    llm = settings.llm
    usual = LOCAL if endpoint.is_local else REMOTE
    first_token = usual.first_token
    if _REASONING.search(endpoint.model):
        first_token = max(first_token, REASONING_FIRST_TOKEN_SECONDS)
    if endpoint.is_local:
        first_token = max(first_token, prompt_tokens / LOCAL_PROMPT_TOKENS_PER_SECOND)
    return TimeLimits(
        connect=usual.connect if llm.connect_timeout is None else llm.connect_timeout,
        first_token=first_token if llm.first_token_timeout is None else llm.first_token_timeout,
        stall=usual.stall if llm.stall_timeout is None else llm.stall_timeout,
        total=max(usual.total, first_token) if llm.total_timeout is None else llm.total_timeout,
    )
