"""Reads Markdown line by line: each finished line becomes shown text with roles, and never changes again."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from core.text.sanitize import show_controls
from tui.markdown.inline import NOT_IN_SOURCE, InlineText, TextSpan, plain, read_inline
from tui.markdown.tables import TableRow, is_delimiter, is_row

Wrap = Literal["words", "cells", "rule"]

TAB_CELLS = 4
LONGEST_LINE_CHARACTERS = 2000  # a longer line is cut, so that the unfinished tail stays cheap to style again
MOST_QUOTE_LEVELS = 4
MOST_TABLE_LINES = 400  # a longer table is shown as it was written

# Possessive quantifiers: the text is hostile until proven otherwise, and none of these may backtrack.
_FENCE_OPEN = re.compile(r"( *+)(`{3,}+|~{3,}+)\s*+([^\s`]*+)[^`]*+\Z")
_HEADING = re.compile(r" {0,3}(#{1,6}+)(?:\s++|\Z)")
_RULE = re.compile(r" {0,3}([-*_])(?:\s*+\1){2,}+\s*+\Z")
_BULLET = re.compile(r"(\s*+)[-*+]\s++(\[[ xX]\]\s++)?")
_NUMBERED = re.compile(r"(\s*+)(\d{1,9}[.)])\s++")
_QUOTE = re.compile(r" {0,3}> ?")
_INDENT = re.compile(r" *")
_BULLETS = "•◦▪"
_DEEPEST_INDENT = 24


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the source and how it is shown, at any width."""

    source: str
    """As written, without its newline."""
    text: str
    """What is shown after the prefix: harmless, tabs expanded."""
    spans: tuple[TextSpan, ...] = ()
    role: str = "text"
    """The role of everything in the line that has none of its own."""
    first: str = ""
    """The prefix of the first row."""
    rest: str = ""
    """The prefix of the rows after it."""
    wrap: Wrap = "words"
    ends: bool = True
    """Whether a newline follows in the source."""
    table_row: TableRow | None = None


@dataclass(frozen=True, slots=True)
class Fence:
    """An open code fence."""

    mark: str
    indent: int
    language: str


@dataclass(frozen=True, slots=True)
class ScanState:
    """What the lines so far mean for the next one."""

    fence: Fence | None = None
    table_lines: int = 0
    """How many of the latest lines are, or may become, a table: 1 is a possible head, 2 and more a certain table."""
    continued: bool = False
    """Whether the next text belongs to a line that was cut for its length."""


def scan_line(source: str, state: ScanState, *, ends: bool = True) -> tuple[Line, ScanState]:
    """Read one line (or, with `ends` False, the first part of a long one); give it and the state after it."""
    shown = show_controls(source.removesuffix("\r") if ends else source)
    if state.fence is not None:
        line, fence = _scan_code(source, shown, state.fence, continued=state.continued)
        return replace(line, ends=ends) if not ends else line, ScanState(fence=fence, continued=not ends)
    if state.continued or not ends:
        line = _scan_continued(source, shown) if state.continued else _scan_block(source, shown)
        return replace(line, ends=ends), ScanState(continued=not ends)
    if opening := _FENCE_OPEN.match(shown):
        fence = Fence(opening[2], len(opening[1]), opening[3])
        label = opening[3]
        shown_label = Line(
            source, label, _whole(label, opening.start(3)), role="code-mark", first="╭ ", rest="│ ", wrap="cells"
        )
        return shown_label, ScanState(fence=fence)
    return _scan_block(source, shown), ScanState(table_lines=_table_lines(shown, state.table_lines))


def _table_lines(shown: str, before: int) -> int:
    if not is_row(shown):
        return 0
    if before == 1:
        return 2 if is_delimiter(shown) else 1
    return before + 1 if 2 <= before < MOST_TABLE_LINES else 1


def _scan_code(source: str, shown: str, fence: Fence, *, continued: bool) -> tuple[Line, Fence | None]:
    stripped = shown.strip()
    closes = (
        not continued
        and len(stripped) >= len(fence.mark)
        and stripped[0] == fence.mark[0]
        and not stripped.strip(fence.mark[0])
    )
    if closes:
        return Line(source, "", role="code-mark", first="╰", rest="", wrap="cells"), None
    indent = 0 if continued else min(fence.indent, _leading_spaces(shown))
    text = shown[indent:].expandtabs(TAB_CELLS)
    source_column = indent if _has_columns_of(source, shown) else NOT_IN_SOURCE
    return Line(source, text, _whole(text, source_column), role="code", first="│ ", rest="│ ", wrap="cells"), fence


def code_of(line: Line, fence: Fence) -> str:
    """Give the source of a line of code without the fence's own indentation."""
    source = line.source.removesuffix("\r")
    return source[min(fence.indent, _leading_spaces(source)) :]


def _scan_block(source: str, shown: str) -> Line:
    if _has_columns_of(source, shown):
        return _scan_expanded(source, shown)
    return _without_source(_scan_expanded(source, shown.expandtabs(TAB_CELLS)))


def _without_source(line: Line) -> Line:
    return replace(line, spans=tuple(span._replace(source=NOT_IN_SOURCE) for span in line.spans))


def _scan_expanded(source: str, shown: str) -> Line:
    if not shown or shown.isspace():
        return Line(source, "")
    if _RULE.match(shown):
        return Line(source, "", role="rule", wrap="rule")
    if heading := _HEADING.match(shown):
        level = min(len(heading[1]), 3)
        title = shown.rstrip()
        without_closing = title.rstrip("#")
        if without_closing.endswith((" ", "\t")):
            title = without_closing.rstrip()
        inline = read_inline(title[heading.end() :], heading.end())
        return Line(source, inline.text, inline.spans, role=f"heading-{level}")
    return _scan_nested(source, shown)


def _scan_nested(source: str, shown: str) -> Line:
    at, prefix = 0, ""
    while len(prefix) < 2 * MOST_QUOTE_LEVELS and (quote := _QUOTE.match(shown, at)):
        prefix += "▌ "
        at = quote.end()
    role = "quote" if prefix else "text"
    if bullet := _BULLET.match(shown, at):
        indent = _shown_indent(bullet[1])
        box = bullet[2]
        glyph = _BULLETS[min(len(bullet[1]) // 2, len(_BULLETS) - 1)] if box is None else "☐" if box[1] == " " else "☑"
        return _prefixed(source, shown, bullet.end(), role, f"{prefix}{indent}{glyph} ", f"{prefix}{indent}  ")
    if numbered := _NUMBERED.match(shown, at):
        indent = _shown_indent(numbered[1])
        hanging = " " * (len(numbered[2]) + 1)
        first = f"{prefix}{indent}{numbered[2]} "
        return _prefixed(source, shown, numbered.end(), role, first, f"{prefix}{indent}{hanging}")
    spaces = _leading_spaces(shown, at)
    indent = _shown_indent(" " * spaces)
    return _prefixed(source, shown, at + spaces, role, prefix + indent, prefix + indent)


def _prefixed(source: str, shown: str, at: int, role: str, first: str, rest: str) -> Line:
    inline = read_inline(shown[at:], at)
    return Line(source, inline.text, inline.spans, role=role, first=first, rest=rest)


def _scan_continued(source: str, shown: str) -> Line:
    inline = read_inline(shown.expandtabs(TAB_CELLS), 0)
    line = Line(source, inline.text, inline.spans)
    return line if _has_columns_of(source, shown) else _without_source(line)


def plain_line(text: str, role: str, *, ends: bool = True) -> Line:
    """Give a line of ours (a heading, a note, a status) in which no mark means anything."""
    shown = show_controls(text)
    inline: InlineText = plain(shown.expandtabs(TAB_CELLS))
    line = Line(text, inline.text, inline.spans, role=role, ends=ends)
    return line if _has_columns_of(text, shown) else _without_source(line)


def _has_columns_of(source: str, shown: str) -> bool:
    """Return whether each character is shown in one place; a tab takes several, and so does what is shown by its number."""
    return "\t" not in shown and len(shown) == len(source.removesuffix("\r"))


def _whole(text: str, source_column: int) -> tuple[TextSpan, ...]:
    return (TextSpan(0, "", source_column),) if text else ()


def _shown_indent(spaces: str) -> str:
    return " " * min(len(spaces), _DEEPEST_INDENT)


def _leading_spaces(text: str, at: int = 0) -> int:
    match = _INDENT.match(text, at)
    return match.end() - at if match else 0
