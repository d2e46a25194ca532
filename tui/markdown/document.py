"""The text of a pane: answers and notes as lines, laid out for one width, of which only the tail still changes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tui.markdown.inline import TextSpan
from tui.markdown.lines import LONGEST_LINE_CHARACTERS, Fence, Line, ScanState, code_of, plain_line, scan_line
from tui.markdown.strips import count_rows, row_starts
from tui.markdown.tables import read_table

STATUS_ROLE = "status"


@dataclass(slots=True)
class Section:
    """One answer or note: what its source says."""

    heading: str = ""
    parts: list[str] = field(default_factory=list)
    is_note: bool = False

    @property
    def text(self) -> str:
        if len(self.parts) > 1:
            self.parts = ["".join(self.parts)]
        return self.parts[0] if self.parts else ""

    @property
    def source(self) -> str:
        """The section in logical Markdown."""
        if self.is_note:
            return f"> {self.text}"
        return f"## {self.heading}\n\n{self.text}" if self.heading else self.text


@dataclass(frozen=True, slots=True)
class ClosedFence:
    """A fence that has just been closed and may be coloured."""

    language: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class TextPosition:
    """A position in the text that survives every change of width: a line, and an index into its shown text."""

    line: int
    character: int


class MarkdownDocument:
    """All lines of a pane and where their rows are; the strips are built by the view, for the visible rows only.

    `changed_from` is the first row that differs since the view last set it to None.
    """

    def __init__(self, width: int = 80) -> None:
        self.width = width
        self.clear()

    def clear(self) -> None:
        """Forget everything but the width."""
        self.lines: list[Line] = []
        self.changed_from: int | None = 0
        self.closed_fences: list[ClosedFence] = []
        self._row_ends: list[int] = []
        self._sections: list[Section] = []
        self._answer: Section | None = None
        self._answer_line = 0
        self._is_open = False
        self._is_stale = False
        self._state = ScanState()
        self._pending = ""
        self._tail_line: Line | None = None
        self._tail_rows = 0
        self._fence_line = 0
        self._code_blocks: list[list[str]] = []

    # -- state --

    @property
    def row_count(self) -> int:
        return self._committed_rows + self._tail_rows

    @property
    def source(self) -> str:
        """The logical Markdown of everything, answers under headings, notes as quotes."""
        return "\n\n".join(section.source for section in self._sections)

    @property
    def answer_source(self) -> str:
        """The text of the current or last answer, exactly as it was fed."""
        return self._answer.text if self._answer else ""

    @property
    def code_blocks(self) -> list[str]:
        """The code of the fences of the current or last answer, without the fences; the last may still be open."""
        blocks = ["\n".join(block) for block in self._code_blocks]
        if self._state.fence is not None and self._pending:
            blocks[-1] = "\n".join([*self._code_blocks[-1], self._pending])
        return blocks

    @property
    def last_line_number(self) -> int:
        """The number of the last line there is, the tail included."""
        return max(0, len(self.lines) - (0 if self._pending else 1))

    def is_stale(self, line_number: int) -> bool:
        """Whether the line belongs to a failed attempt that nothing has replaced yet."""
        return self._is_stale and self._answer_line <= line_number < len(self.lines)

    def line_at(self, line_number: int) -> Line:
        """Give a line; the number after the last finished one is the tail."""
        if line_number < len(self.lines):
            return self.lines[line_number]
        return self._tail()

    def locate(self, row: int) -> tuple[int, int]:
        """Give the line of a row of the text, and which of the line's rows it is."""
        line = bisect_right(self._row_ends, row)
        return line, row - (self._row_ends[line - 1] if line else 0)

    def first_row_of(self, line_number: int) -> int:
        if not line_number or not self._row_ends:
            return 0
        return self._row_ends[min(line_number, len(self._row_ends)) - 1]

    def position_at(self, row: int) -> TextPosition:
        line_number, number = self.locate(row)
        starts = row_starts(self.line_at(line_number), self.width)
        return TextPosition(line_number, starts[min(number, len(starts) - 1)])

    def row_at(self, position: TextPosition) -> int:
        """Give the row that shows `position` at the present width."""
        starts = row_starts(self.line_at(position.line), self.width)
        return self.first_row_of(position.line) + max(0, bisect_right(starts, position.character) - 1)

    # -- text comes in --

    def set_width(self, width: int) -> None:
        """Lay everything out again for `width` cells."""
        self.width = max(1, width)
        self._row_ends.clear()
        self._count_from(0)
        self._count_tail()
        self.changed_from = 0

    def begin_answer(self, heading: str) -> None:
        """Finish the current answer and start another."""
        self.finish_answer("")
        self._answer = Section(heading)
        self._sections.append(self._answer)
        self._code_blocks = []
        if self.lines:
            self._append(plain_line("", "text"))
        if heading:
            self._append(plain_line(heading, "answer-heading"))
        self._answer_line = len(self.lines)
        self._is_open = True

    def feed(self, text: str) -> None:
        """Add text to the current answer; begins one without a heading if there is none."""
        if not text:
            return
        if not self._is_open:
            self.begin_answer("")
        if self._is_stale:
            self._drop_answer()
        assert self._answer is not None  # noqa: S101  # begun above
        self._answer.parts.append(text)
        *finished, self._pending = (self._pending + text).split("\n")
        for line in finished:
            self._commit(self._cut(line))
        self._pending = self._cut(self._pending)
        self._count_tail()

    def reset_answer(self) -> None:
        """Mark the current answer as failed; the next text replaces it."""
        if self._is_open:
            self._is_stale = True
            self._close_lines()
            self._mark_changed(self.first_row_of(self._answer_line))

    def finish_answer(self, status: str) -> None:
        """Freeze the current answer; `status` is a line of its own below it."""
        if not self._is_open:
            return
        self._close_lines()
        self._is_open = False
        if status:
            self._append(plain_line(status, STATUS_ROLE))
        if self._is_stale:
            self._is_stale = False
            stale = [
                replace(line, role="stale", spans=_without_roles(line)) for line in self.lines[self._answer_line :]
            ]
            self.lines[self._answer_line :] = stale
            self._mark_changed(self.first_row_of(self._answer_line))

    def add_note(self, text: str, kind: str) -> tuple[int, int]:
        """Add a line outside the answers (before the one that is open); give its line number and how many lines came."""
        note = Section(parts=[text], is_note=True)
        lines = [plain_line(part, f"note-{kind}") for part in text.split("\n")]
        if not self._is_open:
            at = len(self.lines)
            self._sections.append(note)
            for line in lines:
                self._append(line)
            return at, len(lines)
        at = self._answer_line
        self._sections.insert(len(self._sections) - 1, note)
        self.lines[at:at] = lines
        self._answer_line += len(lines)
        self._fence_line += len(lines)
        first_row = self.first_row_of(at)
        del self._row_ends[at:]
        self._count_from(at)
        self._mark_changed(first_row)
        return at, len(lines)

    def colour(self, fence: ClosedFence, spans: Sequence[tuple[TextSpan, ...]]) -> range | None:
        """Give the code of a closed fence its colours and return which lines these are; None if it is no longer there."""
        opening = fence.lines[0]
        for number in range(len(self.lines) - len(fence.lines), -1, -1):
            if self.lines[number] is opening:
                break
        else:
            return None
        for offset, line_spans in enumerate(spans, 1):
            self.lines[number + offset] = replace(self.lines[number + offset], spans=line_spans)
        return range(number + 1, number + 1 + len(spans))

    # -- how --

    @property
    def _committed_rows(self) -> int:
        return self._row_ends[-1] if self._row_ends else 0

    def _tail(self) -> Line:
        if self._tail_line is None:
            self._tail_line = scan_line(self._pending, self._state)[0]
        return self._tail_line

    def _cut(self, line: str) -> str:
        """Commit the parts of a line too long to be kept whole, and give what is left."""
        while len(line) > LONGEST_LINE_CHARACTERS:
            space = line.rfind(" ", LONGEST_LINE_CHARACTERS // 2, LONGEST_LINE_CHARACTERS)
            cut = space + 1 if space >= 0 else LONGEST_LINE_CHARACTERS
            self._commit(line[:cut], ends=False)
            line = line[cut:]
        return line

    def _commit(self, source: str, *, ends: bool = True) -> None:
        before = self._state
        line, after = scan_line(source, before, ends=ends)
        self._state = after
        if before.table_lines >= 2 and after.table_lines <= 1:
            self._align_table(before.table_lines)
        self._append(line)
        if after.fence is not None:
            if before.fence is None:
                self._fence_line = len(self.lines) - 1
                self._code_blocks.append([])
            else:
                self._add_code(line, after.fence, continues=before.continued)
        elif before.fence is not None:
            self._close_fence(before.fence, self.lines[self._fence_line : -1])

    def _add_code(self, line: Line, fence: Fence, *, continues: bool) -> None:
        block = self._code_blocks[-1]
        if continues and block:
            block[-1] += line.source.removesuffix("\r")
        else:
            block.append(code_of(line, fence))

    def _close_fence(self, fence: Fence, lines: list[Line]) -> None:
        if fence.language:
            self.closed_fences.append(ClosedFence(fence.language, tuple(lines)))

    def _close_lines(self) -> None:
        """Commit the tail and end what the answer left open."""
        if self._pending:
            pending, self._pending = self._pending, ""
            self._commit(pending)
            self.lines[-1] = replace(self.lines[-1], ends=True)
        if self._state.table_lines >= 2:
            self._align_table(self._state.table_lines)
        if self._state.fence is not None:  # a model that stops at the fence's end never sends it
            self._close_fence(self._state.fence, self.lines[self._fence_line :])
        self._state = ScanState()
        self._count_tail()

    def _drop_answer(self) -> None:
        self._is_stale = False
        self._mark_changed(self.first_row_of(self._answer_line))
        del self.lines[self._answer_line :]
        del self._row_ends[self._answer_line :]
        self._state = ScanState()
        self._pending = ""
        self._code_blocks = []
        if self._answer is not None:
            self._answer.parts.clear()

    def _align_table(self, count: int) -> None:
        first = len(self.lines) - count
        table = self.lines[first:]
        for offset, row in enumerate(read_table([line.source for line in table])):
            self.lines[first + offset] = replace(table[offset], table_row=row)
        first_row = self.first_row_of(first)
        del self._row_ends[first:]
        self._count_from(first)
        self._mark_changed(first_row)

    def _append(self, line: Line) -> None:
        self._mark_changed(self._committed_rows)
        self.lines.append(line)
        self._row_ends.append(self._committed_rows + count_rows(line, self.width))

    def _count_from(self, line_number: int) -> None:
        rows = self._row_ends[line_number - 1] if line_number else 0
        for line in self.lines[line_number:]:
            rows += count_rows(line, self.width)
            self._row_ends.append(rows)

    def _count_tail(self) -> None:
        before = self._tail_rows
        self._tail_line = None
        self._tail_rows = count_rows(self._tail(), self.width) if self._pending else 0
        if before or self._tail_rows:
            self._mark_changed(self._committed_rows)

    def _mark_changed(self, row: int) -> None:
        self.changed_from = row if self.changed_from is None else min(self.changed_from, row)


def _without_roles(line: Line) -> tuple[TextSpan, ...]:
    return tuple(span._replace(role="") for span in line.spans)
