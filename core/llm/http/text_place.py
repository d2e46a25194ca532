"""Where in an answer its last character stands: in a block of code, in a span of it, in a sentence, at the start of a line."""

from __future__ import annotations

import re

from core.llm.http.text_line import TextLine

HEAD_CHARS = 200

_FILE_OF_WORDS = re.compile(r"#{1,6}\s|`{3}|~{3}|---\s*$|\||R\d+\s*[:.)]|VERDICT\b", re.MULTILINE)
_FILE_OF_CODE = re.compile(
    r"#!|#include|\"{3}|'{3}|import\s+(?:(?:static|type)\s+)?(?:[\w.*]+(?:\s+as\s+\w+)?\s*(?:[,;\n#]|\Z|from\b)|[\"'{*(])|from\s+\S+\s+import\b|"
    r"(?:async\s+)?def\s+\w*\s*(?:\(|\Z)|class\s+\w*\s*(?:[:({<]|extends\b|implements\b|\Z)|@\w|<[!?/a-zA-Z]|[{\[]|//|/\*|"
    r"package\s+[\w.]+\s*(?:[;\n]|\Z)|using\s+[\w.]+;|func\s+[(\w]|fn\s+\w|use\s+\w+::|(?:const|let|var)\s+(?:mut\s+)?[\w${}\[\], ]+(?::[^\n=]*)?="
    r"|function\s*[\w*]*\s*\(|export\s+(?:default|const|let|var|function|class|async|type|interface|\w+=|[{*])|FROM\s+\S+|"
    r"[A-Za-z_][\w.]*\s*=\s*[^\s=]"
)
_ENDS_SENTENCE = frozenset(".!?…")
_BLANKS = frozenset(" \t")
_AFTER_A_WORD = frozenset(" \t.:!?")


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
