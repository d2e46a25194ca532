"""Log entries as cached lines: only what is on the screen is ever formatted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from tui.widgets.logs.rows import log_row

if TYPE_CHECKING:
    from core.telemetry.logs.reader import LogEntry

MOST_ENTRIES = 20_000  # in memory; the file has them all
MOST_STRIPS = 500
CURSOR, NO_CURSOR = "▶ ", "  "


class LogView(ScrollView, can_focus=True):
    """A list of entries, newest at the bottom, with a cursor; follows the newest one until the user moves.

    Args:
        names: the short names of the agents by their ids.

    Attributes:
        entries: what is shown.
        cursor: index of the marked entry.
        following: whether the newest entry stays in view.
    """

    ALLOW_SELECT = False  # the mouse chooses entries; a whole entry has text that can be selected

    DEFAULT_CSS = """
    LogView { overflow-x: hidden; overflow-y: scroll; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "first", show=False),
        Binding("end,G", "follow", show=False),
        Binding("enter", "open", show=False),
    ]

    class Opened(Message):
        """The user wants to see the whole entry."""

        def __init__(self, entry: LogEntry) -> None:
            super().__init__()
            self.entry = entry

    class Moved(Message):
        """The cursor has moved, or the view follows now, or no longer."""

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__(id="log")
        self._names = names
        self.entries: list[LogEntry] = []
        self.cursor = 0
        self.following = True
        self._strips: dict[tuple[int, bool], Strip] = {}
        self._is_placing = False

    # -- entries --

    def replace(self, entries: Sequence[LogEntry]) -> None:
        """Show other entries; a view that does not follow keeps its cursor on the same entry, if it is still there."""
        marked = self.marked
        self.entries = list(entries)[-MOST_ENTRIES:]
        if marked is not None and not self.following:
            self.cursor = next((at for at, entry in enumerate(self.entries) if entry == marked), len(self.entries) - 1)
        self._entries_changed()

    def append(self, entries: Sequence[LogEntry]) -> None:
        """Add newer entries; the oldest leave when there are too many."""
        self.entries.extend(entries)
        surplus = len(self.entries) - MOST_ENTRIES
        if surplus > 0:
            del self.entries[:surplus]
            self._strips.clear()
            if not self.following:
                self.cursor = max(0, self.cursor - surplus)
                top = max(0.0, self.scroll_y - surplus)
                self._scroll_so(lambda: self.scroll_to(y=top, animate=False, immediate=True))
        self._entries_changed(only_added=surplus <= 0)

    def follow(self, *, on: bool) -> None:
        """Keep the newest entry in view, or stay where the view is."""
        self.following = on
        if on:
            self._to_end()
        self.post_message(self.Moved())

    @property
    def marked(self) -> LogEntry | None:
        """The entry under the cursor."""
        return self.entries[self.cursor] if 0 <= self.cursor < len(self.entries) else None

    # -- keys and mouse --

    def action_move(self, step: int) -> None:
        self._mark(self.cursor + step)

    def action_page(self, direction: int) -> None:
        self._mark(self.cursor + direction * max(1, self.size.height - 1))

    def action_first(self) -> None:
        self._mark(0)

    def action_follow(self) -> None:
        self.follow(on=True)

    def action_open(self) -> None:
        if self.marked is not None:
            self.post_message(self.Opened(self.marked))

    def on_click(self, event: events.Click) -> None:
        row = round(self.scroll_y) + event.y
        if not 0 <= row < len(self.entries):
            return
        self._mark(row)
        if event.chain > 1:
            self.action_open()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if not self._is_placing and self.following and new_value < self.max_scroll_y:
            self.follow(on=False)

    # -- looks --

    def render_line(self, y: int) -> Strip:
        row = round(self.scroll_y) + y
        width = self.size.width
        if row >= len(self.entries):
            return Strip.blank(width, self.rich_style)
        key = row, row == self.cursor
        strip = self._strips.get(key)
        if strip is None:
            if len(self._strips) >= MOST_STRIPS:
                self._strips.clear()
            strip = self._strips[key] = self._strip(self.entries[row], width, is_marked=key[1])
        return strip

    def _strip(self, entry: LogEntry, width: int, *, is_marked: bool) -> Strip:
        agent = entry.agent_id or ""
        row = log_row(entry, self._names.get(agent, agent))
        line = (Content(CURSOR if is_marked else NO_CURSOR) + row).truncate(width, pad=True)
        if is_marked:
            line = line.stylize("reverse")
        strips = Visual.to_strips(self, line, width, 1, self.visual_style)
        return strips[0].adjust_cell_length(width, self.rich_style)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def on_resize(self) -> None:
        self._strips.clear()
        self._place()

    def _mark(self, row: int) -> None:
        if not self.entries:
            return
        before = self.cursor
        self.cursor = min(max(0, row), len(self.entries) - 1)
        self.following = self.cursor == len(self.entries) - 1
        row_region = Region(0, self.cursor, 1, 1)
        self._scroll_so(lambda: self.scroll_to_region(row_region, animate=False, immediate=True, force=True))
        if before != self.cursor:
            self.refresh()
        self.post_message(self.Moved())

    def _entries_changed(self, *, only_added: bool = False) -> None:
        if not only_added:
            self._strips.clear()
        self.cursor = min(self.cursor, max(0, len(self.entries) - 1))
        self._place()
        self.refresh()
        self.post_message(self.Moved())

    def _place(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.entries))
        if self.following:
            self._to_end()

    def _to_end(self) -> None:
        self.cursor = max(0, len(self.entries) - 1)
        self._scroll_so(lambda: self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True))
        self.refresh()

    def _scroll_so(self, scroll: Callable[[], object]) -> None:
        """Scroll without stopping to follow, as a scroll of the user does."""
        self._is_placing = True
        try:
            scroll()
        finally:
            self._is_placing = False
