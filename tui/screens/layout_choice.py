"""Which layout the main screen has: the one that its size asks for, or the one that the user forces on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from textual.content import Content
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Static

from core.kinds import LayoutSetting
from tui.widgets.sidebar import Sidebar
from tui.widgets.team_layout import LAYOUT_NAMES, SMALLEST, is_too_small, layout_for
from tui.widgets.team_view import TeamView

CHOICES: tuple[LayoutSetting, ...] = get_args(LayoutSetting)


class LayoutChoice:
    """Sets the classes of `screen`, the arrangement of the panes, and whether the sidebar is there.

    Calls `arranged` when the widgets have their new sizes.
    """

    def __init__(
        self,
        screen: Screen[None],
        *,
        team: TeamView,
        sidebar: Sidebar,
        too_small: Static,
        arranged: Callable[[], None],
    ) -> None:
        self._screen = screen
        self._team = team
        self._sidebar = sidebar
        self._too_small = too_small
        self._arranged = arranged
        self._forced: LayoutSetting = "auto"
        self._has_sidebar: bool | None = None  # None: as the layout has it

    def force(self, name: LayoutSetting) -> None:
        """Force a layout, or let the size of the terminal decide with "auto"."""
        self._forced = name
        self.arrange()

    def force_next(self) -> None:
        """Go to the next choice, and say which it is."""
        self.force(CHOICES[(CHOICES.index(self._forced) + 1) % len(CHOICES)])
        self._screen.notify(f"layout: {self._forced}", markup=False)

    def toggle_sidebar(self) -> None:
        """Show or hide the sidebar, whatever the layout would do."""
        self._has_sidebar = not self._sidebar.display
        self.arrange()

    def arrange(self) -> None:
        """Lay the screen out for the size that the terminal has now."""
        screen = self._screen
        if not screen.is_mounted:
            return
        size = screen.app.size
        name = layout_for(size, self._forced)
        before = screen.classes
        for other in LAYOUT_NAMES:
            screen.set_class(other == name, f"-{other}", update=False)
        screen.set_class(is_too_small(size), "-tiny", update=False)
        if screen.classes != before:
            screen.update_node_styles()
        self._too_small.update(_too_small_words(size))
        self._sidebar.display = name != "compact" if self._has_sidebar is None else self._has_sidebar
        self._team.arrangement = name
        screen.call_after_refresh(self._arranged)


def _too_small_words(size: Size) -> Content:
    needed = f"{SMALLEST.width}x{SMALLEST.height}"
    return Content(f"Too small: {size.width}x{size.height}.\nQuintet needs {needed}.\nNothing is lost; make it larger.")
