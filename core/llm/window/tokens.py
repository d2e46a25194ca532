"""Token counts without a tokenizer: estimates that err on the large side and learn from what servers count.

A count also shows that a server cuts prompts without an error, as Ollama does.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from core.llm.request import ChatMessage

BYTES_PER_TOKEN = 3  # English prose has about 4; code and other languages have fewer
TOKENS_PER_MESSAGE = 8  # role and separators of the chat template
UNCALIBRATED_TOKENS_PER_BYTE = 0.5  # at most 1 % too few for prose, code, JSON, German, Chinese and emoji
MAX_TOKENS_PER_BYTE = 1.0  # a token is at least a byte; what goes beyond are prompts that a server adds of its own
MIN_OBSERVED_BYTES = 256  # in shorter prompts the chat template outweighs the text
RISING_WEIGHT = 0.6  # denser text than we thought overflows a window: the estimate follows it sooner
FALLING_WEIGHT = 0.3
SETTLED_OBSERVATIONS = 8  # the start value then makes less than 5 % of the estimate

MAX_BYTES_PER_TOKEN = 6  # prose and code reach 3.5 with small vocabularies, 5 to 6 with the largest
SURE_FACTOR = 3
SMALLEST_WINDOW_TOKENS = 2048  # of the windows such servers choose by themselves
MIN_SURPLUS = 1.3  # of a settled estimate over a count that is a window to the token


def text_bytes(text: str) -> int:
    """Return the size of a text as it is sent."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def estimate_tokens(text: str) -> int:
    """Return an estimate that is rather too high than too low."""
    return -(-text_bytes(text) // BYTES_PER_TOKEN)


def estimate_prompt_tokens(messages: Iterable[ChatMessage]) -> int:
    """Return the estimate for a whole conversation, chat template included."""
    return sum(estimate_tokens(message.text) + TOKENS_PER_MESSAGE for message in messages)


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
        """Whether the estimates are what to expect, and not only an upper bound."""
        return self._observations >= SETTLED_OBSERVATIONS

    def observe(self, messages: Iterable[ChatMessage], prompt_tokens: int) -> None:
        """Learn from one prompt and the server's count of it; the count of a prompt that may have been cut teaches nothing."""
        sizes = [text_bytes(message.text) for message in messages]
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
        sizes = [text_bytes(message.text) for message in messages]
        return ceil(sum(sizes) * self._tokens_per_byte) + len(sizes) * TOKENS_PER_MESSAGE


def window_that_cut(
    *, prompt_bytes: int, prompt_tokens: int, completion_tokens: int, expected_tokens: int | None = None
) -> int | None:
    """Return the window in tokens to which a server has cut a prompt in silence; None if nothing says that it has.

    A false alarm would shorten every later prompt, so each kind of evidence has to be strong by itself:

    * The count is a power of two from 2048 on, or with the answer adds up to one, and the text has more bytes a token
      than any ordinary text. Neither alone is enough: any prompt may have 4096 tokens, an answer that fills the window
      adds up to it without a cut, and rulers and deep indentation take few tokens.
    * The count is exactly such a power, and the settled estimate of this model's tokens expected far more.
    * The count is below a third of the least that any ordinary text has. Counts under 2048 prove nothing: some servers
      count only what was not in their cache. What was read is then taken for the window.

    Args:
        prompt_bytes: size of all messages.
        prompt_tokens: what the server says it has read.
        completion_tokens: what the server says it has written.
        expected_tokens: a settled calibration's estimate; None before it is settled.
    """
    if prompt_tokens < SMALLEST_WINDOW_TOKENS - completion_tokens or prompt_tokens <= 0:
        return None
    if prompt_bytes > prompt_tokens * MAX_BYTES_PER_TOKEN:
        for window in (prompt_tokens, prompt_tokens + completion_tokens):
            if is_usual_window(window):
                return window
    if expected_tokens is not None and expected_tokens > prompt_tokens * MIN_SURPLUS and is_usual_window(prompt_tokens):
        return prompt_tokens
    if prompt_tokens >= SMALLEST_WINDOW_TOKENS and prompt_bytes > prompt_tokens * MAX_BYTES_PER_TOKEN * SURE_FACTOR:
        return prompt_tokens
    return None


def is_usual_window(tokens: int) -> bool:
    """Return whether a number of tokens is one that servers choose for their windows."""
    return tokens >= SMALLEST_WINDOW_TOKENS and tokens & (tokens - 1) == 0
