"""Reads of a refusal that a prompt is too long, and how long it may be: every server says it in words of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.llm.faults import RefusedWindow

MAX_DIGITS = 12  # of a number of tokens; a longer one means nothing, and Python refuses to read the longest

_CONTEXT = re.compile(
    r"exceed_context_size|context_length_exceeded|maximum context length|context size|context window|"
    r"prompt is too long|n_keep|tokens to keep|reduce the length|exceed context limit|"
    r"is longer than the model's context length|exceeds the available context size|"
    r"input tokens exceed the configured limit|loaded with context length of only|`max_new_tokens` must be <=|"
    r"current length is.*while limit is|too large for model with",
    re.IGNORECASE | re.DOTALL,
)
_TOO_LARGE = re.compile(r"request too large|request_too_large", re.IGNORECASE)
_LIMITS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r'"n_ctx":\s*(\d+)',
        r"context size \((\d+)",
        r"maximum context length is (\d+)",
        r"> (\d+) maximum",
        r"limit of (\d+) tokens",
        r"Limit (\d+), Requested",
        r"context length of only (\d+)",
        r"n_ctx \((\d+)\)",
        r"must be <= (\d+)",
        r"model with (\d+) maximum context length",
    )
)
_SHARES = re.compile(r"\((\d+) (?:in the messages|of text input), (\d+) in the (?:completion|output)\)")
_PROMPTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r'"n_prompt_tokens":\s*(\d+)',
        r"request \((\d+) tokens\)",
        r"resulted in (\d+) tokens",
        r"Requested (\d+)",
        r"too long: (\d+) tokens",
        r"keep the first (\d+) tokens",
        r"n_keep \((\d+)\)",
        r"Given: (\d+) `inputs`",
        r"contains (\d+) tokens",
    )
)


def refused_window(code: int | None, text: str) -> RefusedWindow | None:
    """Return what an error answer says of the window that a prompt exceeds; None if it is about something else."""
    too_large = _TOO_LARGE.search(text) is not None
    if "string_above_max_length" in text or code not in {None, 400, 413, 422, 429, 500}:
        return None
    if not too_large and (code == 429 or not _CONTEXT.search(text)):
        return None
    limit, prompt = _first_number(_LIMITS, text), _first_number(_PROMPTS, text)
    shares = _SHARES.search(text)
    if code == 429 and (limit is None or prompt is None or prompt <= limit):
        return None  # a wait does cure it
    if shares is not None:
        return RefusedWindow(limit, _number(shares[1]), _number(shares[2]))
    return RefusedWindow(limit, prompt)


def _first_number(patterns: Sequence[re.Pattern[str]], text: str) -> int | None:
    return next((_number(match[1]) for pattern in patterns if (match := pattern.search(text))), None)


def _number(digits: str) -> int | None:
    return int(digits) if len(digits) <= MAX_DIGITS else None
