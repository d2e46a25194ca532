"""What can be seen on a screen, and waiting until it can be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from textual.app import App
from textual.command import CommandList
from textual.message import Message
from textual.notifications import Notify
from textual.pilot import Pilot

HANGS_AFTER_SECONDS = 120  # no test is about time: whatever has not come by then never will


async def until(pilot: Pilot[Any], condition: Callable[[], bool]) -> None:
    """Return when the condition holds; looks again whenever the app has dealt with its messages."""
    async with asyncio.timeout(HANGS_AFTER_SECONDS):
        while not condition():
            await pilot.pause()


def screen_text(app: App[Any]) -> str:
    """Everything on screen, as the terminal would get it."""
    width, height = app.size
    lines = app.screen._compositor.render_strips(app.size)
    assert len(lines) == height
    return "\n".join("".join(segment.text for segment in line)[:width] for line in lines)


class HeardToasts:
    """Hears every toast, as the `message_hook` of an app: one goes after seconds, which a busy machine may need to look."""

    def __init__(self) -> None:
        self._by_identity: dict[str, str] = {}

    def __call__(self, message: Message) -> None:
        if isinstance(message, Notify):
            self._by_identity[message.notification.identity] = message.notification.message

    @property
    def text(self) -> str:
        return "\n".join(self._by_identity.values())


def toasts(app: App[Any]) -> str:
    """What the toasts say that are on the screen now."""
    return "\n".join(notification.message for notification in app._notifications)


def palette_is_filled(app: App[Any]) -> bool:
    return app.screen.query_one(CommandList).option_count > 0
