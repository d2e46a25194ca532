"""Leaves out of a template what would say nothing: sections, labels and headings whose variables have no text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from string import Template

_OPENING = re.compile(r"^\s*<([a-z][a-z0-9_]*)>\s*$")
_SLOT = re.compile(r"^(?:[^$\n]*:\s+|\s*)\$(?:([a-z_]+)|\{([a-z_]+)\})\s*$")
"""A line that is there for a variable alone: `$name`, or `Label: $name`."""
_HEADING = re.compile(r"^(#{1,6}) [^\n]+$")


@dataclass(frozen=True, slots=True)
class _Paragraph:
    """Lines without a blank one between, but for those within a pair of tags; `gap` is the blank lines above."""

    lines: tuple[str, ...]
    gap: int

    @property
    def heading_level(self) -> int:
        """The number of its signs, if it is a heading and nothing else, else 0."""
        match = _HEADING.match(self.lines[0]) if len(self.lines) == 1 else None
        return len(match[1]) if match else 0

    def variables(self) -> set[str]:
        return {name for line in self.lines for name in Template(line).get_identifiers()}


def without_empty_sections(template: str, empty: Collection[str]) -> str:
    """Return the template without what only the variables named in `empty` would have filled.

    * A paragraph with a pair of tags goes whole, what it says about them included, when they are its only variables.
    * In any other a pair of tags goes, or a line with nothing but the variable and its label; and above either a line
      that ends with a colon.
    * A heading goes when nothing is left below it.
    """
    if not any(name in empty for name in Template(template).get_identifiers()):
        return template
    paragraphs = list(_paragraphs(template.split("\n")))
    kept: list[_Paragraph] = []
    has_dropped_below = False
    for paragraph in reversed(paragraphs):
        level = paragraph.heading_level
        is_bare = level > 0 and has_dropped_below and (not kept or 0 < kept[-1].heading_level <= level)
        rest = None if is_bare else _rest_of(paragraph, empty)
        if rest is None:
            has_dropped_below = True
        else:
            kept.append(rest)
            has_dropped_below = False
    kept.reverse()
    lines: list[str] = []
    for number, paragraph in enumerate(kept):
        lines += [""] * (paragraph.gap if number else 0)
        lines += paragraph.lines
    end = template[len(template.rstrip("\n")) :]
    return "\n".join(lines) + end


def _paragraphs(lines: list[str]) -> Iterator[_Paragraph]:
    current: list[str] = []
    gap = 0
    closing = ""
    for line in lines:
        if not line.strip() and not closing:
            if current:
                yield _Paragraph(tuple(current), gap)
                current, gap = [], 0
            gap += 1
            continue
        current.append(line)
        if closing:
            closing = "" if line.strip() == closing else closing
        elif (opened := _OPENING.match(line)) is not None:
            closing = f"</{opened[1]}>"
    if current:
        yield _Paragraph(tuple(current), gap)


def _rest_of(paragraph: _Paragraph, empty: Collection[str]) -> _Paragraph | None:
    """Return what is left of a paragraph, or None if nothing is."""
    slots = [match[1] or match[2] for line in paragraph.lines if (match := _SLOT.match(line))]
    if not any(name in empty for name in slots):
        return paragraph
    has_tags = any(_end_of_section(paragraph.lines, place) > place + 1 for place in range(len(paragraph.lines)))
    if has_tags and all(name in empty for name in paragraph.variables()):
        return None
    left: list[str] = []
    place = 0
    while place < len(paragraph.lines):
        end = _end_of_section(paragraph.lines, place)
        section = paragraph.lines[place:end]
        names = {name for line in section for name in Template(line).get_identifiers()}
        is_section = end - place > 1 or _SLOT.match(section[0]) is not None
        if is_section and names and all(name in empty for name in names):
            if left and left[-1].endswith(":"):
                left.pop()
        else:
            end = place + 1  # a pair that is not left out may hold lines that are
            left.append(paragraph.lines[place])
        place = end
    return _Paragraph(tuple(left), paragraph.gap) if left else None


def _end_of_section(lines: tuple[str, ...], start: int) -> int:
    """Return the line after a pair of tags that opens at `start`, else the next line."""
    opened = _OPENING.match(lines[start])
    if opened is None:
        return start + 1
    closing = f"</{opened[1]}>"
    return next((place + 1 for place in range(start, len(lines)) if lines[place].strip() == closing), start + 1)
