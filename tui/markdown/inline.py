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


class Run(NamedTuple):
    """A stretch of shown text in one role, up to the next run's start."""

    start: int
    """Index into the shown text."""
    role: str
    """Names of the roles, separated by spaces; empty for the line's own."""
    source: int
    """Column in the source line where this stretch comes from, or NOT_IN_SOURCE."""


@dataclass(frozen=True, slots=True)
class Inline:
    """Shown text and its runs; the runs cover the text without gaps."""

    text: str
    runs: tuple[Run, ...]


@dataclass(slots=True)
class _Piece:
    text: str
    source: int
    flags: int = 0


@dataclass(slots=True)
class _Reading:
    """Pieces read so far and the marks that may still find their partner."""

    pieces: list[_Piece] = field(default_factory=list)
    open_marks: list[tuple[str, int]] = field(default_factory=list)
    waiting: dict[str, int] = field(default_factory=dict)

    def open(self, mark: str, text: str, source: int) -> None:
        self.open_marks.append((mark, len(self.pieces)))
        self.waiting[mark] = self.waiting.get(mark, 0) + 1
        self.pieces.append(_Piece(text, source))

    def close(self, mark: str) -> int | None:
        """Give the index of the piece that opened `mark`, and forget the marks opened inside; None if there is none."""
        if not self.waiting.get(mark):
            return None
        while True:
            opened, index = self.open_marks.pop()
            self.waiting[opened] -= 1
            if opened == mark:
                return index

    def style_from(self, index: int, flags: int) -> None:
        for piece in self.pieces[index:]:
            piece.flags |= flags


def plain(text: str, source: int = 0) -> Inline:
    """Give `text` as it is, one run."""
    return Inline(text, (Run(0, "", source),) if text else ())


def read_inline(text: str, source: int = 0) -> Inline:
    """Read the marks of `text`, which starts at column `source` of its line; what has no partner stays as written."""
    if _MARK.search(text) is None:
        return plain(text, source)
    reading = _Reading()
    ticks = _backticks_by_length(text)
    at = 0
    while match := _MARK.search(text, at):
        mark, start = match.group(), match.start()
        if start > at:
            reading.pieces.append(_Piece(text[at:start], source + at))
        at = _read_mark(reading, text, source, mark, start, ticks)
    if at < len(text):
        reading.pieces.append(_Piece(text[at:], source + at))
    return _join(reading.pieces)


def _read_mark(reading: _Reading, text: str, source: int, mark: str, start: int, ticks: dict[int, list[int]]) -> int:
    """Handle one mark and give the position after it."""
    end = start + len(mark)
    column = source + start
    if mark[0] == "\\":
        reading.pieces.append(_Piece(mark[1], column + 1))
    elif mark[0] == "`":
        partners = ticks.get(len(mark), [])  # the rest of a run whose first one is escaped has none
        while partners and partners[0] <= start:
            partners.pop(0)
        if partners:
            close = partners[0]
            reading.pieces.append(_Piece(text[end:close], source + end, _CODE))
            return close + len(mark)
        reading.pieces.append(_Piece(mark, column))
    elif mark[0] == "<":
        reading.pieces.append(_Piece(mark[1:-1], column + 1, _URL))
    elif mark in {"[", "!["}:
        reading.open("[", mark, column)
    elif mark == "](":
        return _read_target(reading, text, source, start, end)
    else:
        _read_emphasis(reading, text, mark, start, end, column)
    return end


def _read_emphasis(reading: _Reading, text: str, mark: str, start: int, end: int, column: int) -> None:
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    inside_word = mark[0] == "_" and before.isalnum() and after.isalnum()
    if not inside_word and not before.isspace():
        opened = reading.close(mark)
        if opened is not None:
            if opened + 1 < len(reading.pieces):
                reading.pieces[opened].text = ""
                reading.style_from(opened + 1, _EMPHASIS[mark])
            else:
                reading.pieces.append(_Piece(mark, column))
            return
    if not inside_word and not after.isspace():
        reading.open(mark, mark, column)
    else:
        reading.pieces.append(_Piece(mark, column))


def _read_target(reading: _Reading, text: str, source: int, start: int, end: int) -> int:
    target = _TARGET_END.match(text, end)
    opened = reading.close("[") if target else None
    if target is None or opened is None:
        reading.pieces.append(_Piece("](", source + start))
        return end
    url = text[end : target.end() - 1].split(" ", 1)[0]
    shown = "".join(piece.text for piece in reading.pieces[opened + 1 :])
    reading.pieces[opened].text = ""
    reading.style_from(opened + 1, _LINK)
    if not shown:
        reading.pieces.append(_Piece(url, source + end, _URL))
    elif url and url != shown:
        reading.pieces.append(_Piece(" (", NOT_IN_SOURCE, _URL))
        reading.pieces.append(_Piece(url, source + end, _URL))
        reading.pieces.append(_Piece(")", NOT_IN_SOURCE, _URL))
    return target.end()


def _backticks_by_length(text: str) -> dict[int, list[int]]:
    ticks: dict[int, list[int]] = {}
    for match in re.finditer("`+", text):
        ticks.setdefault(len(match.group()), []).append(match.start())
    return ticks


def _join(pieces: list[_Piece]) -> Inline:
    runs: list[Run] = []
    shown: list[str] = []
    length = 0
    for piece in pieces:
        if not piece.text:
            continue
        role = _role_of(piece.flags)
        if not runs or runs[-1].role != role or not _continues(runs[-1], length, piece.source):
            runs.append(Run(length, role, piece.source))
        shown.append(piece.text)
        length += len(piece.text)
    return Inline("".join(shown), tuple(runs))


def _continues(run: Run, shown: int, source: int) -> bool:
    if run.source == NOT_IN_SOURCE or source == NOT_IN_SOURCE:
        return run.source == source
    return run.source + shown - run.start == source


@lru_cache(maxsize=64)
def _role_of(flags: int) -> str:
    return " ".join(name for flag, name in _NAMES.items() if flags & flag)
