"""Text from outside as content of a widget: never markup."""

from __future__ import annotations

from textual.content import Content

from core.text.sanitize import one_line


def plain(text: str, style: str = "", limit: int = 200) -> Content:
    """Return `text` as one line of content that is shown as it is."""
    return Content.styled(one_line(text, limit), style) if style else Content(one_line(text, limit))
