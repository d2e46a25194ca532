"""Whether the app can draw on this terminal, and a size for one that does not know its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress

CUSTOMARY_ROWS, CUSTOMARY_COLUMNS = 24, 80

# What these name has no cursor to move: emacs' shell, editors' output panes, a getty that was told nothing.
# Rich takes them for 80 x 25 whatever they are, and Textual then repaints for ever.
_CANNOT_DRAW = frozenset({"dumb", "unknown"})


def problem_of(environment: Mapping[str, str]) -> str:
    """Return why nothing can be drawn on the terminal that TERM names, with what to do; "" if it can be tried."""
    term = environment.get("TERM", "")
    if term.lower() not in _CANNOT_DRAW:
        return ""
    return (
        f"the app cannot draw on a terminal of the kind TERM={term} - use `quintet run TASK`, or set TERM to what the "
        "terminal is (xterm-256color fits most)"
    )


def give_size_if_unknown() -> None:
    """Set the size of a terminal of 0 rows or columns, as serial lines and some containers have; it can change later.

    Without it, two libraries would guess differently.
    """
    if sys.platform == "win32" or sys.__stderr__ is None:
        return
    import termios

    with suppress(OSError, termios.error):
        terminal = sys.__stderr__.fileno()
        columns, rows = os.get_terminal_size(terminal)
        if not columns or not rows:
            termios.tcsetwinsize(terminal, (rows or CUSTOMARY_ROWS, columns or CUSTOMARY_COLUMNS))
