"""Notices a server that cuts prompts without a word, as Ollama does, by what it says it has read."""

from __future__ import annotations

MAX_BYTES_PER_TOKEN = 6  # prose and code reach 3.5 with small vocabularies, 5 to 6 with the largest
SURE_FACTOR = 3
SMALLEST_WINDOW_TOKENS = 2048  # of the windows such servers choose by themselves
MIN_SURPLUS = 1.3  # of a settled estimate over a count that is a window to the token


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
