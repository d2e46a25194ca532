"""All panes in one place: the agents' and, last, that of the files; knows which one is active."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual.containers import Container
from textual.geometry import NULL_OFFSET, NULL_SPACING, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.reactive import reactive
from textual.widget import Widget

from core.clock import Clock
from core.kinds import LayoutName
from tui.widgets.activity import Activity
from tui.widgets.team_layout import regions_for, shown_cells

if TYPE_CHECKING:
    from core.roster import AgentCard
    from tui.widgets.stream.agent_pane import AgentPane


class TeamLayout(Layout):
    """Places the panes on screen where `regions_for` says."""

    name = "team"

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> ArrangeResult:
        del greedy
        assert isinstance(parent, TeamView)  # noqa: S101  # narrows the type; this layout has one parent
        order = [widget for widget in parent.shown() if widget in children]
        regions = regions_for(parent.arrangement, size, len(order)) if order else []
        return [
            WidgetPlacement(region, NULL_OFFSET, NULL_SPACING, widget)
            for widget, region in zip(order, regions, strict=False)
        ]


class TeamView(Container):
    """Holds the panes of the team and how they are laid out.

    Empty until `show_team`: the first paint does not wait for the panes.

    Attributes:
        cards: who is on the team.
        panes: one an agent, in the team's order.
        activity: the pane of the files.
        cells: all of these panes in the order of their numbers.
    """

    arrangement: reactive[LayoutName] = reactive("compact", init=False)
    active: reactive[int] = reactive(0, init=False)
    zoomed: reactive[bool] = reactive(False, init=False)

    def __init__(self, clock: Clock) -> None:
        super().__init__(id="team")
        self.cards: tuple[AgentCard, ...] = ()
        self.panes: tuple[AgentPane, ...] = ()
        self.activity = Activity(1)
        self.cells: tuple[Widget, ...] = ()
        self._clock = clock
        self._team_layout = TeamLayout()

    @property
    def layout(self) -> Layout:
        """The layout of our own; the styles know Textual's by name only."""
        return self._team_layout

    async def show_team(self, cards: tuple[AgentCard, ...]) -> None:
        """Give every agent a pane, instead of the panes there may be; the first becomes the active one."""
        if cards == self.cards:
            return
        make_pane = await asyncio.to_thread(_import_agent_pane)
        panes = tuple(make_pane(card, number, self._clock) for number, card in enumerate(cards, start=1))
        activity = Activity(len(cards) + 1)
        self.cells = ()
        await self.remove_children()
        self.set_reactive(TeamView.active, 0)
        self.cells = (*panes, activity)
        self._show_cells()
        await self.mount(*self.cells)
        self.cards, self.panes, self.activity = cards, panes, activity

    @property
    def active_agent(self) -> AgentPane | None:
        """The active pane's agent; None while the files are looked at."""
        return self.panes[self.active] if self.active < len(self.panes) else None

    @property
    def has_wait_to_end(self) -> bool:
        """Whether an agent waits for something that the user may end."""
        return any(pane.status.has_wait_to_end for pane in self.panes)

    def pane_of(self, agent_id: str) -> AgentPane | None:
        """Return the pane of an agent; None for one who came after the start."""
        return next((pane for pane in self.panes if pane.card.agent_id == agent_id), None)

    def shown(self) -> list[Widget]:
        """Return the panes on screen, in the order of their places."""
        cells = self.cells
        if not cells:
            return []
        return [cells[index] for index in shown_cells(self.arrangement, len(cells), self.active, zoomed=self.zoomed)]

    def watch_arrangement(self) -> None:
        self._show_cells()

    def watch_active(self) -> None:
        self._show_cells()

    def watch_zoomed(self) -> None:
        self._show_cells()

    def _show_cells(self) -> None:
        shown = self.shown()
        for index, pane in enumerate(self.cells):
            pane.display = pane in shown
            pane.set_class(index == self.active, "-active")
        for pane in shown[:1]:
            # Through a child: a widget's own request keeps the arrangement of its children, which is what has changed.
            pane.refresh(layout=True)


def _import_agent_pane() -> type[AgentPane]:
    from tui.widgets.stream.agent_pane import AgentPane

    return AgentPane
