"""Reads the marks inside one line of Markdown: bold, italic, code, strikethrough, links shown as text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

NOT_IN_SOURCE = -1

_STRONG, _EM, _STRIKE, _CODE, _LINK, _URL = 1, 2, 4, 8, 16, 32
_NAMES = {_STRONG: "strong", _EM: "em", _STRIKE: "strike", _CODE: "code-span", _LINK: "link", _URL: "url"}
_EMPHASIS = {
    "*": _EM,
    "_": _EM,
    "**": _STRONG,
    "__": _STRONG,
    "***": _STRONG | _EM,
    "___": _STRONG | _EM,
    "~~": _STRIKE,
}

_MARK = re.compile(r"\\[!-/:-@\[-`{-~]|`+|\*{1,3}|_{1,3}|~~|!?\[|\]\(|<https?://[^\s<>]+>")
# Possessive quantifiers: nothing in hostile text may make this backtrack.
_TARGET_END = re.compile(r"[^\s()]*+(?:\([^\s()]*+\)[^\s()]*+)?+(?:\s++\"[^\"]*+\")?+\)")


class TextSpan(NamedTuple):
    """A stretch of shown text in one role, up to the next span's start."""

    start: int
    """Index into the shown text."""
    role: str
    """Names of the roles, separated by spaces; empty for the line's own."""
    source: int
    """Column in the source line where this stretch comes from, or NOT_IN_SOURCE."""


@dataclass(frozen=True, slots=True)
class InlineText:
    """Shown text and its spans; the spans cover the text without gaps."""

    text: str
    spans: tuple[TextSpan, ...]


@dataclass(slots=True)
class _Token:
    text: str
    source: int
    flags: int = 0


@dataclass(slots=True)
class _InlineParser:
    """Tokens read so far and the marks that may still find their partner."""

    tokens: list[_Token] = field(default_factory=list)
    open_marks: list[tuple[str, int]] = field(default_factory=list)
    waiting: dict[str, int] = field(default_factory=dict)

    def open(self, mark: str, text: str, source: int) -> None:
        self.open_marks.append((mark, len(self.tokens)))
        self.waiting[mark] = self.waiting.get(mark, 0) + 1
        self.tokens.append(_Token(text, source))

    def close(self, mark: str) -> int | None:
        """Give the index of the token that opened `mark`, and forget the marks opened inside; None if there is none."""
        if not self.waiting.get(mark):
            return None
        while True:
            opened, index = self.open_marks.pop()
            self.waiting[opened] -= 1
            if opened == mark:
                return index

    def style_from(self, index: int, flags: int) -> None:
        for token in self.tokens[index:]:
            token.flags |= flags


def plain(text: str, source: int = 0) -> InlineText:
    """Give `text` as it is, one span."""
    return InlineText(text, (TextSpan(0, "", source),) if text else ())


def read_inline(text: str, source: int = 0) -> InlineText:
    """Read the marks of `text`, which starts at column `source` of its line; what has no partner stays as written."""
    if _MARK.search(text) is None:
        return plain(text, source)
    parser = _InlineParser()
    ticks = _backticks_by_length(text)
    at = 0
    while match := _MARK.search(text, at):
        mark, start = match.group(), match.start()
        if start > at:
            parser.tokens.append(_Token(text[at:start], source + at))
        at = _read_mark(parser, text, source, mark, start, ticks)
    if at < len(text):
        parser.tokens.append(_Token(text[at:], source + at))
    return _join(parser.tokens)


def _read_mark(
    parser: _InlineParser, text: str, source: int, mark: str, start: int, ticks: dict[int, list[int]]
) -> int:
    """Handle one mark and give the position after it."""
    end = start + len(mark)
    column = source + start
    if mark[0] == "\\":
        parser.tokens.append(_Token(mark[1], column + 1))
    elif mark[0] == "`":
        partners = ticks.get(len(mark), [])  # the rest of backticks whose first one is escaped has none
        while partners and partners[0] <= start:
            partners.pop(0)
        if partners:
            close = partners[0]
            parser.tokens.append(_Token(text[end:close], source + end, _CODE))
            return close + len(mark)
        parser.tokens.append(_Token(mark, column))
    elif mark[0] == "<":
        parser.tokens.append(_Token(mark[1:-1], column + 1, _URL))
    elif mark in {"[", "!["}:
        parser.open("[", mark, column)
    elif mark == "](":
        return _read_target(parser, text, source, start, end)
    else:
        _read_emphasis(parser, text, mark, start, end, column)
    return end


def _read_emphasis(parser: _InlineParser, text: str, mark: str, start: int, end: int, column: int) -> None:
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    inside_word = mark[0] == "_" and before.isalnum() and after.isalnum()
    if not inside_word and not before.isspace():
        opened = parser.close(mark)
        if opened is not None:
            if opened + 1 < len(parser.tokens):
                parser.tokens[opened].text = ""
                parser.style_from(opened + 1, _EMPHASIS[mark])
            else:
                parser.tokens.append(_Token(mark, column))
            return
    if not inside_word and not after.isspace():
        parser.open(mark, mark, column)
    else:
        parser.tokens.append(_Token(mark, column))


def _read_target(parser: _InlineParser, text: str, source: int, start: int, end: int) -> int:
    target = _TARGET_END.match(text, end)
    opened = parser.close("[") if target else None
    if target is None or opened is None:
        parser.tokens.append(_Token("](", source + start))
        return end
    url = text[end : target.end() - 1].split(" ", 1)[0]
    shown = "".join(token.text for token in parser.tokens[opened + 1 :])
    parser.tokens[opened].text = ""
    parser.style_from(opened + 1, _LINK)
    if not shown:
        parser.tokens.append(_Token(url, source + end, _URL))
    elif url and url != shown:
        parser.tokens.append(_Token(" (", NOT_IN_SOURCE, _URL))
        parser.tokens.append(_Token(url, source + end, _URL))
        parser.tokens.append(_Token(")", NOT_IN_SOURCE, _URL))
    return target.end()


def _backticks_by_length(text: str) -> dict[int, list[int]]:
    ticks: dict[int, list[int]] = {}
    for match in re.finditer("`+", text):
        ticks.setdefault(len(match.group()), []).append(match.start())
    return ticks


def _join(tokens: list[_Token]) -> InlineText:
    spans: list[TextSpan] = []
    shown: list[str] = []
    length = 0
    for token in tokens:
        if not token.text:
            continue
        role = _role_of(token.flags)
        if not spans or spans[-1].role != role or not _continues(spans[-1], length, token.source):
            spans.append(TextSpan(length, role, token.source))
        shown.append(token.text)
        length += len(token.text)
    return InlineText("".join(shown), tuple(spans))


def _continues(span: TextSpan, shown: int, source: int) -> bool:
    if span.source == NOT_IN_SOURCE or source == NOT_IN_SOURCE:
        return span.source == source
    return span.source + shown - span.start == source


@lru_cache(maxsize=64)
def _role_of(flags: int) -> str:
    return " ".join(name for flag, name in _NAMES.items() if flags & flag)
