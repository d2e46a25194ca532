"""An app without anything that moves by itself: fixed theme and clock, no animation, no blinking, no engine."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot

from core.state.status import EngineStatus
from tests.support.tui.scripted_run import IDLE, FrozenClock
from tui.app import QuintetApp

FROZEN_SETTINGS: dict[str, object] = {"ui.theme": "quintet-dark", "ui.animation": "none", "ui.cursor_blink": False}


def frozen_app(*, clock: FrozenClock | None = None, theme: str = "quintet-dark") -> QuintetApp:
    """Return an app that replays events."""
    return QuintetApp(connect=False, clock=clock or FrozenClock(), overrides={**FROZEN_SETTINGS, "ui.theme": theme})


async def settle(pilot: Pilot[Any], status: EngineStatus = IDLE) -> QuintetApp:
    """Draw everything that is due, and return the app."""
    app = pilot.app
    assert isinstance(app, QuintetApp)
    while not app.main.team.panes:  # they come after the first paint
        await pilot.pause()
    app.show_status(status)
    await pilot.pause()
    app.frame_clock.paint_now()
    app.main.tick()
    await pilot.pause()
    return app
