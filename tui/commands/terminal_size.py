"""A terminal that does not know its size gets the customary one; without it, two libraries would guess differently."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

CUSTOMARY_ROWS, CUSTOMARY_COLUMNS = 24, 80


def give_size_if_unknown() -> None:
    """Set the size of a terminal of 0 rows or columns, as serial lines and some containers have; it can change later."""
    if sys.platform == "win32" or sys.__stderr__ is None:
        return
    import termios

    with suppress(OSError, termios.error):
        terminal = sys.__stderr__.fileno()
        columns, rows = os.get_terminal_size(terminal)
        if not columns or not rows:
            termios.tcsetwinsize(terminal, (rows or CUSTOMARY_ROWS, columns or CUSTOMARY_COLUMNS))
