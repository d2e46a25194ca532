"""What every file text and every quoted line goes through before anybody else sees it."""

from __future__ import annotations

import re

EMPTY_FILE_NAMES = frozenset({"__init__.py", "py.typed", ".gitkeep", ".keep", ".nojekyll"})
"""Names whose empty file has a meaning of its own."""

DOCUMENT_SUFFIXES = frozenset({".md", ".markdown", ".mdx", ".rst", ".txt", ".adoc"})
"""Files that are prose: an answer without a fence is the document itself."""

_SURROGATES = re.compile(r"[\ud800-\udfff]")
_ESCAPE_SEQUENCES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[PX^_][^\x1b\n]*(?:\x1b\\)?|.)?"
)
# Controls except tab and newline, then soft hyphen, zero-width, bidirectional and byte-order marks.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_FENCES = re.compile(r"`{3,}[\w+-]*|~{3,}[\w+-]*")


def normalise_newlines(text: str) -> str:
    """Return `text` without a byte-order mark, every line ending in a plain newline."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def storable(text: str) -> str:
    """Return `text` as it can be stored in UTF-8: plain newlines, lone surrogates replaced."""
    return _SURROGATES.sub("\ufffd", normalise_newlines(text))


def strip_controls(text: str) -> str:
    """Return `text` without terminal escape sequences and invisible characters; newlines and tabs stay."""
    return _UNPRINTABLE.sub("", _ESCAPE_SEQUENCES.sub("", storable(text)))


def plain_line(text: str, *, limit: int) -> str:
    """Return `text` as one line of plain text of at most `limit` characters, without fences and controls."""
    line = " ".join(_FENCES.sub(" ", strip_controls(text)).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def plain_paragraphs(text: str, *, limit: int) -> str:
    """Return `text` as plain text that keeps its lines, at most `limit` characters."""
    lines = [line.rstrip() for line in strip_controls(text).split("\n")]
    joined = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return joined if len(joined) <= limit else joined[: limit - 1].rstrip() + "…"
