"""Where the panes stand, by plain arithmetic: one pane, a main pane with a stack of peeks, or a grid."""

from __future__ import annotations

import itertools
import math
from typing import get_args

from textual.geometry import Region, Size

from core.kinds import LayoutName, LayoutSetting

LAYOUT_NAMES: tuple[LayoutName, ...] = get_args(LayoutName)

STANDARD_COLUMNS = 100
STANDARD_ROWS = 30
WIDE_COLUMNS = 160
WIDE_ROWS = 45
SMALLEST = Size(60, 20)
MAIN_SHARE = 0.62  # of the width: code in the main pane stays readable, a peek still shows words
LEAST_PEEK_ROWS = 4


def layout_for(size: Size, forced: LayoutSetting = "auto") -> LayoutName:
    """Return the layout for a terminal of that size, or the one that is forced on it."""
    for name in LAYOUT_NAMES:
        if forced == name:
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
