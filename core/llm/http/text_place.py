"""Where in an answer its last character stands: in a block of code, in a span of it, in a sentence, at the start of a line."""

from __future__ import annotations

import re

HEAD_CHARS = 200

_FENCE = re.compile(r"[ \t]*(?P<mark>`{3,}|~{3,})(?P<info>[^`\n]*)$")
_FILE_OF_WORDS = re.compile(r"#{1,6}\s|`{3}|~{3}|---\s*$|\||R\d+\s*[:.)]|VERDICT\b", re.MULTILINE)
_FILE_OF_CODE = re.compile(
    r"#!|#include|\"{3}|'{3}|import\s|from\s+\S+\s+import\b|(?:async\s+)?def\s|class\s|@\w|<[!?/a-zA-Z]|[{\[]|//|/\*|"
    r"package\s|func\s|fn\s|use\s+\w+::|const\s|let\s|var\s|function\s|export\s|FROM\s"
)
_ENDS_SENTENCE = frozenset(".!?…")
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
        self._line = ""

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
    def line(self) -> str:
        """What its last line has so far."""
        self._read()
        return self._line

    @property
    def is_in_code(self) -> bool:
        """Whether a block of code, or a span of it in the line, is open."""
        line = self.line
        if (fence := _FENCE.match(line)) is not None:
            return not (self._mark and self._closes(fence))
        return bool(self._mark) or line.count("`") % 2 == 1

    def may_begin_block(self) -> bool:
        """Return whether something of its own may begin here: at the start of a line, or glued to the end of a sentence."""
        line = self.line
        return not self._mark and (not line.strip() or line[-1] in _ENDS_SENTENCE)

    def is_in_sentence(self, following: str) -> bool:
        """Return whether what stands between the text and the `following` character is spoken of, not used."""
        line = self.line
        if self.is_in_code or line.endswith("(") or following in {",", ";", ")"}:
            return True
        word = line.rstrip()[-1:]
        is_apart = line.endswith((" ", "\t")) and following in _AFTER_A_WORD
        return is_apart and bool(word) and word not in _ENDS_SENTENCE and word != ":"

    def _read(self) -> None:
        if not self._unread:
            return
        *lines, self._line = (self._line + "".join(self._unread)).split("\n")
        self._unread = []
        for line in lines:
            fence = _FENCE.match(line)
            if fence is None:
                continue
            if not self._mark:
                self._mark = fence["mark"]
            elif self._closes(fence):
                self._mark = ""

    def _closes(self, fence: re.Match[str]) -> bool:
        return fence["mark"].startswith(self._mark) and not fence["info"].strip()
