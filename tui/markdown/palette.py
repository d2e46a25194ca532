"""The looks of streamed Markdown: component classes on theme variables, combined into styles."""

from __future__ import annotations

from rich.style import Style
from textual.widget import Widget

LINE_ROLES = (
    "heading-1",
    "heading-2",
    "heading-3",
    "answer-heading",
    "quote",
    "rule",
    "code",
    "code-mark",
    "status",
    "stale",
    "note-info",
    "note-warning",
    "note-error",
)
SPAN_ROLES = (
    "strong",
    "em",
    "strike",
    "code-span",
    "link",
    "url",
    "mark",
    "table-head",
    "code-comment",
    "code-keyword",
    "code-string",
    "code-number",
    "code-name",
    "code-inserted",
    "code-deleted",
)
MUTE_ROLES = {"stale", "status"}  # nothing inside these lines has a look of its own

COMPONENT_CLASSES = {f"markdown--{role}" for role in (*LINE_ROLES, *SPAN_ROLES)}

PALETTE_CSS = """
StreamView {
    & > .markdown--heading-1 { color: $primary; text-style: bold underline; }
    & > .markdown--heading-2 { color: $primary; text-style: bold; }
    & > .markdown--heading-3 { color: $secondary; text-style: bold; }
    & > .markdown--answer-heading { color: $accent; text-style: bold; }
    & > .markdown--quote { color: $text-muted; text-style: italic; }
    & > .markdown--rule { color: $text-disabled; }
    & > .markdown--code { color: $foreground; }
    & > .markdown--code-mark { color: $text-muted; }
    & > .markdown--status { color: $text-muted; text-style: italic; }
    & > .markdown--stale { color: $text-disabled; text-style: dim; }
    & > .markdown--note-info { color: $text-muted; }
    & > .markdown--note-warning { color: $text-warning; }
    & > .markdown--note-error { color: $text-error; text-style: bold; }
    & > .markdown--strong { text-style: bold; }
    & > .markdown--em { text-style: italic; }
    & > .markdown--strike { text-style: strike; }
    & > .markdown--code-span { color: $text-accent; }
    & > .markdown--link { text-style: underline; }
    & > .markdown--url { color: $text-muted; }
    & > .markdown--mark { color: $text-muted; }
    & > .markdown--table-head { text-style: bold; }
    & > .markdown--code-comment { color: $text-muted; text-style: italic; }
    & > .markdown--code-keyword { color: $text-primary; text-style: bold; }
    & > .markdown--code-string { color: $text-success; }
    & > .markdown--code-number { color: $text-warning; }
    & > .markdown--code-name { color: $text-secondary; }
    & > .markdown--code-inserted { color: $text-success; }
    & > .markdown--code-deleted { color: $text-error; }
}
"""


class Palette:
    """Gives the style of each role from a widget's component classes; `clear` when the theme changes."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._styles: dict[tuple[str, str], Style] = {}

    def style_of(self, role: str, span_roles: str) -> Style:
        """Give the style of a span: the role of its line, and its own roles separated by spaces."""
        key = (role, span_roles)
        style = self._styles.get(key)
        if style is None:
            style = self._widget.rich_style if role == "text" else self._line_style(role)
            if role not in MUTE_ROLES:
                for span_role in span_roles.split():
                    style += self._span_style(span_role)
            self._styles[key] = style
        return style

    def clear(self) -> None:
        self._styles.clear()

    def _line_style(self, role: str) -> Style:
        return self._widget.get_component_rich_style(f"markdown--{role}")

    def _span_style(self, role: str) -> Style:
        styles = self._widget.get_component_styles(f"markdown--{role}")
        is_coloured = styles.has_rule("color") or styles.has_rule("auto_color")
        return Style(color=styles.rich_style.color if is_coloured else None) + styles.text_style
