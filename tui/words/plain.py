"""Text from outside, made harmless: no control characters, no direction tricks, never markup."""

from __future__ import annotations

import unicodedata

from textual.content import Content

# Cc: escape sequences and line breaks; Cf: invisible and right-to-left marks; Cs: halves of characters.
HARMFUL_CATEGORIES = frozenset({"Cc", "Cf", "Cs"})
ZERO_WIDTH_JOINER = "\u200d"  # parts of one emoji hang together by it


def one_line(text: str, limit: int = 200) -> str:
    """Return `text` in one line of at most `limit` characters, without anything a terminal would obey."""
    kept = "".join(
        character
        if character == ZERO_WIDTH_JOINER or unicodedata.category(character) not in HARMFUL_CATEGORIES
        else " "
        for character in text[: limit * 4]
    )
    words = " ".join(kept.split())
    return words if len(words) <= limit else words[: limit - 1] + "…"


def many_lines(text: str, limit: int = 20_000) -> str:
    """Return `text` with its line breaks and tabs, without anything else a terminal would obey."""
    cut = text[:limit].replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        character
        if character in "\n\t" + ZERO_WIDTH_JOINER or unicodedata.category(character) not in HARMFUL_CATEGORIES
        else ""
        for character in cut
    )


def plain(text: str, style: str = "", limit: int = 200) -> Content:
    """Return `text` as one line of content that is shown as it is."""
    return Content.styled(one_line(text, limit), style) if style else Content(one_line(text, limit))
