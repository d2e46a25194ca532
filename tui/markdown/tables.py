"""Lays out pipe tables: columns aligned, cells wrapped when the pane is narrow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len

from tui.markdown.inline import NOT_IN_SOURCE, InlineText, TextSpan, read_inline
from tui.markdown.wrap import break_positions

Align = Literal["left", "center", "right"]

SEPARATOR = " │ "
NARROWEST_COLUMN_CELLS = 3
_UNESCAPED_PIPE = re.compile(r"(?<!\\)\|")
_DELIMITER_CELL = re.compile(r":?-+:?\Z")


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of one table: their alignment and natural widths in cells."""

    aligns: tuple[Align, ...]
    widths: tuple[int, ...]

    def columns_for(self, width: int) -> tuple[int, ...] | None:
        """Share `width` cells among the columns; None if they cannot all be shown."""
        free = width - cell_len(SEPARATOR) * (len(self.widths) - 1)
        if free < NARROWEST_COLUMN_CELLS * len(self.widths):
            return None
        columns = list(self.widths)
        open_columns = sorted(range(len(columns)), key=columns.__getitem__)
        while open_columns:
            share = free // len(open_columns)
            narrowest = open_columns[0]
            if columns[narrowest] <= share:
                free -= columns[narrowest]
                open_columns.pop(0)
                continue
            for position, column in enumerate(open_columns):
                columns[column] = share + (1 if position < free - share * len(open_columns) else 0)
            break
        return tuple(columns)


@dataclass(frozen=True, slots=True)
class TableRow:
    """One line of a table; no cells means the line between head and body."""

    table: Table
    cells: tuple[InlineText, ...]
    role: str = ""


def split_cells(line: str) -> list[str]:
    """Give the trimmed cells of a line of a pipe table."""
    inner = line.strip().removeprefix("|")
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    return [cell.strip().replace("\\|", "|") for cell in _UNESCAPED_PIPE.split(inner)]


def is_row(line: str) -> bool:
    """Whether `line` may belong to a table."""
    return "|" in line and not line.isspace()


def is_delimiter(line: str) -> bool:
    """Whether `line` is the line of dashes under a table's head."""
    return "|" in line and "-" in line and all(_DELIMITER_CELL.match(cell) for cell in split_cells(line))


def read_table(lines: list[str]) -> list[TableRow]:
    """Read a whole table: its head, its line of dashes and its body; one row for each line."""
    aligns = [_align_of(cell) for cell in split_cells(lines[1])]
    read = [[read_inline(cell, NOT_IN_SOURCE) for cell in split_cells(line)] for line in lines]
    count = max(len(aligns), *(len(row) for row in read))
    rows = [row + [InlineText("", ())] * (count - len(row)) for row in read]
    aligns += ["left"] * (count - len(aligns))
    widths = [NARROWEST_COLUMN_CELLS] * count
    for number, row in enumerate(rows):
        if number != 1:
            widths = [max(width, cell_len(cell.text)) for width, cell in zip(widths, row, strict=True)]
    table = Table(tuple(aligns), tuple(widths))
    return [
        TableRow(table, () if number == 1 else tuple(row), "table-head" if number == 0 else "")
        for number, row in enumerate(rows)
    ]


def table_rows(row: TableRow, columns: tuple[int, ...]) -> list[InlineText]:
    """Give the shown rows of one line of a table, each exactly as wide as the table."""
    if not row.cells:
        return [InlineText("─┼─".join("─" * width for width in columns), (TextSpan(0, "mark", NOT_IN_SOURCE),))]
    starts = [
        break_positions(cell.text, width, width, at_words=True) for cell, width in zip(row.cells, columns, strict=True)
    ]
    height = max(len(cell_starts) for cell_starts in starts)
    return [_shown_row(row, columns, starts, number) for number in range(height)]


def _shown_row(row: TableRow, columns: tuple[int, ...], starts: list[list[int]], number: int) -> InlineText:
    text = ""
    spans: list[TextSpan] = []
    for column, (cell, width) in enumerate(zip(row.cells, columns, strict=True)):
        if column:
            spans.append(TextSpan(len(text), "mark", NOT_IN_SOURCE))
            text += SEPARATOR
        begin, end = 0, 0
        if number < len(starts[column]):
            begin = starts[column][number]
            end = starts[column][number + 1] if number + 1 < len(starts[column]) else len(cell.text)
        shown = cell.text[begin:end].rstrip(" ")
        spare = max(0, width - cell_len(shown))
        before = {"left": 0, "center": spare // 2, "right": spare}[row.table.aligns[column]]
        spans.append(TextSpan(len(text), row.role, NOT_IN_SOURCE))
        text += " " * before
        spans += clip_spans(cell.spans, begin, begin + len(shown), len(text), row.role)
        text += shown
        spans.append(TextSpan(len(text), row.role, NOT_IN_SOURCE))
        text += " " * (spare - before)
    return InlineText(text, tuple(span for span in spans if span.start < len(text)))


def clip_spans(spans: tuple[TextSpan, ...], begin: int, end: int, offset: int, role: str = "") -> list[TextSpan]:
    """Give the spans of the text from `begin` to `end`, moved to start at `offset`; `role` is added to each."""
    clipped = []
    for number, span in enumerate(spans):
        span_end = spans[number + 1].start if number + 1 < len(spans) else end
        if span_end <= begin or span.start >= end:
            continue
        skipped = max(0, begin - span.start)
        source = span.source if span.source == NOT_IN_SOURCE else span.source + skipped
        names = f"{role} {span.role}".strip() if role else span.role
        clipped.append(TextSpan(offset + max(span.start, begin) - begin, names, source))
    return clipped


def _align_of(cell: str) -> Align:
    if cell.endswith(":"):
        return "center" if cell.startswith(":") else "right"
    return "left"
