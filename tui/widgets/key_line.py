"""The last line of a page that has keys of its own: a click on a label does what its key does."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content

KeyHint = tuple[str, str, str]
"""What is pressed, what it does in a word, and the Textual action behind it; "" if there is no one action."""


def key_line(hints: Iterable[KeyHint]) -> Content:
    """Return the keys with their labels; all three parts of a hint are words of ours."""
    return Content("  ").join(
        Content.styled(keys, "bold $text-accent")
        + Content.from_markup(f" [@click={action}]{label}[/]" if action else f" {label}")
        for keys, label, action in hints
    )
