"""Lays the blocks of the dashboard out: below each other, or in two or three columns with the wide ones underneath."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest

from textual.content import Content

from tui.widgets.dashboard import blocks
from tui.widgets.dashboard.session_history import DashboardData

TITLE_COLUMNS = 10
TITLE_STYLE = "bold $text-primary"
GAP_COLUMNS = 3
TWO_COLUMNS_FROM, THREE_COLUMNS_FROM = 110, 170

Block = tuple[str, Callable[[DashboardData, int], Iterator[Content]]]
"""A title, and what gives the lines for the data and a width in cells."""

ALERTS: Block = ("ALERTS", blocks.alerts)
CALLS: Block = ("CALLS", blocks.calls)
LATENCY: Block = ("LATENCY", blocks.latency)
TOKENS: Block = ("TOKENS", blocks.tokens)
BREAKERS: Block = ("BREAKERS", blocks.breakers)
QUEUE: Block = ("QUEUE", blocks.queue)
REPAIRS: Block = ("REPAIRS", blocks.repairs)
FAULTS: Block = ("FAULTS", blocks.faults)
AGENTS: Block = ("AGENTS", blocks.agents)
POOL: Block = ("POOL", blocks.pool)
PROCESS: Block = ("PROCESS", blocks.process)

# Most important first: a small terminal shows about half of them before one scrolls.
ONE_COLUMN = (ALERTS, CALLS, LATENCY, BREAKERS, QUEUE, FAULTS, REPAIRS, TOKENS, AGENTS, POOL, PROCESS)
TWO_COLUMNS = ((ALERTS, CALLS, LATENCY, TOKENS, QUEUE, REPAIRS), (BREAKERS, FAULTS, AGENTS, PROCESS))
THREE_COLUMNS = ((ALERTS, CALLS, LATENCY), (BREAKERS, FAULTS, QUEUE, REPAIRS), (TOKENS, AGENTS, PROCESS))


def dashboard_page(data: DashboardData, width: int) -> Content:
    """Return the whole page, no line of it longer than `width` cells."""
    if width < TWO_COLUMNS_FROM:
        return Content("\n").join(_beside_titles(data, ONE_COLUMN, width))
    columns = TWO_COLUMNS if width < THREE_COLUMNS_FROM else THREE_COLUMNS
    each = (width - GAP_COLUMNS * (len(columns) - 1)) // len(columns)
    sides = [list(_below_titles(data, column, each)) for column in columns]
    gap = Content(" " * GAP_COLUMNS)
    rows = [
        gap.join(line.truncate(each, pad=True) for line in row) for row in zip_longest(*sides, fillvalue=Content(""))
    ]
    return Content("\n").join([*rows, Content(""), *_below_titles(data, (POOL,), width)])


def _beside_titles(data: DashboardData, column: Sequence[Block], width: int) -> Iterator[Content]:
    """Give few lines, for a small terminal."""
    for title, lines_of in column:
        head = title
        for line in lines_of(data, width - TITLE_COLUMNS):
            yield (Content.styled(f"{head:<{TITLE_COLUMNS}}", TITLE_STYLE) + line).truncate(width, ellipsis=True)
            head = ""


def _below_titles(data: DashboardData, column: Sequence[Block], width: int) -> Iterator[Content]:
    """Give narrow blocks, for columns beside each other."""
    for index, (title, lines_of) in enumerate(column):
        if index:
            yield Content("")
        yield Content.styled(title, TITLE_STYLE)
        for line in lines_of(data, width - 1):
            yield (Content(" ") + line).truncate(width, ellipsis=True)
