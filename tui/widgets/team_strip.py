"""The whole team in one line, for terminals that show one pane at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widgets import Static

from core.text.sanitize import one_line

if TYPE_CHECKING:
    from tui.widgets.stream.agent_pane import AgentPane


class TeamStrip(Static):
    """One cell an agent: number, short name, glyph and word; the active one is marked. A click chooses an agent."""

    class Chosen(Message):
        """The user clicked on a cell; `number` counts from 1."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self) -> None:
        super().__init__(id="team-strip")
        self._places: list[range] = []
        self._shown: Content | None = None

    def show(self, panes: Sequence[AgentPane], active: int, now: float) -> None:
        """Draw the strip; does nothing when it would look the same."""
        gap, width = 2, self.size.width - 2
        for is_named in (True, False):  # a narrow strip drops the names before the words of the states
            cells = [_cell(pane, now, is_active=i == active, is_named=is_named) for i, pane in enumerate(panes)]
            if sum(cell.cell_length for cell in cells) + gap * (len(cells) - 1) <= width:
                break
        else:
            gap = 1
            room = max(4, (width - gap * (len(cells) - 1)) // max(1, len(cells)))
            cells = [cell.truncate(room, ellipsis=True) for cell in cells]
        content = Content(" " * gap).join(cells)
        if self._shown is None or not content.is_same(self._shown):
            self._shown = content
            self._places = []
            left = 0
            for cell in cells:
                self._places.append(range(left, left + cell.cell_length))
                left += cell.cell_length + gap
            self.update(content, layout=False)

    def on_click(self, event: Click) -> None:
        column = event.x - 1  # the padding on the left
        for number, place in enumerate(self._places, start=1):
            if column in place:
                self.post_message(self.Chosen(number))


def _cell(pane: AgentPane, now: float, *, is_active: bool, is_named: bool) -> Content:
    label = pane.state_label
    short = f"{one_line(pane.card.short, 4)} " if is_named else ""
    name = f"{pane.number}{'▸' if is_active else ' '}{short}"
    state = Content.styled(f"{label.glyph} {one_line(pane.state_brief(now), 12)}", label.style)
    return Content.styled(name, "bold reverse" if is_active else "") + state
