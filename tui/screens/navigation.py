"""Which pane is the active one, what the keys scroll, and the way between prompt, panes and the welcome page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.screen import Screen
from textual.widget import Widget

from tui.widgets.activity import Activity
from tui.widgets.prompt.prompt import Prompt
from tui.widgets.team_view import TeamView
from tui.widgets.welcome import Welcome

if TYPE_CHECKING:
    from tui.widgets.stream.agent_pane import AgentPane
    from tui.widgets.stream.stream_view import StreamView

WELCOME_CLASS = "-welcome"


class Navigation:
    """Moves over the panes of `screen`; calls `changed` when another pane is the active one."""

    def __init__(
        self, screen: Screen[None], *, team: TeamView, prompt: Prompt, welcome: Welcome, changed: Callable[[], None]
    ) -> None:
        self._screen = screen
        self._team = team
        self._prompt = prompt
        self._welcome = welcome
        self._changed = changed
        self._user_chose_pane = False

    @property
    def is_at_welcome(self) -> bool:
        """Whether the welcome page is shown in the place of the panes."""
        return self._screen.has_class(WELCOME_CLASS)

    def leave_welcome(self) -> None:
        """Show the panes."""
        self._screen.set_class(False, WELCOME_CLASS)

    def begin_run(self) -> None:
        """Show the panes, of which the user has chosen none yet."""
        self.leave_welcome()
        self._user_chose_pane = False

    def show_working(self, pane: AgentPane) -> None:
        """Make the pane of an agent that begins to work the active one, unless the user reads or chose another."""
        active = self._team.active_agent
        if self._user_chose_pane or (active is not None and not active.view.following):
            return
        is_in_panes = self._screen.focused is not None and self._screen.focused is not self._prompt
        self.activate(self._team.cells.index(pane))
        if is_in_panes:  # else the prompt would take the keys of a user whose pane gave way
            self.focus_active()

    def activate(self, index: int) -> None:
        """Make the pane with that index, from 0, the active one."""
        if index != self._team.active:
            self._team.active = index
            self._changed()

    def activate_focused(self, focused: Widget) -> None:
        """Make the pane that holds the focus the active one."""
        for index, pane in enumerate(self._team.cells):
            if focused is pane or pane in focused.ancestors:
                self.activate(index)

    def focus_active(self) -> None:
        """Let the keys go to the active pane."""
        self._scrolled().focus()

    # Keys.

    def focus_pane(self, number: int) -> None:
        """Go to the pane with that number, from 1; does nothing when there is none."""
        if number > len(self._team.cells):
            return
        self.leave_welcome()
        self._user_chose_pane = True
        self.activate(number - 1)
        self.focus_active()

    def next_pane(self, step: int = 1) -> None:
        """Go to the next pane; the prompt keeps the keys if it has them."""
        if not self._team.cells:
            return
        self.leave_welcome()
        self._user_chose_pane = True
        self.activate((self._team.active + step) % len(self._team.cells))
        if not self._prompt.has_focus:
            self.focus_active()

    def previous_pane(self) -> None:
        """Go to the pane before."""
        self.next_pane(-1)

    def scroll_up(self) -> None:
        """Scroll up by a page."""
        self._scrolled().scroll_page_up(animate=False)

    def scroll_down(self) -> None:
        """Scroll down by a page."""
        self._scrolled().scroll_page_down(animate=False)

    def top(self) -> None:
        """Go to the first line."""
        self._scrolled().scroll_home(animate=False)

    def bottom(self) -> None:
        """Go to the end, and follow what an agent writes."""
        agent = self._team.active_agent
        if agent is not None and not self.is_at_welcome:
            agent.view.scroll_to_end_and_follow()
        else:
            self._scrolled().scroll_end(animate=False)

    def to_prompt(self) -> None:
        """Let the keys go to the prompt."""
        self._prompt.focus()

    def zoom(self) -> None:
        """Give the active pane the whole place, or take it back."""
        if self._team.cells:
            self.leave_welcome()
        self._team.zoomed = not self._team.zoomed

    def back(self) -> None:
        """Go one level back: from the prompt to the panes, from one pane to all."""
        if self._prompt.has_focus:
            if self._team.cells:
                self.leave_welcome()
            self.focus_active()
        elif self._team.zoomed:
            self._team.zoomed = False

    def _scrolled(self) -> StreamView | Activity | Welcome:
        if self.is_at_welcome:
            return self._welcome
        agent = self._team.active_agent
        return agent.view if agent is not None else self._team.activity
