"""Turns lines of Markdown into the rows a terminal shows at one width, as cached Strips of full width."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.markdown.inline import NOT_IN_SOURCE, InlineText, TextSpan
from tui.markdown.lines import Line
from tui.markdown.tables import clip_spans, table_rows
from tui.markdown.wrap import break_positions

StyleOf = Callable[[str, str], Style]
"""Gives the style of a span: the role of its line, and its own roles (may be empty)."""

NARROWEST_TEXT_CELLS = 8  # prefixes give way before the text gets narrower than this


@dataclass(frozen=True, slots=True)
class TextRow:
    """One row of a line: its prefix, and the part of the line's text it shows."""

    prefix: str
    shown: InlineText
    begin: int
    """Index of the row's first character in the line's text."""


def count_rows(line: Line, width: int) -> int:
    """Give how many rows `line` takes at `width`; at least one."""
    if line.wrap == "rule":
        return 1
    if line.table_row is None:
        return len(_starts(line, width))
    return len(rows_of(line, width))


def row_starts(line: Line, width: int) -> list[int]:
    """Give the index into the line's text at which each of its rows begins; a table's rows all begin at 0."""
    if line.wrap == "rule":
        return [0]
    if line.table_row is None:
        return _starts(line, width)
    return [row.begin for row in rows_of(line, width)]


def rows_of(line: Line, width: int) -> list[TextRow]:
    """Lay `line` out at `width`."""
    if line.wrap == "rule":
        return [TextRow("", InlineText("─" * width, (TextSpan(0, "", NOT_IN_SOURCE),)), 0)]
    if line.table_row is not None:
        columns = line.table_row.table.columns_for(width)
        if columns is not None:
            return [TextRow("", shown, 0) for shown in table_rows(line.table_row, columns)]
    starts = _starts(line, width)
    first, rest = _prefixes(line, width)
    rows = []
    for number, begin in enumerate(starts):
        is_last = number + 1 == len(starts)
        text = line.text[begin:] if is_last else line.text[begin : starts[number + 1]]
        if not is_last and line.wrap == "words":
            text = text.rstrip(" ")
        spans = tuple(clip_spans(line.spans, begin, begin + len(text), 0))
        rows.append(TextRow(rest if number else first, InlineText(text, spans), begin))
    return rows


def paint_row(line: Line, row: TextRow, width: int, style_of: StyleOf) -> Strip:
    """Give `row` as a Strip exactly `width` cells wide."""
    base = style_of(line.role, "")
    segments: list[Segment] = []
    used = 0
    if row.prefix:
        segments.append(Segment(row.prefix, style_of(line.role, "mark")))
        used = cell_len(row.prefix)
    text, spans = row.shown.text, row.shown.spans
    for number, span in enumerate(spans):
        part = text[span.start : spans[number + 1].start] if number + 1 < len(spans) else text[span.start :]
        segments.append(Segment(part, style_of(line.role, span.role) if span.role else base))
        used += cell_len(part)
    if used < width:
        segments.append(Segment(" " * (width - used), base))
        used = width
    strip = Strip(segments, used)
    return strip if used == width else strip.adjust_cell_length(width, base)


def with_offsets(row: TextRow, strip: Strip, line_number: int) -> Strip:
    """Give `strip` with the meta data from which Textual finds the selected text: index in the line, line."""
    segments: list[Segment] = []
    prefix_left = len(row.prefix)
    at = row.begin
    for text, style, _ in strip:
        base = style or Style.null()
        if prefix_left:
            # One segment a cell: wherever in the prefix the pointer is, it means the row's first character.
            segments += [Segment(cell, base + Style.from_meta({"offset": (at, line_number)})) for cell in text]
            prefix_left = max(0, prefix_left - len(text))
            continue
        left = max(0, row.begin + len(row.shown.text) - at)
        shown, padding = text[:left], text[left:]
        if shown:
            segments.append(Segment(shown, base + Style.from_meta({"offset": (at, line_number)})))
            at += len(shown)
        meta = base + Style.from_meta({"offset": (at, line_number)})
        segments += [Segment(cell, meta) for cell in padding]
    return Strip(segments, strip.cell_length)


def with_selection(row: TextRow, strip: Strip, begin: int, end: int, style: Style) -> Strip:
    """Give `strip` with the line's characters from `begin` to `end` in `style` as well."""
    left = cell_len(row.prefix) + cell_len(row.shown.text[: max(0, begin - row.begin)])
    right = cell_len(row.prefix) + cell_len(row.shown.text[: max(0, end - row.begin)])
    left, right = min(left, strip.cell_length), min(right, strip.cell_length)
    if right <= left:
        return strip
    chosen = [Segment(text, (own or Style.null()) + style) for text, own, _ in strip.crop(left, right)]
    return Strip.join([strip.crop(0, left), Strip(chosen, right - left), strip.crop(right, strip.cell_length)])


def _prefixes(line: Line, width: int) -> tuple[str, str]:
    if width - len(line.first) < NARROWEST_TEXT_CELLS:
        spare = max(0, width - NARROWEST_TEXT_CELLS)
        return (line.first[-spare:], line.rest[-spare:]) if spare else ("", "")
    return line.first, line.rest


def _starts(line: Line, width: int) -> list[int]:
    first, rest = _prefixes(line, width)
    return break_positions(line.text, width - len(first), width - len(rest), at_words=line.wrap == "words")
