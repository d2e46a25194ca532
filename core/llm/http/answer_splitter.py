"""Splits what a model says into its answer and its thoughts, and takes off the marks of its chat template, while it streams.

Where thoughts begin and end is told by the marks of markers.py. What could still become a mark is held back; how the text
is cut into pieces makes no difference to the result. A mark in a file's own text stays: in a block or a span of code, in
quotes, in a sentence that speaks of it, and the mere end of thoughts in a text that begins as a file does.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, assert_never

from core.llm.http.markers import (
    DETAILS_BEGIN,
    DETAILS_END,
    WRAPPERS,
    BareThoughts,
    Marker,
    bare_thoughts,
    kept_for_end,
    may_hold_marker,
    next_marker,
)
from core.llm.http.text_place import TextPlace, begins_as_file
from core.llm.http.turn_marks import ROLES, TurnMarksReader

PIECE_CHARS = 8192  # a long text is read in pieces: what is left of one is copied with every mark in it
MAX_CHANNEL_CHARS = 200  # of the name of a channel, with what goes along with it
MESSAGE_CHARS = 20  # of the mark that ends it, at most
_MESSAGE = re.compile(r"<\|[ \t]?message[ \t]?\|>")
_BEGINNINGS = ("# ", "```", "~~~")  # of a document or a block
_NOT_WORDS = " \t\r\n\f\v\ufeff\u200b"  # before the first words of an answer

_State = Literal["answer", "thoughts", "channel", "next_turn"]
_ThoughtsForm = Literal["tags", "details", "channels", "bare"]
"""How thoughts are marked: by tags, as a web front end shows them, by channels, or by mere words."""


class Split(NamedTuple):
    """What a piece of a stream has brought; `is_restarted`: all that was taken for the answer before were thoughts."""

    text: str
    reasoning: str = ""
    is_restarted: bool = False


class AnswerSplitter:
    """Splits one answer; feed it the text of its stream, then ask `end()`.

    Args:
        before: the words that the answer goes on after: a prefill, or an answer that was cut off.
    """

    def __init__(self, before: str = "") -> None:
        self._before = before
        self._place = TextPlace(before)
        self._state: _State = "answer"
        self._form: _ThoughtsForm = "tags"
        self._bare = BareThoughts("", "")
        self._turn: TurnMarksReader | None = None  # of marks that what is held begins with
        self._held = ""
        self._last = ""  # the character before what is held
        self._is_blank = True  # no word of the answer has come
        self._follows_mark = False  # of the white space that comes next, only the indentation is the answer's
        self._plain: list[str] = []  # parts of the answer that nothing was asked about yet
        self._is_quiet = False  # nothing is held and words have come: the usual case, which must be cheap
        self._is_wrapped = False
        self._has_final = False
        self._has_literal_opening = False  # a mark that begins thoughts stands in the answer's own text
        self._literal: list[str] | None = None  # thoughts that are words of the answer after all if they never end
        self._texts: list[str] = []
        self._reasoning: list[str] = []
        self._is_restarted = False

    def feed(self, text: str) -> Split | None:
        """Take the next piece; None if all of it is a part of the answer."""
        if self._is_quiet and not may_hold_marker(text):
            self._plain.append(text)  # every token of every answer passes here
            return None
        return self._advance(text, is_end=False)

    def end(self) -> Split:
        """Return what was still held back when the answer ended."""
        return self._advance("", is_end=True)

    def _advance(self, text: str, *, is_end: bool) -> Split:
        if self._plain:
            plain = "".join(self._plain)
            self._plain = []
            self._place.add(plain)
            self._last = plain[-1:] or self._last
        for start in range(0, max(1, len(text)), PIECE_CHARS):
            self._held += text[start : start + PIECE_CHARS]
            while self._held and self._step(is_end=is_end):
                pass
        if is_end and self._literal is not None and (self._form == "bare" or not self._stands_alone(self._literal)):
            self._texts.append("".join(self._literal))
        self._is_quiet = self._state == "answer" and not (self._held or self._is_blank or self._follows_mark)
        split = Split("".join(self._texts), "".join(self._reasoning), self._is_restarted)
        self._texts, self._reasoning, self._is_restarted = [], [], False
        return split

    @staticmethod
    def _stands_alone(literal: list[str]) -> bool:
        """Whether nothing stands beside the mark in its line."""
        first_line = "".join(literal[1:]).split("\n", 1)
        return len(first_line) > 1 and not first_line[0].strip()

    def _step(self, *, is_end: bool) -> bool:
        """Take something of what is held; False if more must come first."""
        match self._state:
            case "answer":
                return self._read_answer(is_end=is_end)
            case "thoughts":
                return self._read_bare(is_end=is_end) if self._form == "bare" else self._read_thoughts(is_end=is_end)
            case "channel":
                return self._read_channel(is_end=is_end)
            case "next_turn":
                return self._drop(len(self._held))
            case _:
                assert_never(self._state)

    def _read_answer(self, *, is_end: bool) -> bool:
        if self._turn is not None:
            return self._at_turn(self._turn, is_end=is_end)
        held = self._held
        lead = len(held) - len(held.lstrip(_NOT_WORDS)) if self._is_blank or self._follows_mark else 0
        if lead == len(held):
            if not is_end:
                return False
            return self._drop(lead) if self._follows_mark else self._answer(lead)
        if self._is_blank and not self._follows_mark and not self._before.strip():
            bare = bare_thoughts(held[lead:], is_end=is_end)
            if bare == "undecided":
                return False
            if bare is not None:
                self._bare = bare
                self._drop(lead + len(bare.begin))
                self._literal = [bare.begin] if bare.may_be_answer else None
                return self._begin_thoughts("bare")
        found = next_marker(held, lead, before=self._last, is_end=is_end)
        at = len(held) if found is None else found if isinstance(found, int) else found.start
        if at > lead:
            return self._answer(at)
        return isinstance(found, Marker) and self._at_marker(found, is_end=is_end)

    def _at_marker(self, marker: Marker, *, is_end: bool) -> bool:
        """Decide on a mark that has nothing before it in what is held but white space."""
        match marker.kind:
            case "thoughts_begin":
                if self._place.head.strip() in ROLES:
                    self._turn_into_thoughts()  # the name of who speaks, left of a template's mark
                if self._may_begin_thoughts(marker):
                    opening = self._held[marker.start : marker.end]
                    self._drop(marker.end)
                    self._begin_thoughts("details" if marker.spelling == DETAILS_BEGIN else "tags")
                    self._literal = None if self._is_blank else [opening]
                    return True
                self._has_literal_opening = True
            case "thoughts_end":
                return self._at_lone_end(marker, is_end=is_end)
            case "answer_begin":
                if self._is_blank and (marker.spelling not in WRAPPERS or self._follows_mark):
                    self._is_wrapped = True
                    return self._drop(marker.end, follows_mark=True)
            case "answer_end":
                if self._is_wrapped:
                    return self._at_turn(TurnMarksReader(marker), is_end=is_end)
            case "turn_begin" | "turn_end":
                is_struck = marker.spelling == "</s>" and "<s>" in self._place.text.lower()
                if not is_struck:
                    return self._at_turn(TurnMarksReader(marker), is_end=is_end)
            case "channel":
                return self._at_channel(marker.end, is_alone=True) or self._answer(marker.end)
            case "message":
                if self._is_blank:
                    return self._drop(marker.end, follows_mark=True)
            case _:
                assert_never(marker.kind)
        return self._answer(marker.end)

    def _may_begin_thoughts(self, marker: Marker) -> bool:
        if self._is_blank or self._follows_mark:
            return True
        is_glued = self._held[marker.end : marker.end + 1] not in {" ", "\t"}
        return is_glued and self._place.may_begin_block() and not begins_as_file(self._place.head, is_code=True)

    def _at_lone_end(self, marker: Marker, *, is_end: bool) -> bool:
        """Decide on the end of thoughts whose beginning did not come, perhaps because the template has written it."""
        if marker.spelling == DETAILS_END:
            return self._answer(marker.end)
        if self._is_blank or self._follows_mark:
            return self._drop(marker.end, follows_mark=True)
        if self._place.is_in_sentence(self._held[marker.end : marker.end + 1]):
            return self._answer(marker.end)
        if begins_as_file(self._before if "\n" in self._before else self._place.head):
            return self._at_turn(TurnMarksReader(marker), is_end=is_end)
        self._turn_into_thoughts()
        return self._drop(marker.end, follows_mark=True)

    def _turn_into_thoughts(self) -> None:
        """Take all that seemed to be the answer for thoughts."""
        self._reasoning.append(self._place.text)
        self._place = TextPlace(self._before)
        self._texts = []
        self._is_restarted = self._is_blank = True
        self._has_literal_opening = False

    def _at_turn(self, reader: TurnMarksReader, *, is_end: bool) -> bool:
        """Decide on a mark between two turns, by what follows it and its like: nothing, another turn, or more words."""
        marks = reader.read(self._held, is_end=is_end)
        self._turn = reader if marks is None else None
        if marks is None:
            return False
        if marks.followed_by == "nothing":
            return self._drop(len(self._held))
        if marks.followed_by == "channel" and self._at_channel(marks.channel_end, is_alone=False):
            return True
        if self._is_blank:
            return self._drop(marks.end, follows_mark=True)
        if marks.ends_thoughts and not self._place.has_words:
            words = self._held[marks.end :].lstrip()
            gap = self._held[marks.end : len(self._held) - len(words)]
            if words.startswith(_BEGINNINGS) or self._stands_apart(gap, words):
                self._turn_into_thoughts()  # a file was drafted in them, and begins anew
                return self._drop(marks.end, follows_mark=True)
            if not is_end and any(beginning.startswith(words) for beginning in _BEGINNINGS):
                self._turn = reader
                return False
        if marks.is_next_turn and not self._place.is_in_code:
            self._state = "next_turn"  # the model went on in somebody else's name
            return True
        return self._answer(marks.end)

    def _stands_apart(self, gap: str, words: str) -> bool:
        """Return whether the end of thoughts stands where templates put it: above an empty line, or glued to the answer."""
        is_apart = gap.count("\n") > 1 or (not gap and words[:1].isalnum())
        return is_apart and not begins_as_file(self._place.head, is_code=True) and not self._has_literal_opening

    def _at_channel(self, end: int, *, is_alone: bool) -> bool:
        """Decide on the mark of a channel that ends at `end`; False if it is a part of the answer."""
        if not self._is_blank:
            if self._place.is_in_code or (is_alone and begins_as_file(self._place.head)):
                return False
            if self._has_final or begins_as_file(self._place.head):
                self._state = "next_turn"
                return True
            self._turn_into_thoughts()
        self._drop(end)
        self._state = "channel"
        return True

    def _read_channel(self, *, is_end: bool) -> bool:
        held = self._held
        message = _MESSAGE.search(held, 0, MAX_CHANNEL_CHARS + MESSAGE_CHARS)
        if message is None and not is_end and len(held) < MAX_CHANNEL_CHARS + MESSAGE_CHARS:
            return False
        name = re.match(r"\s*\w*", held)
        name_end = name.end() if name is not None else 0
        is_final = held[:name_end].strip().lower() == "final"
        self._drop(message.end() if message is not None else name_end)
        if not is_final:
            return self._begin_thoughts("channels")
        self._has_final = True
        return self._end_thoughts()

    def _begin_thoughts(self, form: _ThoughtsForm) -> bool:
        self._state, self._form = "thoughts", form
        return True

    def _end_thoughts(self) -> bool:
        self._state, self._literal = "answer", None
        self._follows_mark = True
        return True

    def _read_thoughts(self, *, is_end: bool) -> bool:
        held = self._held
        found = next_marker(held, 0, before=self._last, is_end=is_end)
        if found is None:
            return self._think(len(held))
        if isinstance(found, int):
            return found > 0 and self._think(found)
        if not self._ends_thoughts(found):
            return self._think(found.end)
        self._think(found.start)
        if found.kind == "thoughts_end":
            self._drop(found.end - found.start)
        return self._end_thoughts()

    def _ends_thoughts(self, marker: Marker) -> bool:
        match self._form:
            case "details":
                return marker.spelling == DETAILS_END
            case "tags":
                is_end = marker.kind == "thoughts_end" and marker.spelling != DETAILS_END
                return is_end or (marker.kind == "answer_begin" and marker.spelling not in WRAPPERS)
            case "channels" | "bare":
                return marker.kind in {"turn_begin", "turn_end", "channel"}
            case _:
                assert_never(self._form)

    def _read_bare(self, *, is_end: bool) -> bool:
        held = self._held
        at = held.find(self._bare.end)
        if at >= 0:
            self._think(at)
            self._drop(len(self._bare.end))
            return self._end_thoughts()
        decided = len(held) - (0 if is_end else kept_for_end(held, self._bare.end))
        return decided > 0 and self._think(decided)

    def _think(self, chars: int) -> bool:
        thoughts = self._held[:chars]
        if thoughts:
            self._reasoning.append(thoughts)
            if self._literal is not None:
                self._literal.append(thoughts)
        return self._drop(chars)

    def _answer(self, chars: int) -> bool:
        """Take the beginning of what is held for the answer's."""
        text = self._held[:chars]
        if self._follows_mark:
            words = text.lstrip(_NOT_WORDS)
            text = self._kept_space(text[: len(text) - len(words)]) + words
        self._texts.append(text)
        self._place.add(text)
        self._follows_mark = False
        self._is_blank = self._is_blank and not text.strip(_NOT_WORDS)
        return self._drop(chars)

    def _kept_space(self, space: str) -> str:
        """Return what stays of the white space after a mark: the next line's indentation, or the gap between two words."""
        goes_on = self._place.has_words
        if "\n" in space and (self._is_blank or not goes_on):
            return space.rpartition("\n")[2]
        return space if goes_on else ""

    def _drop(self, chars: int, *, follows_mark: bool = False) -> bool:
        if chars:
            self._last = self._held[chars - 1]
            self._held = self._held[chars:]
        self._follows_mark = self._follows_mark or follows_mark
        return True
