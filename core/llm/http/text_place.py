"""Where in an answer its last character stands: in a block of code, in a span of it, in a sentence, at the start of a line.

A line that grows is never read again, however long it gets.
"""

from __future__ import annotations

import re

HEAD_CHARS = 200

_FILE_OF_WORDS = re.compile(r"#{1,6}\s|`{3}|~{3}|---\s*$|\||R\d+\s*[:.)]|VERDICT\b", re.MULTILINE)
_FILE_OF_CODE = re.compile(
    r"#!|#include|\"{3}|'{3}|import\s+(?:(?:static|type)\s+)?(?:[\w.*]+(?:\s+as\s+\w+)?\s*(?:[,;\n#]|\Z|from\b)|[\"'{*(])|from\s+\S+\s+import\b|"
    r"(?:async\s+)?def\s+\w*\s*(?:\(|\Z)|class\s+\w*\s*(?:[:({<]|extends\b|implements\b|\Z)|@\w|<[!?/a-zA-Z]|[{\[]|//|/\*|"
    r"package\s+[\w.]+\s*(?:[;\n]|\Z)|using\s+[\w.]+;|func\s+[(\w]|fn\s+\w|use\s+\w+::|(?:const|let|var)\s+(?:mut\s+)?[\w${}\[\], ]+(?::[^\n=]*)?="
    r"|function\s*[\w*]*\s*\(|export\s+(?:default|const|let|var|function|class|async|type|interface|\w+=|[{*])|FROM\s+\S+|"
    r"[A-Za-z_][\w.]*\s*=\s*[^\s=]"
)
_OPENING = re.compile(r"[ \t]*(?:`+|~*)")
_MIN_FENCE_CHARS = 3
_BLANK = " \t"
_BLANKS = frozenset(_BLANK)

_ENDS_SENTENCE = frozenset(".!?…")
_AFTER_A_WORD = frozenset(" \t.:!?")


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


def begins_as_file(text: str, *, is_code: bool = False) -> bool:
    """Return whether a text begins as a document or as code does, and not as thoughts do; `is_code`: only as code."""
    text = text.lstrip()
    return bool(_FILE_OF_CODE.match(text)) or (not is_code and bool(_FILE_OF_WORDS.match(text)))


class TextPlace:
    """Follows a text that grows; what was added is read only when somebody asks.

    Args:
        before: what stands before the text and is not a part of it.

    Attributes:
        head: its first words, which tell what kind of text it is.
    """

    def __init__(self, before: str = "") -> None:
        self._pieces: list[str] = []
        self._unread = [before]
        self.head = ""
        self._mark = ""  # the fence of the block that is open
        self._line = TextLine()

    @property
    def text(self) -> str:
        """All that was added."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def add(self, text: str) -> None:
        self._pieces.append(text)
        self._unread.append(text)
        if len(self.head) < HEAD_CHARS:
            self.head = (self.head + text).lstrip()[:HEAD_CHARS]

    @property
    def has_words(self) -> bool:
        """Whether its last line is not blank so far."""
        self._read()
        return bool(self._line.last_of_words)

    @property
    def is_in_code(self) -> bool:
        """Whether a block of code, or a span of it in the line, is open."""
        self._read()
        if self._line.fence:
            return not (self._mark and self._line.closes(self._mark))
        return bool(self._mark) or self._line.is_in_span

    def may_begin_block(self) -> bool:
        """Return whether something of its own may begin here: at the start of a line, or glued to the end of a sentence."""
        self._read()
        return not self._mark and (not self._line.last_of_words or self._line.last in _ENDS_SENTENCE)

    def is_in_sentence(self, following: str) -> bool:
        """Return whether what stands between the text and the `following` character is spoken of, not used."""
        if self.is_in_code or self._line.last == "(" or following in {",", ";", ")"}:
            return True
        word = self._line.last_of_words
        is_apart = self._line.last in _BLANKS and following in _AFTER_A_WORD
        return is_apart and bool(word) and word not in _ENDS_SENTENCE and word != ":"

    def _read(self) -> None:
        if not self._unread:
            return
        first, *lines = "".join(self._unread).split("\n")
        self._unread = []
        self._line.add(first)
        for line in lines:
            self._end_line()
            self._line.add(line)

    def _end_line(self) -> None:
        if not self._mark:
            self._mark = self._line.fence
        elif self._line.closes(self._mark):
            self._mark = ""
        self._line = TextLine()
