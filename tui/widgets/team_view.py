"""All panes in one place, laid out by plain arithmetic: one pane, a main pane with a stack of peeks, or a grid."""

from __future__ import annotations

import itertools
import math
from typing import Literal

from textual.containers import Container
from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.reactive import reactive
from textual.widget import Widget

LayoutName = Literal["compact", "standard", "wide"]
LAYOUT_NAMES: tuple[LayoutName, ...] = ("compact", "standard", "wide")

STANDARD_COLUMNS = 100
STANDARD_ROWS = 30
WIDE_COLUMNS = 160
WIDE_ROWS = 45
SMALLEST = Size(60, 20)
MAIN_SHARE = 0.62  # of the width: code in the main pane stays readable, a peek still shows words
LEAST_PEEK_ROWS = 4


def layout_for(size: Size, wished: str = "auto") -> LayoutName:
    """Return the layout for a terminal of that size, or the one that was wished for."""
    for name in LAYOUT_NAMES:
        if wished == name:
            return name
    if size.width < STANDARD_COLUMNS or size.height < STANDARD_ROWS:
        return "compact"
    if size.width < WIDE_COLUMNS or size.height < WIDE_ROWS:
        return "standard"
    return "wide"


def is_too_small(size: Size) -> bool:
    """Return whether nothing useful fits."""
    return size.width < SMALLEST.width or size.height < SMALLEST.height


def shown_cells(name: LayoutName, cells: int, active: int, *, zoomed: bool) -> list[int]:
    """Return the indexes of the cells on screen, the active one first unless all are equal.

    The last cell holds the files: beside a main pane there is no room for it, so it peeks only when it is the main one.
    """
    if zoomed or name == "compact":
        return [active]
    if name == "wide":
        return list(range(cells))
    return [active, *(index for index in range(cells - 1) if index != active)]


def regions_for(name: LayoutName, size: Size, cells: int) -> list[Region]:
    """Return one region for each cell on screen, in the order of `shown_cells`; together they fill `size`."""
    if cells == 1:
        return [Region(0, 0, size.width, size.height)]
    if name == "standard":
        main_width = int(size.width * MAIN_SHARE)
        peeks = min(cells - 1, max(1, size.height // LEAST_PEEK_ROWS))
        tops = [round(index * size.height / peeks) for index in range(peeks + 1)]
        stack = [
            Region(main_width, top, size.width - main_width, below - top) for top, below in itertools.pairwise(tops)
        ]
        return [Region(0, 0, main_width, size.height), *stack]
    columns = math.ceil(math.sqrt(cells))
    rows = math.ceil(cells / columns)
    lefts = [round(index * size.width / columns) for index in range(columns + 1)]
    tops = [round(index * size.height / rows) for index in range(rows + 1)]
    return [
        Region(lefts[column], tops[row], lefts[column + 1] - lefts[column], tops[row + 1] - tops[row])
        for row in range(rows)
        for column in range(columns)
    ][:cells]


class TeamLayout(Layout):
    """Places the cells on screen where `regions_for` says."""

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
    """Holds the agents' panes and, last, the pane of files; knows which is active and how they are laid out.

    Empty until `replace_panes`: the first paint does not wait for the panes.
    """

    arrangement: reactive[LayoutName] = reactive("compact", init=False)
    active: reactive[int] = reactive(0, init=False)
    zoomed: reactive[bool] = reactive(False, init=False)

    def __init__(self, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self._panes: tuple[Widget, ...] = ()
        self._team_layout = TeamLayout()

    @property
    def layout(self) -> Layout:
        """The layout of our own; the styles know Textual's by name only."""
        return self._team_layout

    def on_mount(self) -> None:
        self._show_cells()

    async def replace_panes(self, *panes: Widget) -> None:
        """Show other panes; the first becomes the active one."""
        self._panes = ()
        await self.remove_children()
        self.set_reactive(TeamView.active, 0)
        self._panes = panes
        self._show_cells()
        await self.mount(*panes)

    def shown(self) -> list[Widget]:
        """Return the panes on screen, in the order of their places."""
        if not self._panes:
            return []
        order = shown_cells(self.arrangement, len(self._panes), self.active, zoomed=self.zoomed)
        return [self._panes[index] for index in order]

    def pane_at(self, index: int) -> Widget:
        """Return the pane with that index, from 0."""
        return self._panes[index]

    def index_of(self, pane: Widget) -> int:
        """Return the index of a pane."""
        return self._panes.index(pane)

    def __len__(self) -> int:
        return len(self._panes)

    def watch_arrangement(self) -> None:
        self._show_cells()

    def watch_active(self) -> None:
        self._show_cells()

    def watch_zoomed(self) -> None:
        self._show_cells()

    def _show_cells(self) -> None:
        shown = self.shown()
        for index, pane in enumerate(self._panes):
            pane.display = pane in shown
            pane.set_class(index == self.active, "-active")
        for pane in shown[:1]:
            # Through a child: a widget's own request keeps the arrangement of its children, which is what has changed.
            pane.refresh(layout=True)
