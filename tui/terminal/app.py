"""What an app owes every terminal: keys that act in the order they were typed, bytes that are no text, NO_COLOR, a told crash."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from textual import events, work
from textual.app import App
from textual.driver import Driver
from textual.message_pump import MessagePump

from tui.terminal.signals import terminal_attributes, watch_signals

if TYPE_CHECKING:
    from rich.console import RenderableType

EXIT_CRASHED = 1
MAX_SETTLING_SECONDS = 1.0  # a handler that hangs may delay the keys behind it for so long, and no longer
CHECK_SECONDS = 0.05  # a node that closes answers no more; how often that is looked at

_ORDERED_INPUT = (events.Key, events.Paste, events.MouseDown, events.MouseUp)


class TerminalApp(App[int]):
    """An app that behaves in any terminal; its subclass is the one that has something to show.

    Attributes:
        last_words: lines to print after the screen was given back.
    """

    def __init__(self) -> None:
        # With colours of its own, Textual turns those of an ANSI theme into black on black when NO_COLOR is set.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self._terminal_attributes = terminal_attributes()
        self.last_words: tuple[str, ...] = ()
        self._waiting_input: deque[events.Event] = deque()
        self._is_settling = False

    def get_driver_class(self) -> type[Driver]:
        driver = super().get_driver_class()
        if sys.platform == "win32":
            return driver
        from textual.drivers.linux_driver import LinuxDriver

        from tui.terminal.tolerant_driver import TolerantDriver

        return TolerantDriver if driver is LinuxDriver else driver

    async def on_event(self, event: events.Event) -> None:
        """Hand a key on only when the one before it has had its whole effect.

        Textual passes text to the focused widget at once, but a key that is bound to an action bubbles up first: in a
        burst, as over a slow line, `a b c Backspace d` became `abc`.
        """
        if not isinstance(event, _ORDERED_INPUT) or event.is_forwarded:
            await super().on_event(event)
        elif self._is_settling:
            self._waiting_input.append(event)
        else:
            target = self.focused or self.screen
            await super().on_event(event)
            self._is_settling = True
            self._pass_on_in_order(target)

    def leave_on_signals(self, leave: Callable[[int], None]) -> None:
        """Call `leave(exit code)` when the process is told to end, or when its terminal goes away."""
        watch_signals(leave, self._terminal_attributes)

    @work(group="input in order")
    async def _pass_on_in_order(self, target: MessagePump) -> None:
        try:
            await _settled(target)
            while self._waiting_input:
                event = self._waiting_input.popleft()
                target = self.focused or self.screen
                await super().on_event(event)
                await _settled(target)
        finally:
            self._is_settling = False

    def crashed(self, error: Exception) -> tuple[str, ...]:
        """Return the lines to print when an unexpected fault of our own ends the app."""
        return (f"internal fault {type(error).__name__}",)

    def _fatal_error(self) -> None:
        """End the app; Textual would print a traceback with the locals of every frame, keys among them."""
        if self._exception is not None:
            self.last_words += self.crashed(self._exception)
        self._close_messages_no_wait()

    def panic(self, *renderables: RenderableType) -> None:
        """Exit with what went wrong, and with an exit code that says so."""
        self._return_code = self._return_code or EXIT_CRASHED
        super().panic(*renderables)


async def _settled(target: MessagePump) -> None:
    """Return when a node and everything above it has handled what it had been sent before this call."""
    node: MessagePump | None = target
    with suppress(TimeoutError):
        async with asyncio.timeout(MAX_SETTLING_SECONDS):
            while node is not None:
                handled = asyncio.Event()
                if node.is_running and node.call_later(handled.set):
                    await _wait(handled, node)
                node = node._parent


async def _wait(handled: asyncio.Event, node: MessagePump) -> None:
    while not handled.is_set() and node.is_running:
        with suppress(TimeoutError):
            async with asyncio.timeout(CHECK_SECONDS):
                await handled.wait()
