"""What the app does when it is told to end from outside, or when its terminal goes away."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

LAST_RESORT_SECONDS = 6.0  # longer than the app takes to close in good order

# Back to the main screen, with a cursor and line wrap, without mouse reports, focus reports, pastes in brackets.
_RESTORE = b"\x1b[?2026l\x1b[<u\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1004l\x1b[?2004l\x1b[?7h\x1b[?1049l\x1b[?25h\x1b[0m"


def exit_code_of(number: int) -> int:
    """Return the exit code of a process that a signal ended, as shells count it."""
    return 128 + number


def terminal_attributes() -> list[Any] | None:  # Any: what termios calls its mixture of numbers and lists
    """Return the terminal's settings, to be asked for before an app changes them; None where there is no terminal."""
    if sys.platform == "win32":
        return None
    import termios

    with suppress(OSError, termios.error, ValueError):
        return termios.tcgetattr(0)
    return None


def watch_signals(leave: Callable[[int], None], attributes: list[Any] | None) -> None:  # Any: as above
    """Call `leave(exit code)` on the running loop when the process shall end; does nothing on Windows.

    If that has not ended the process after LAST_RESORT_SECONDS, whatever hangs, it is ended without asking the loop, and
    the terminal gets back its screen and its `attributes`.
    """
    if sys.platform == "win32":
        return
    loop = asyncio.get_running_loop()

    def told(number: int, _frame: object) -> None:
        code = exit_code_of(number)
        if (
            number == signal.SIGHUP and terminal_attributes() is None
        ):  # else it was sent, and the terminal is still there
            _let_go_of_terminal()
        _end_for_sure(code, attributes)
        # Not as a handler of the loop: it may hang in a write to the terminal that is gone.
        loop.call_soon_threadsafe(leave, code)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, told)


def _let_go_of_terminal() -> None:
    """Put the null device in the place of the terminal, so that nothing more waits for it."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        if stat.S_ISCHR(os.fstat(descriptor).st_mode):
            os.dup2(nothing, descriptor)


def _end_for_sure(code: int, attributes: list[Any] | None) -> None:  # Any: as above
    def end() -> None:
        import termios

        with suppress(OSError, termios.error, ValueError):
            os.write(2, _RESTORE)
            if attributes is not None:
                termios.tcsetattr(0, termios.TCSANOW, attributes)
        os._exit(code)

    last_resort = threading.Timer(LAST_RESORT_SECONDS, end)
    last_resort.daemon = True
    last_resort.start()
