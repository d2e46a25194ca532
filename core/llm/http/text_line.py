"""What must be known of a line that grows, without reading it again: how it begins, its spans of code, how it ends."""

from __future__ import annotations

import re

_OPENING = re.compile(r"[ \t]*(?:`+|~*)")
_MIN_FENCE_CHARS = 3
_BLANK = " \t"


class TextLine:
    """A line, as it is added to.

    Attributes:
        last: its last character.
        last_of_words: its last character that is no white space; "" while it is blank.
    """

    def __init__(self) -> None:
        self.last = ""
        self.last_of_words = ""
        self._opening = ""  # white space, and the marks of a fence
        self._may_grow = True  # the opening
        self._ticks = 0
        self._has_info = False  # words after the opening

    def add(self, text: str) -> None:
        """Take more of the line; no piece holds the end of it."""
        if not text:
            return
        self._ticks += text.count("`")
        self.last = text[-1]
        if words := text.rstrip():
            self.last_of_words = words[-1]
        if self._may_grow:
            so_far = self._opening + text
            found = _OPENING.match(so_far)
            end = found.end() if found is not None else 0
            self._opening, text = so_far[:end], so_far[end:]
            self._may_grow = not text
        self._has_info = self._has_info or bool(text.strip())

    @property
    def fence(self) -> str:
        """The marks with which the line begins or ends a block of code, "" if it does not."""
        mark = self._opening.strip(_BLANK)
        if len(mark) < _MIN_FENCE_CHARS or self._ticks != (len(mark) if mark[0] == "`" else 0):
            return ""
        return mark

    def closes(self, mark: str) -> bool:
        """Return whether the line ends the block of code that these marks began."""
        return bool(self.fence) and self.fence.startswith(mark) and not self._has_info

    @property
    def is_in_span(self) -> bool:
        """Whether a span of code is open."""
        return self._ticks % 2 == 1
