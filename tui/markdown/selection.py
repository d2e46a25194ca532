"""Gives the source of what was selected with the mouse: never the wrapped and decorated rows of the screen."""

from __future__ import annotations

from textual.selection import Selection

from tui.markdown.document import MarkdownDocument
from tui.markdown.inline import NOT_IN_SOURCE
from tui.markdown.lines import Line


def selected_span(line: Line, line_number: int, selection: Selection) -> tuple[int, int] | None:
    """Give the shown characters of a line that a selection covers; all of a line that can only be copied whole."""
    span = selection.get_span(line_number)
    if span is None:
        return None
    begin, end = span
    length = len(line.text)
    if end < 0 or _is_whole_only(line):
        end = length
    return (0 if _is_whole_only(line) else min(begin, length)), min(end, length)


def selected_source(document: MarkdownDocument, selection: Selection) -> str | None:
    """Give the source under a selection; where that is nothing, the lines it touches; None if these are blank."""
    last = document.last_line_number
    first_number = 0 if selection.start is None else min(selection.start.y, last)
    last_number = last if selection.end is None else min(selection.end.y, last)
    chosen: list[str] = []
    touched: list[str] = []
    for number in range(first_number, last_number + 1):
        line = document.line_at(number)
        newline = "\n" if line.ends and number < last_number else ""
        span = selected_span(line, number, selection)
        touched.append(line.source + newline)
        if span is not None:
            chosen.append(_source_of(line, *span) + newline)
    for text in ("".join(chosen), "".join(touched)):
        if text.strip():
            return text
    return None


def _is_whole_only(line: Line) -> bool:
    return line.table_row is not None or any(span.source == NOT_IN_SOURCE for span in line.spans)


def _source_of(line: Line, begin: int, end: int) -> str:
    if begin <= 0 and end >= len(line.text):
        return line.source
    left = 0 if begin <= 0 else _column_of(line, begin)
    right = len(line.source) if end >= len(line.text) else _column_of(line, end - 1) + 1 if end > begin else left
    return line.source[left:right]


def _column_of(line: Line, character: int) -> int:
    column = character
    for span in line.spans:
        if span.start > character:
            break
        column = span.source + character - span.start
    return column
