"""Pages and style sheets: tags that are closed in order, braces and comments that end."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"]
)
_MAY_STAY_OPEN = frozenset(
    [
        "html",
        "head",
        "body",
        "p",
        "li",
        "dt",
        "dd",
        "option",
        "optgroup",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "td",
        "th",
        "rt",
        "rp",
    ]
)
_TEMPLATED = re.compile(r"\{%|<%|<\?php|<\?=|\{\{#|@(?:if|foreach)\b")
_TEXT_OR_COMMENT = re.compile(r"/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|url\([^)\n]*\)", re.DOTALL)


class _OpenTags(HTMLParser):
    """Keeps the tags that are open, and the first problem with one that is closed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, int]] = []
        self.seen = 0
        self.problem = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the parser's signature
        self.seen += 1
        if tag not in _VOID:
            self.open.append((tag, self.getpos()[0]))

    def handle_startendtag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the parser's signature
        self.seen += 1

    def handle_endtag(self, tag: str) -> None:
        if self.problem or tag in _VOID:
            return
        line = self.getpos()[0]
        depth = next((depth for depth in range(len(self.open) - 1, -1, -1) if self.open[depth][0] == tag), None)
        if depth is None:
            if tag not in _MAY_STAY_OPEN:
                self.problem = f"line {line}: </{tag}> closes nothing"
            return
        between = [(name, opened) for name, opened in self.open[depth + 1 :] if name not in _MAY_STAY_OPEN]
        if between:
            self.problem = f"line {line}: </{tag}> comes before <{between[-1][0]}> of line {between[-1][1]} is closed"
        del self.open[depth:]


def check_html(text: str) -> str | None:
    """Return the first problem of a page with its line number, or None; the tags of a template are not judged."""
    if _TEMPLATED.search(text):
        return None
    parser = _OpenTags()
    parser.feed(text)
    parser.close()
    if parser.problem:
        return parser.problem
    if not parser.seen:
        return "line 1: there is no tag in the page"
    left = [(tag, line) for tag, line in parser.open if tag not in _MAY_STAY_OPEN]
    if left:
        return f"line {left[-1][1]}: <{left[-1][0]}> is never closed"
    if text.count("<!--") > text.count("-->"):
        line = text[: text.rfind("<!--")].count("\n") + 1
        return f"line {line}: the comment is never closed"
    return None


def check_css(text: str) -> str | None:
    """Return the first problem of a style sheet with its line number, or None."""
    plain = _TEXT_OR_COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    if (start := plain.find("/*")) >= 0:
        return f"line {plain[:start].count(chr(10)) + 1}: the comment is never closed"
    open_lines: list[int] = []
    for number, line in enumerate(plain.split("\n"), start=1):
        for sign in line:
            if sign == "{":
                open_lines.append(number)
            elif sign == "}":
                if not open_lines:
                    return f"line {number}: a }} closes nothing"
                open_lines.pop()
    if open_lines:
        return f"line {open_lines[-1]}: a {{ is never closed"
    return None if "{" in plain or "@import" in plain else "line 1: there is no rule in the style sheet"
