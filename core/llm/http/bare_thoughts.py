"""Thoughts that words mark in place of tags, because a server left the marks out or a model was trained to write so."""

from __future__ import annotations

from typing import Literal, NamedTuple


class BareThoughts(NamedTuple):
    """The words that open an answer of this kind, and those between its thoughts and what follows them.

    `may_be_answer`: without the latter the former are words of the answer.
    """

    begin: str
    end: str
    may_be_answer: bool = True


# Harmony without its marks: "analysisWe ...assistantfinalThe ..."
_ANALYSIS = BareThoughts("analysis", "assistantfinal", may_be_answer=False)
_BARE_THOUGHTS = (
    _ANALYSIS,
    BareThoughts("Here is my thought process:", "Here is my response:"),
    BareThoughts("Here's my thought process:", "Here's my response:"),
    BareThoughts("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]"),
    BareThoughts("Thinking...\n", "...done thinking."),
)


def bare_thoughts(head: str, *, is_end: bool) -> BareThoughts | Literal["undecided"] | None:
    """Return what an answer that begins with `head` opens with; None if it is words of the answer."""
    for known in _BARE_THOUGHTS:
        if head.startswith(known.begin):
            following = head[len(known.begin) : len(known.begin) + 1]
            if known is not _ANALYSIS or following.isupper():
                return known
            if not following and not is_end:
                return "undecided"
        elif known.begin.startswith(head) and not is_end:
            return "undecided"
    return None


def kept_for_end(text: str, end: str) -> int:
    """Return how many of the last characters of `text` may be the beginning of `end`."""
    return next((chars for chars in range(len(end) - 1, 0, -1) if text.endswith(end[:chars])), 0)
