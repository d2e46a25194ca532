"""Makes the pages that look behind the panes: the dashboard and the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.telemetry.logs import current_log_file
from tui.screens.dashboard import DashboardScreen
from tui.screens.log import LogScreen, LogSource
from tui.widgets.dashboard.session_history import DashboardData, SessionHistory, read_dashboard_data

if TYPE_CHECKING:
    from tui.app import QuintetApp


def dashboard_of(app: QuintetApp, history: SessionHistory) -> DashboardScreen:
    """Return the page of everything that is measured."""

    def read() -> DashboardData:
        status, now = app.engine.status() if app.engine is not None else None, app.clock.monotonic()
        if status is not None:
            history.take(status, now)  # the app itself rests while nothing moves
        return read_dashboard_data(status, history, _short_names(app), now)

    return DashboardScreen(read)


def log_of(app: QuintetApp, history: SessionHistory) -> LogScreen:
    """Return the log of this process, with the lines of the active agent."""

    def source() -> LogSource:
        return LogSource(current_log_file(), app.engine is None or app.engine.settings.logging.structured)

    pane = app.main.active_agent
    return LogScreen(
        source,
        names=_short_names(app),
        agent_id=pane.card.agent_id if pane is not None else None,
        correlation_id=lambda: history.correlation_id,
        cursor_blink=app.main.prompt.cursor_blink,
    )


def _short_names(app: QuintetApp) -> dict[str, str]:
    return {card.agent_id: card.short for card in app.main.cards}
