"""Makes foreign text harmless: it must not steer a terminal or a model, forge a line or hide what it says. All cleaning is here.

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
    mark_structure      a part of a prompt: what would read as the prompt's own structure gets a dot; unmark_structure
                        takes it out of an answer again
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import cache

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

# A tag of a template, and whatever a chat template or a tokenizer takes for a turn of the conversation, gets it behind its
# first character: `</task>` becomes `<·/task>`.
MARK = "\N{MIDDLE DOT}"

# Words in angle brackets that are a token or a turn to some model, besides the tags of our templates.
_RESERVED_WORDS = (
    "s bos eos eot eod eoa pad unk sop eop bos_token eos_token start_of_turn end_of_turn end_of_utterance turn im_start"
    " im_end endoftext begin_of_text think thinking thought thoughts reasoning seed:think mm:think seed:bos seed:eos channel"
    " tool_call tool_response tool_calls tools system user assistant developer human tool instructions system_prompt"
)
_RESERVED = frozenset(_RESERVED_WORDS.split())
_NUMBERED = r"(?:extra_id|special|reserved|reserved_token|unused)_?\d+"
_BRACKETED = (
    "inst|system_prompt|available_tools|tool_calls|tool_results|tool_content|builtin_tools|think|s?gmask"
    r"|unused_token_\d+|bos|eos|pad|cls|sep"
)
_OPENER = "[<\\[\\]\u25c1]"
_TAIL = r"[\s/]{0,8}[\w|<~]"
_MARKED = re.compile(rf"{_OPENER}(?={MARK}+{_TAIL})")
# A type parameter such as List<Task> is no tag.
_TYPE_PARAMETER = re.compile(r"(?<=\w)<[A-Z][a-z]")


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


@cache
def _structure(tags: frozenset[str]) -> re.Pattern[str]:
    names = "|".join(sorted(map(re.escape, tags | _RESERVED), key=len, reverse=True))
    return re.compile(
        rf"{_OPENER}(?=({MARK}+{_TAIL}"
        rf"|(?<=<)\s{{0,3}}/?\s{{0,3}}(?:{names}|{_NUMBERED})(?![\w-])"
        r"|(?<=<)\s{0,3}\|[^|<>\n]{1,60}\|?>"
        r"|(?<=<)\s{0,3}<\s{0,3}/?\s{0,3}sys\s{0,3}>"
        rf"|(?<=\[)\s{{0,3}}/?\s{{0,3}}(?:{_BRACKETED})\s{{0,3}}\]"
        r"|(?<=\[)\|[^|\[\]\n]{1,40}\|\]"
        r"|(?<=\u25c1)\s{0,3}/?\s{0,3}[\w ]{1,40}\u25b7"
        r"|(?<=\[)e~\[|(?<=\])~!?b[\[\]]))",
        re.IGNORECASE,
    )


def mark_structure(text: str, foreign: Sequence[tuple[int, int]], tags: Iterable[str]) -> str:
    """Return `text` with a dot in each tag and token that a part of it from elsewhere makes, wholly or with what is around.

    Args:
        text: a whole prompt.
        foreign: where in it other texts stand, as (start, end), in order and apart.
        tags: the names of the tags that mean something in prompts.
    """
    if text.isascii() and not any(sign in text for sign in "<[]"):
        return text
    seen, places = _as_read(text)
    starts = [start for start, _ in foreign]
    marks = []
    for match in _structure(frozenset(tags)).finditer(seen):
        first, last = places[match.start()], places[match.end(1) - 1]
        nearest = bisect_right(starts, last) - 1
        touches = nearest >= 0 and foreign[nearest][1] > first
        if touches and not _TYPE_PARAMETER.match(seen, match.start()):
            marks.append(first + 1)
    return _joined_with_marks(text, marks)


def unmark_structure(text: str) -> str:
    """Return an answer to a marked prompt with what it quotes as it was."""
    if MARK not in text:
        return text
    seen, places = _as_read(text)
    dots = {places[match.start() + 1] for match in _MARKED.finditer(seen)}
    return "".join(char for place, char in enumerate(text) if place not in dots) if dots else text


def _as_read(text: str) -> tuple[str, Sequence[int]]:
    """Return the text as a reader or a tokenizer may take it, look-alikes folded, and the place of each character."""
    if text.isascii():
        return text, range(len(text))
    places = [place for place, char in enumerate(text) if char.isascii() or not INVISIBLE.match(char)]
    return "".join(_folded(text[place]) for place in places), places


def _folded(char: str) -> str:
    if char.isascii():
        return char
    plain = unicodedata.normalize("NFKC", char)
    return plain if len(plain) == 1 else char


def _joined_with_marks(text: str, marks: Sequence[int]) -> str:
    ends = [*marks, len(text)]
    return MARK.join(text[start:end] for start, end in zip([0, *marks], ends, strict=True))
