"""Makes foreign text harmless to show: what a file or a variable holds must not steer a terminal or forge a line."""

from __future__ import annotations


def visible(text: str) -> str:
    """Return the text on one line, with every character that is not printable written as an escape."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
