"""Token counts without a tokenizer: estimates that err on the large side."""

from __future__ import annotations

from collections.abc import Iterable

from core.llm.request import ChatMessage

BYTES_PER_TOKEN = 3  # English prose has about 4; code and other languages have fewer
TOKENS_PER_MESSAGE = 8  # role and separators of the chat template


def estimate_tokens(text: str) -> int:
    """Return an estimate that is rather too high than too low."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def estimate_prompt_tokens(messages: Iterable[ChatMessage]) -> int:
    """Return the estimate for a whole conversation, chat template included."""
    return sum(estimate_tokens(message.content) + TOKENS_PER_MESSAGE for message in messages)
