"""The last line: the most useful keys of this moment, as many as fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widgets import Static

from tui.bindings import Action, key_label


class KeyBar(Static):
    """Shows keys with their labels; a click does what the key does."""

    class Pressed(Message):
        """The user clicked on the key of `action`."""

        def __init__(self, action: Action) -> None:
            super().__init__()
            self.action = action

    def __init__(self, actions: Iterable[Action]) -> None:
        super().__init__(id="key-bar")
        self._rows = _in_order(actions, running=False, waiting=False)
        self._typing = True

    def show(self, actions: Iterable[Action], *, typing: bool, running: bool, waiting: bool) -> None:
        """Offer the actions that work now, `footer` 1 first.

        `typing`: the prompt has the focus; `running`: a run is on; `waiting`: an agent has a wait that can be ended.
        """
        self._rows = _in_order(actions, running=running, waiting=waiting)
        self._typing = typing
        self.refresh()

    def render(self) -> Content:
        return Content("  ").join(item for _, item, _ in self._laid_out())

    def _laid_out(self) -> Iterator[tuple[range, Content, Action]]:
        """Give what fits, with its place and what it does."""
        left = 0
        for row in self._rows:
            key = _key_now(row, typing=self._typing)
            if key is None:
                continue
            item = Content.styled(key_label(key), "bold $text-accent") + Content(f" {row.label}")
            if left + item.cell_length > self.size.width:
                continue
            yield range(left, left + item.cell_length), item, row
            left += item.cell_length + 2

    def on_click(self, event: Click) -> None:
        column = event.x - 1  # the padding on the left
        for place, _, row in self._laid_out():
            if column in place:
                self.post_message(self.Pressed(row))


def _in_order(actions: Iterable[Action], *, running: bool, waiting: bool) -> tuple[Action, ...]:
    useful = (
        row for row in actions if row.footer and (running or not row.needs_run) and (waiting or not row.needs_wait)
    )
    return tuple(sorted(useful, key=lambda row: row.footer))


def _key_now(row: Action, *, typing: bool) -> str | None:
    if typing:
        return row.keys[0] if row.layer != "panes" and row.keys else None
    if row.layer == "prompt":
        return None
    return (row.pane_keys or row.keys or (None,))[0]
