"""Paints the visible rows of a document and keeps their Strips until text, width or looks change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from rich.style import Style
from textual.cache import LRUCache
from textual.selection import Selection
from textual.strip import Strip

from tui.markdown.document import MarkdownDocument
from tui.markdown.lines import Line
from tui.markdown.selection import selected_span
from tui.markdown.strips import StyleOf, TextRow, paint_row, rows_of, with_offsets, with_selection

MOST_CACHED_LINES = 600  # more than the tallest terminal shows; what scrolled away is laid out again when needed


@dataclass(frozen=True, slots=True)
class _LaidOut:
    """The rows of one line, and what they were made of."""

    line: Line
    is_stale: bool
    width: int
    rows: list[TextRow]
    strips: list[Strip]


class RowPainter:
    """Gives rows of `document` as full-width Strips; `finish` is the last thing done to each (the app's filters)."""

    def __init__(self, document: MarkdownDocument, style_of: StyleOf, finish: Callable[[Strip], Strip]) -> None:
        self._document = document
        self._style_of = style_of
        self._finish = finish
        self._laid_out: LRUCache[int, _LaidOut] = LRUCache(MOST_CACHED_LINES)
        self._blank: Strip | None = None

    def clear(self) -> None:
        """Forget all Strips."""
        self._laid_out.clear()
        self._blank = None

    def paint(
        self, top: int, bottom: int, selection: Selection | None, selection_style: Callable[[], Style]
    ) -> list[Strip]:
        """Give the rows from `top` to before `bottom`; rows after the text are blank."""
        strips = []
        for row in range(top, bottom):
            if row >= self._document.row_count:
                strips += [self.blank] * (bottom - row)
                break
            line_number, number = self._document.locate(row)
            laid_out = self._lay_out(line_number)
            strip = laid_out.strips[number]
            if selection is not None:
                span = selected_span(self._document.line_at(line_number), line_number, selection)
                if span is not None:
                    strip = with_selection(laid_out.rows[number], strip, *span, selection_style())
            strips.append(strip)
        return strips

    def paint_with_offsets(self, row: int) -> Strip:
        """Give a row with the meta data that says which text is under the pointer."""
        if row >= self._document.row_count:
            return self.blank
        line_number, number = self._document.locate(row)
        laid_out = self._lay_out(line_number)
        return with_offsets(laid_out.rows[number], laid_out.strips[number], line_number)

    @property
    def blank(self) -> Strip:
        """A row without text."""
        if self._blank is None or self._blank.cell_length != self._document.width:
            self._blank = self._finish(Strip.blank(self._document.width, self._style_of("text", "")))
        return self._blank

    def _lay_out(self, line_number: int) -> _LaidOut:
        line = self._document.line_at(line_number)
        is_stale = self._document.is_stale(line_number)
        width = self._document.width
        known = self._laid_out.get(line_number)
        # A line is never changed, only replaced: what was painted holds for as long as it is the same object. So a
        # screen that is painted between two frames of the clock shows the text as it is, whoever has just read it.
        if known is None or known.line is not line or known.is_stale != is_stale or known.width != width:
            shown = replace(line, role="stale") if is_stale else line
            rows = rows_of(shown, width)
            strips = [self._finish(paint_row(shown, row, width, self._style_of)) for row in rows]
            known = self._laid_out[line_number] = _LaidOut(line, is_stale, width, rows, strips)
        return known
