"""Makes foreign text harmless: it must not steer a terminal, forge a line or hide what it says. All cleaning is here.

Choose by what becomes of the text:
    storable            the bytes of a file: nothing is taken out, it can only be encoded
    strip_controls      text for a file, a prompt or a report; newlines and tabs stay
    plain_line          one quoted line of it, without Markdown's fences
    plain_paragraphs    a quoted passage of it
    one_line            a line on the screen or in a message: what is harmful becomes a space
    printable_line      a server's or a program's words in an error: what is not printable becomes a space
    many_lines          a passage on the screen: what is harmful is left out
    show_controls       an answer on the screen: what is harmful is shown as what it is, such as ␛ or ⟨U+202E⟩
    escape_controls     a line of a log: what is harmful is written as an escape
    escape_unprintable  a value of a configuration: whatever cannot be seen is written as an escape
"""

from __future__ import annotations

import re
from collections.abc import Callable

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# Every control character except tab and newline, whose treatment depends on where the text goes.
_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f"
# Marks that reorder, break or hide text, fillers without a shape, invisible tags, halves of characters.
_HIDING = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f"
# Scripts and emoji need them to hang together; behind any other character they only hide a difference.
_JOINERS = "\u200c\u200d"
_JOINING_LETTERS = "\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18aa\ufb50-\ufdff\ufe70-\ufefc"
_EMOJI = "\u2190-\u2bff\ufe0f\U0001f000-\U0001faff"
_LONE = (
    f"(?<![{_JOINING_LETTERS}])\u200c|(?<![{_JOINING_LETTERS}{_EMOJI}])\u200d"
    "|(?<=[\\sA-Za-z\ufe00-\ufe0f])[\ufe00-\ufe0f]"
    "|(?<![\u1820-\u18aa])[\u180b-\u180d\u180f]"
    "|(?<![\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])[\U000e0100-\U000e01ef]"
)

_HARMFUL = re.compile(f"[{_CONTROLS}{_HIDING}]|{_LONE}")
_HARMFUL_IN_LINE = re.compile(f"[\n{_CONTROLS}{_HIDING}]|{_LONE}")
_HARMFUL_IN_ASCII_LINE = re.compile("[\n\x00-\x08\x0b-\x1f\x7f]")
_HARMFUL_IN_LOG = re.compile(f"[\t\n{_CONTROLS}{_HIDING}]|{_LONE}")
INVISIBLE = re.compile(f"[{_CONTROLS}{_HIDING}{_JOINERS}\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_ESCAPE_SEQUENCES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[PX^_][^\x1b\n]*(?:\x1b\\)?|.)?"
)
_FENCES = re.compile(r"`{3,}[\w+-]*|~{3,}[\w+-]*")
_PICTURES_FROM = 0x2400  # U+2400 to U+241F show the C0 characters


def normalise_newlines(text: str) -> str:
    """Return `text` without a byte-order mark, every line ending in a plain newline."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def storable(text: str) -> str:
    """Return `text` as it can be stored in UTF-8: plain newlines, lone surrogates replaced."""
    return _SURROGATES.sub(REPLACEMENT, normalise_newlines(text))


def strip_escape_sequences(text: str) -> str:
    """Return `text` without the sequences that colour, move or rename a terminal."""
    return _ESCAPE_SEQUENCES.sub("", text)


def strip_controls(text: str) -> str:
    """Return `text` without terminal escape sequences and invisible characters; newlines and tabs stay."""
    return _HARMFUL.sub("", strip_escape_sequences(storable(text)))


def plain_line(text: str, *, limit: int) -> str:
    """Return `text` as one line of plain text of at most `limit` characters, without fences and controls."""
    return _cut(_joined(_FENCES.sub(" ", strip_controls(text))), limit)


def plain_paragraphs(text: str, *, limit: int) -> str:
    """Return `text` as plain text that keeps its lines, at most `limit` characters."""
    lines = [line.rstrip() for line in strip_controls(text).split("\n")]
    return _cut(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip(), limit)


def one_line(text: str, limit: int = 200) -> str:
    """Return `text` in one line of at most `limit` characters, without anything a terminal would obey."""
    return _cut(_joined(_HARMFUL.sub(" ", text[: limit * 4])), limit)


def printable_line(text: str, limit: int = 200) -> str:
    """Return `text` in one line of at most `limit` characters, every one of which can be printed."""
    return _cut(_joined("".join(char if char.isprintable() else " " for char in text[: limit * 8])), limit)


def many_lines(text: str, limit: int = 20_000) -> str:
    """Return `text` with its line breaks and tabs, without anything else a terminal would obey."""
    return _HARMFUL.sub("", text[:limit].replace("\r\n", "\n").replace("\r", "\n"))


def show_controls(text: str) -> str:
    """Return `text` with every acting or hiding character replaced by its sign or its number; tabs stay."""
    # An answer is drawn line by line while it streams, and hardly any line holds such a character.
    if text.isascii() and _HARMFUL_IN_ASCII_LINE.search(text) is None:
        return text
    return _HARMFUL_IN_LINE.sub(_sign, text)


def escape_controls(text: str, escape: Callable[[str], str] | None = None) -> str:
    """Return `text` on one line; `escape` writes one harmful character in place of Python's way to do it."""
    write = escape or _escape
    return _HARMFUL_IN_LOG.sub(lambda found: write(found[0]), text)


def escape_unprintable(text: str) -> str:
    """Return `text` on one line, with every character that cannot be seen written as an escape, odd spaces too."""
    return "".join(character if character.isprintable() else _escape(character) for character in text)


def _joined(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _escape(character: str) -> str:
    escaped = repr(character)[1:-1]
    # Python takes a filler and a variation selector for printable.
    if escaped != character:
        return escaped
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"


def _sign(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(_PICTURES_FROM + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else f"⟨U+{code:04X}⟩"
