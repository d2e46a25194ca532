"""What the app does when it is told to end from outside, or when its terminal goes away."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable

LAST_RESORT_SECONDS = 6.0  # longer than the app takes to close in good order


def exit_code_of(number: int) -> int:
    """Return the exit code of a process that a signal ended, as shells count it."""
    return 128 + number


def watch_signals(leave: Callable[[int], None]) -> None:
    """Call `leave(exit code)` on the running loop when the process shall end; does nothing on Windows."""
    if sys.platform == "win32":
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leave, exit_code_of(number))
    # Not through the loop: it may hang in a write to the terminal that is gone.
    signal.signal(signal.SIGHUP, lambda number, _: _lost_terminal(loop, leave, exit_code_of(number)))


def _lost_terminal(loop: asyncio.AbstractEventLoop, leave: Callable[[int], None], code: int) -> None:
    """Close as usual, but without a terminal; if anything hangs on it all the same, end the process."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        if stat.S_ISCHR(os.fstat(descriptor).st_mode):
            os.dup2(nothing, descriptor)
    last_resort = threading.Timer(LAST_RESORT_SECONDS, os._exit, (code,))
    last_resort.daemon = True
    last_resort.start()
    loop.call_soon_threadsafe(leave, code)
