"""Joining an answer that was cut at its length limit with what the model wrote when asked to go on."""

from __future__ import annotations

import re

from core.workspace.text import normalise_newlines

MAX_OVERLAP_LINES = 40

_FENCE_LINE = re.compile(r"(?:`{3,}|~{3,})[^`\n]*\n")


def tail_of(answer: str, *, max_lines: int = MAX_OVERLAP_LINES) -> str:
    """Return the last lines of a cut answer, to be quoted when asking for the rest."""
    return "\n".join(normalise_newlines(answer).split("\n")[-max_lines:])


def join_continuation(start: str, rest: str) -> str:
    """Return the whole answer: lines that `rest` repeats from the end of `start` (40 at most) and a fence it opens again go.

    A repetition of blank lines alone is kept: it is more likely to be part of the text.
    """
    start, rest = normalise_newlines(start), normalise_newlines(rest)
    fence = _FENCE_LINE.match(rest)
    if fence is not None and fence[0] in start:
        repeated = _overlap(start, rest)
        rest = rest[fence.end() :] if not repeated else rest
    return start + rest[_overlap(start, rest) :]


def _overlap(start: str, rest: str) -> int:
    """Return how many characters at the beginning of `rest` repeat whole lines from the end of `start`."""
    position, positions = len(start), []
    for _ in range(MAX_OVERLAP_LINES + 1):
        position = start.rfind("\n", 0, max(position - 1, 0)) + 1
        positions.append(position)
        if position == 0:
            break
    for line_start in reversed(positions):
        repeated = start[line_start:]
        # A cut fence ("`", then "``") looks like a repetition; a fragment of a line must have a word in it.
        is_known = bool(repeated.strip()) if "\n" in repeated else re.search(r"\w", repeated) is not None
        if is_known and rest.startswith(repeated):
            return len(repeated)
    return 0
