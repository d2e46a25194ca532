"""Makes a conversation fit a context window: a shorter answer first, then less of the longest message."""

from __future__ import annotations

from dataclasses import replace

from core.llm.faults import Window
from core.llm.request import CallRequest, ChatMessage
from core.llm.tokens import BYTES_PER_TOKEN, estimate_prompt_tokens, estimate_tokens

MIN_ANSWER_TOKENS = 256  # less than this is not worth a request
ANSWER_SHARE = 0.25  # of the window, kept free for an answer of unknown length
SAFETY_SHARE = 0.95  # of the window; the server counts its template, we do not
HEAD_SHARE = 0.5  # of what is kept: the task stands at the head, the newest results at the tail
MIN_KEPT_CHARS = 200


def fit(request: CallRequest, window: Window) -> CallRequest | None:
    """Return a smaller request for the window that the server named; None if nothing can be left out.

    A server that named no number gets half of the last prompt.
    """
    limit = window.limit_tokens
    if limit is not None and window.completion_tokens and window.prompt_tokens:
        room = limit - window.prompt_tokens - 1
        if room >= MIN_ANSWER_TOKENS and (request.max_tokens is None or room < request.max_tokens):
            return replace(request, max_tokens=room)
    estimated = estimate_prompt_tokens(request.messages)
    if limit is None:
        return _cut(request, estimated // 2, estimated)
    answer = min(request.max_tokens or limit, max(MIN_ANSWER_TOKENS, int(limit * ANSWER_SHARE)))
    target = max(1, int(limit * SAFETY_SHARE) - answer)
    if window.prompt_tokens:
        # The server has counted the same text: its number tells how far our estimate is off.
        target = int(target * estimated / window.prompt_tokens)
    smaller = _cut(request, min(target, estimated * 9 // 10), estimated)
    if smaller is not None and request.max_tokens is not None:
        smaller = replace(smaller, max_tokens=min(request.max_tokens, answer))
    return smaller


def _cut(request: CallRequest, target_tokens: int, estimated_tokens: int) -> CallRequest | None:
    places = [place for place, message in enumerate(request.messages) if message.role == "user"]
    if not places:
        return None
    longest = max(places, key=lambda place: len(request.messages[place].content))
    content = request.messages[longest].content
    surplus = estimated_tokens - target_tokens
    kept_tokens = estimate_tokens(content) - surplus
    bytes_per_char = len(content.encode("utf-8", "replace")) / max(1, len(content))
    kept_chars = max(MIN_KEPT_CHARS, int(kept_tokens * BYTES_PER_TOKEN / bytes_per_char) - 60)
    if kept_chars >= len(content) - 60:
        return None
    messages = list(request.messages)
    messages[longest] = ChatMessage("user", _cut_out(content, kept_chars))
    return replace(request, messages=tuple(messages))


def without_middle(text: str, *, max_tokens: int) -> str:
    """Return the text, or its beginning and end if it needs more tokens than that by our estimate."""
    estimated = estimate_tokens(text)
    if estimated <= max_tokens:
        return text
    return _cut_out(text, max(MIN_KEPT_CHARS, len(text) * max_tokens // estimated))


def _cut_out(text: str, kept_chars: int) -> str:
    head = int(kept_chars * HEAD_SHARE)
    tail = kept_chars - head
    left_out = len(text) - kept_chars
    return f"{text[:head]}\n[... {left_out} characters left out ...]\n{text[len(text) - tail :]}"
