"""What stands between two turns of a conversation, where it leaks into an answer: ends of turns, and who speaks next."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from core.llm.http.markers import TAKES_ROLE, Marker, MarkerKind, next_marker

ROLES = ("assistant", "user", "system", "model", "tool", "developer", "human", "ipython")
_ROLE = re.compile(rf"(?:{'|'.join(ROLES)})(?!\w)", re.IGNORECASE)
_BARE_ROLE = re.compile(rf"(?:[ \t]*\n)*(?:{'|'.join(ROLES)}):?[ \t]*(?:\n|\Z)", re.IGNORECASE)
_OF_TURNS: frozenset[MarkerKind] = frozenset({"turn_begin", "turn_end", "answer_end"})


class TurnMarks(NamedTuple):
    """A row of such marks, up to `end`, and what comes after it.

    Attributes:
        is_next_turn: one turn ends and another begins.
        ends_thoughts: the row begins with the end of thoughts.
    """

    end: int
    followed_by: Literal["nothing", "channel", "words"]
    is_next_turn: bool
    ends_thoughts: bool
    channel_end: int = 0


class TurnMarksReader:
    """Reads the row of marks that begins with one; a row that grows is read once, however long it gets."""

    def __init__(self, first: Marker) -> None:
        self._kinds = {first.kind}
        self._last = first

    def read(self, text: str, *, is_end: bool) -> TurnMarks | None:
        """Return the row in a text that begins as it did the last time; None if more of it must come first."""
        while True:
            marker = self._last
            end = marker.end + _role_chars(text, marker)
            place = len(text) - len(text[end:].lstrip())
            if marker.kind == "turn_end":
                if not is_end and _may_become_bare_role(text[place:]):
                    return None
                if (bare := _BARE_ROLE.match(text, end)) is not None:
                    self._kinds.add("turn_begin")
                    end = bare.end()
                    place = len(text) - len(text[end:].lstrip())
            about = ({"turn_begin", "turn_end"} <= self._kinds, "thoughts_end" in self._kinds)
            if place == len(text) or (marker.spelling in TAKES_ROLE and _may_become_role(text[place:])):
                return TurnMarks(end, "nothing", *about) if is_end else None
            following = next_marker(text, place, before=text[place - 1], is_end=is_end)
            if following == place:
                return None
            if isinstance(following, Marker) and following.start == place:
                if following.kind == "channel":
                    return TurnMarks(end, "channel", *about, following.end)
                if following.kind in _OF_TURNS:
                    self._last = following
                    self._kinds.add(following.kind)
                    continue
            return TurnMarks(end, "words", *about)


def _role_chars(text: str, marker: Marker) -> int:
    role = _ROLE.match(text, marker.end) if marker.spelling in TAKES_ROLE else None
    return role.end() - marker.end if role is not None else 0


def _may_become_role(text: str) -> bool:
    return any(role.startswith(text.lower()) for role in ROLES)


def _may_become_bare_role(text: str) -> bool:
    """Return whether a line of which a beginning is there may yet hold nothing but the name of who speaks."""
    return "\n" not in text and (_may_become_role(text) or _BARE_ROLE.fullmatch(text) is not None)
