"""The dashboard: rates, latencies, breakers, pool, agents and alerts on one page that is read twice a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from tui.widgets.dashboard.page import dashboard_page
from tui.widgets.dashboard.session_history import DashboardData
from tui.widgets.key_line import key_line

READ_SECONDS = 0.5
KEYS = (
    ("Esc", "Back", "screen.dismiss"),
    ("Up/Down PgUp/PgDn", "Scroll", ""),
    ("g", "Top", "screen.top"),
    ("G", "Bottom", "screen.bottom"),
)


class DashboardPage(VerticalScroll, can_focus=True):
    """The text of the dashboard; lays out again only when the number of its lines has changed."""

    def __init__(self, read: Callable[[], DashboardData]) -> None:
        super().__init__(id="dashboard")
        self._read = read
        self._text = Static(id="dashboard-text")
        self._shown: Content | None = None

    def compose(self) -> ComposeResult:
        yield self._text

    def on_resize(self) -> None:
        self.look_again()

    def look_again(self) -> None:
        """Draw what is so now."""
        width = self.scrollable_content_region.width
        if width <= 0:
            return
        content = dashboard_page(self._read(), width)
        before, self._shown = self._shown, content
        if before is None or not content.is_same(before):
            has_other_height = before is None or before.plain.count("\n") != content.plain.count("\n")
            self._text.update(content, layout=has_other_height)


class DashboardScreen(Screen[None]):
    """Shows what `read` returns until Esc."""

    AUTO_FOCUS = "#dashboard"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,d", "dismiss", "Back", show=False),
        Binding("g", "top", "Top", show=False),
        Binding("G", "bottom", "Bottom", show=False),
    ]

    def __init__(self, read: Callable[[], DashboardData]) -> None:
        super().__init__(id="dashboard-screen")
        self._page = DashboardPage(read)

    def compose(self) -> ComposeResult:
        yield Static(Content.styled("Quintet dashboard", "bold $text-primary"), classes="screen-head")
        yield self._page
        yield Static(key_line(KEYS), classes="screen-keys")

    def on_mount(self) -> None:
        self.set_interval(READ_SECONDS, self._page.look_again)

    def action_top(self) -> None:
        self._page.scroll_home(animate=False)

    def action_bottom(self) -> None:
        self._page.scroll_end(animate=False)
