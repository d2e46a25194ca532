"""Keeps text that stands in a prompt from reading as the prompt's own structure, and gives it back as it was.

A tag of a template, and whatever a chat template or a tokenizer takes for a turn of the conversation, gets a middle dot
behind its first character wherever it stands in foreign text: `</task>` becomes `<·/task>`. The same text in an answer
loses the dot again, so that a file may hold any of it.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cache

from core.text.sanitize import INVISIBLE

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
