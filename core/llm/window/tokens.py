"""Token counts without a tokenizer: estimates that err on the large side and learn from what servers count."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from core.llm.request import ChatMessage
from core.llm.window.silent_cut import MAX_BYTES_PER_TOKEN, is_usual_window

BYTES_PER_TOKEN = 3  # English prose has about 4; code and other languages have fewer
TOKENS_PER_MESSAGE = 8  # role and separators of the chat template
UNCALIBRATED_TOKENS_PER_BYTE = 0.5  # at most 1 % too few for prose, code, JSON, German, Chinese and emoji
MAX_TOKENS_PER_BYTE = 1.0  # a token is at least a byte; what goes beyond are prompts that a server adds of its own
MIN_OBSERVED_BYTES = 256  # in shorter prompts the chat template outweighs the text
RISING_WEIGHT = 0.6  # denser text than we thought overflows a window: it is believed sooner
FALLING_WEIGHT = 0.3
SETTLED_OBSERVATIONS = 8  # the start value then makes less than 5 % of the estimate


def text_bytes(text: str) -> int:
    """Return the size of a text as it is sent."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def estimate_tokens(text: str) -> int:
    """Return an estimate that is rather too high than too low."""
    return -(-text_bytes(text) // BYTES_PER_TOKEN)


def estimate_prompt_tokens(messages: Iterable[ChatMessage]) -> int:
    """Return the estimate for a whole conversation, chat template included."""
    return sum(estimate_tokens(message.content) + TOKENS_PER_MESSAGE for message in messages)


class Calibration:
    """How many tokens one model makes of a byte: a moving average of what its server has counted.

    Its estimates guard a window, so that it starts with the densest text, and learns of denser text faster than of
    thinner.
    """

    __slots__ = ("_observations", "_tokens_per_byte")

    def __init__(self) -> None:
        self._tokens_per_byte = UNCALIBRATED_TOKENS_PER_BYTE
        self._observations = 0

    @property
    def is_settled(self) -> bool:
        """Whether the estimates tell what to expect, and not only what to be prepared for."""
        return self._observations >= SETTLED_OBSERVATIONS

    def observe(self, messages: Iterable[ChatMessage], prompt_tokens: int) -> None:
        """Learn from one prompt and the server's count of it; the count of a prompt that may have been cut teaches nothing."""
        sizes = [text_bytes(message.content) for message in messages]
        size_bytes = sum(sizes)
        text_tokens = prompt_tokens - len(sizes) * TOKENS_PER_MESSAGE
        if size_bytes < MIN_OBSERVED_BYTES or is_usual_window(prompt_tokens):
            return
        if text_tokens * MAX_BYTES_PER_TOKEN < size_bytes:
            return
        difference = min(text_tokens / size_bytes, MAX_TOKENS_PER_BYTE) - self._tokens_per_byte
        self._tokens_per_byte += difference * (RISING_WEIGHT if difference > 0 else FALLING_WEIGHT)
        self._observations += 1

    def estimate(self, messages: Iterable[ChatMessage]) -> int:
        """Return how many tokens the server will count, chat template included."""
        sizes = [text_bytes(message.content) for message in messages]
        return ceil(sum(sizes) * self._tokens_per_byte) + len(sizes) * TOKENS_PER_MESSAGE
