"""Tells when an app has nothing left to do, by looking at what it still has to do rather than at the time it takes."""

from __future__ import annotations

import asyncio
import time

from textual._context import active_app
from textual.app import ScreenStackError

TURNS = 10  # of the loop: a message goes from the app to a widget, and what that asks for comes back
QUIET_ROUNDS = 2
LONGEST_SECONDS = 1.0  # an app that is never still, because a run is going on, is looked at anyhow


async def until_still(min_sleep: float = 0.0, max_sleep: float = LONGEST_SECONDS) -> None:
    """Return when no message waits and nothing is left to lay out or paint; paints at once what is due.

    Stands in for the pilot's own wait, which takes a process that gets no processor for one that is idle, and sleeps
    20 ms at least, twice a key.
    """
    ends_at = time.monotonic() + max_sleep
    quiet_rounds = 0
    while quiet_rounds < QUIET_ROUNDS and time.monotonic() < ends_at:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        quiet_rounds = 0 if _has_something_to_do() else quiet_rounds + 1
    await asyncio.sleep(0.001)  # threads have their turn


def _has_something_to_do() -> bool:
    app = active_app.get()
    try:
        screen = app.screen
    except ScreenStackError:
        return False
    if any(pump.message_queue_size for pump in (app, *screen.walk_children(with_self=True))):
        return True
    if app._resize_event is not None:
        app._check_resize()
        return True
    if screen._layout_required or screen._scroll_required or screen._repaint_required or screen._dirty_widgets:
        screen._on_timer_update()
        return True
    return bool(screen._callbacks)
