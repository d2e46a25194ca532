"""Makes a conversation fit a context window: a shorter answer first, then less of the longest messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.llm.faults import RefusedWindow
from core.llm.request import CallRequest, ChatMessage
from core.llm.window.tokens import (
    BYTES_PER_TOKEN,
    TOKENS_PER_MESSAGE,
    estimate_prompt_tokens,
    estimate_tokens,
    text_bytes,
)

MIN_ANSWER_TOKENS = 256  # less than this is not worth a request
ANSWER_SHARE = 0.25  # of the window, kept free for an answer of unknown length
SAFETY_SHARE = 0.95  # of the window; the server counts its template, we do not
HEAD_SHARE = 0.5  # of what is kept: the task stands at the head, the newest results at the tail
MIN_KEPT_BYTES = 600  # of a message; less would be a message without a sense
MARK_BYTES = 64  # room for the line that says what is missing
RAGGED_SHARE = 0.2  # of head and tail; so much more is left out if the cut then falls between two lines


def fit_window(request: CallRequest, window_tokens: int, prompt_tokens: int) -> CallRequest | None:
    """Return the request as it fits a known window, before anything is sent; the same object if it fits already.

    Args:
        request: what is to be sent.
        window_tokens: what the server holds, prompt and answer together.
        prompt_tokens: the prompt as the server counts it, or an estimate that is rather too high.

    Returns:
        None if nothing that can be left out would make it fit: the system prompt alone may be too long.
    """
    room = window_tokens - prompt_tokens - 1
    if request.max_tokens is None:
        if room >= MIN_ANSWER_TOKENS:
            return request
    elif room >= request.max_tokens:
        return request
    elif room >= MIN_ANSWER_TOKENS:
        return replace(request, max_tokens=room)
    return _shrink(request, window_tokens, prompt_tokens)


def fit(request: CallRequest, window: RefusedWindow) -> CallRequest | None:
    """Return a smaller request for the window that the server named; None if nothing can be left out.

    A server that named no number gets half of the last prompt.
    """
    limit = window.limit_tokens
    if limit is None:
        estimated = estimate_prompt_tokens(request.messages)
        return _cut(request, estimated // 2)
    if window.completion_tokens and window.prompt_tokens:
        room = limit - window.prompt_tokens - 1
        if room >= MIN_ANSWER_TOKENS and (request.max_tokens is None or room < request.max_tokens):
            return replace(request, max_tokens=room)
    return _shrink(request, limit, window.prompt_tokens)


def without_middle(text: str, *, max_tokens: int) -> str:
    """Return the text, or its beginning and end if it needs more tokens than that, and than 200, by our estimate."""
    max_bytes = max(MIN_KEPT_BYTES, max_tokens * BYTES_PER_TOKEN)
    return text if text_bytes(text) <= max_bytes else _without_middle(text, max_bytes)


def _shrink(request: CallRequest, limit: int, counted_tokens: int | None) -> CallRequest | None:
    estimated = estimate_prompt_tokens(request.messages)
    # A count of the same text, by the server: it shows how far our estimate is off.
    scale = estimated / counted_tokens if counted_tokens else 1.0
    answer = min(request.max_tokens or limit, max(MIN_ANSWER_TOKENS, int(limit * ANSWER_SHARE)))
    target = max(1, int((int(limit * SAFETY_SHARE) - answer) * scale))
    smaller = _cut(request, min(target, estimated * 9 // 10))
    if smaller is None or (counted_tokens and estimate_prompt_tokens(smaller.messages) >= limit * scale):
        return None
    if request.max_tokens is not None:
        smaller = replace(smaller, max_tokens=min(request.max_tokens, answer))
    return smaller


def _cut(request: CallRequest, target_tokens: int) -> CallRequest | None:
    """Shorten the longest user messages to one length, so that none of two long ones is lost for the other."""
    sizes = {place: text_bytes(msg.text) for place, msg in enumerate(request.messages) if msg.role == "user"}
    fixed = sum(estimate_tokens(msg.text) for msg in request.messages if msg.role != "user")
    budget_tokens = target_tokens - fixed - len(request.messages) * TOKENS_PER_MESSAGE - len(sizes)
    level = max(MIN_KEPT_BYTES, _level(list(sizes.values()), budget_tokens * BYTES_PER_TOKEN))
    messages = list(request.messages)
    for place, size in sizes.items():
        if size > level:
            messages[place] = ChatMessage.of_text("user", _without_middle(messages[place].text, level))
    smaller = replace(request, messages=tuple(messages))
    return smaller if estimate_prompt_tokens(messages) < estimate_prompt_tokens(request.messages) else None


def _level(sizes: Sequence[int], budget: int) -> int:
    """Return the greatest size that all may keep, the smaller ones whole, without going beyond the budget together."""
    level = 0
    for done, size in enumerate(sorted(sizes)):
        level = budget // (len(sizes) - done)
        if size > level:
            break
        budget -= size
    return level


def _without_middle(text: str, max_bytes: int) -> str:
    """Return head and tail of a text of more than `max_bytes`, together with the mark at most that long."""
    kept_bytes = max_bytes - MARK_BYTES
    head_bytes = int(kept_bytes * HEAD_SHARE)
    raw = text.encode("utf-8", "replace")
    # A character that the cut goes through is left out whole.
    head = raw[:head_bytes].decode("utf-8", "ignore")
    tail = raw[len(raw) - (kept_bytes - head_bytes) :].decode("utf-8", "ignore")
    line_end = head.rfind("\n", int(len(head) * (1 - RAGGED_SHARE)))
    if line_end >= 0:
        head = head[:line_end]
    line_start = tail.find("\n", 0, int(len(tail) * RAGGED_SHARE))
    if line_start >= 0:
        tail = tail[line_start + 1 :]
    return f"{head}\n[... {len(text) - len(head) - len(tail)} characters left out ...]\n{tail}"
