"""Opens the pages over the main screen: help, dashboard, log, settings and the palette."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.command import CommandPalette

from core.clock import Clock
from core.errors import QuintetError
from tui.control.services import AppServices
from tui.screens.main import MainScreen
from tui.theme import shipped_theme_names

if TYPE_CHECKING:
    from core.settings.editing.draft import Draft
    from tui.screens.settings import SettingsScreen
    from tui.widgets.dashboard.session_history import SessionHistory


class PageOpener:
    """Makes the pages from what the app has at that moment; none but help and palette opens over another page.

    Args:
        app: where the pages are pushed.
        services: gives the engine, and says what went wrong.
        main: the screen below.
        history: gives what the router has followed so far; None until there is a router.
        overrides: settings of the command line by their dotted names.
        clock: the time of the dashboard.
    """

    def __init__(
        self,
        app: App[Any],  # Any: what the app returns plays no part
        services: AppServices,
        *,
        main: MainScreen,
        history: Callable[[], SessionHistory | None],
        overrides: Mapping[str, object],
        clock: Clock,
    ) -> None:
        self._app = app
        self._services = services
        self._main = main
        self._history = history
        self._overrides = overrides
        self._clock = clock
        self._settings: SettingsScreen | None = None  # the last one that was opened

    def help(self) -> None:
        """Open the help, with the keys of the page below first, or close it."""
        from tui.screens.help import HelpScreen

        app = self._app
        if isinstance(app.screen, HelpScreen):
            app.screen.dismiss()
        else:
            app.push_screen(HelpScreen(self._main.table, page=app.screen.id or ""))

    def palette(self) -> None:
        """Open the palette of all actions."""
        if not isinstance(self._app.screen, CommandPalette):
            self._app.push_screen(CommandPalette(id="--command-palette"))

    def dashboard(self) -> None:
        """Open the page of everything that is measured."""
        from tui.screens.dashboard import DashboardScreen
        from tui.widgets.dashboard.session_history import DashboardData, read_dashboard_data

        history = self._history()
        if self._app.screen is not self._main or history is None:
            return

        def read() -> DashboardData:
            engine, now = self._services.engine, self._clock.monotonic()
            status = engine.status() if engine is not None else None
            if status is not None:
                history.take(status, now)  # the app itself rests while nothing moves
            return read_dashboard_data(status, history, self._short_names(), now)

        self._app.push_screen(DashboardScreen(read))

    def log(self) -> None:
        """Open the log of this process, with the lines of the active agent."""
        from core.telemetry.logs import current_log_file
        from tui.screens.log import LogScreen, LogSource

        history = self._history()
        if self._app.screen is not self._main or history is None:
            return

        def source() -> LogSource:
            engine = self._services.engine
            return LogSource(current_log_file(), engine is None or engine.settings.logging.structured)

        pane = self._main.team.active_agent
        screen = LogScreen(
            source,
            names=self._short_names(),
            agent_id=pane.card.agent_id if pane is not None else None,
            correlation_id=lambda: history.correlation_id,
            cursor_blink=self._main.prompt.cursor_blink,
        )
        self._app.push_screen(screen)

    def settings(self) -> None:
        """Open the settings, as soon as their sources are read."""
        if self._app.screen is self._main:
            self._app.run_worker(self._open_settings(), group="settings", exclusive=True)

    def settings_hold_back(self, leave: Callable[[], None]) -> bool:
        """Return whether open settings have changes to be asked about; `leave` is called when the user agrees."""
        page = self._settings
        return page is not None and page in self._app.screen_stack and page.holds_back(leave)

    async def _open_settings(self) -> None:
        engine, main = self._services.engine, self._main
        words = {"ui.theme": shipped_theme_names(), "team.workflow": tuple(main.workflows)}
        try:
            screen_class, draft = await asyncio.to_thread(_prepare_settings_screen, self._overrides)
        except QuintetError as error:
            self._services.say(str(error), "error")
            return
        if self._app.screen is main:
            in_use = engine.settings if engine is not None else None
            blink = main.prompt.cursor_blink
            self._settings = screen_class(draft, in_use=in_use, choices=words, cursor_blink=blink)
            self._app.push_screen(self._settings)

    def _short_names(self) -> dict[str, str]:
        return {card.agent_id: card.short for card in self._main.team.cards}


def _prepare_settings_screen(overrides: Mapping[str, object]) -> tuple[type[SettingsScreen], Draft]:
    """Import what the settings need and read their sources; both take a moment."""
    from core.settings.editing.draft import Draft
    from tui.screens.settings import SettingsScreen

    return SettingsScreen, Draft(overrides=overrides)
