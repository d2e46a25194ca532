"""The last line: the most useful keys of this moment, as many as fit."""

from __future__ import annotations

from collections.abc import Iterable

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

    def __init__(self) -> None:
        super().__init__(id="key-bar")
        self._rows: tuple[Action, ...] = ()
        self._typing = True
        self._places: list[tuple[range, Action]] = []

    def show(self, actions: Iterable[Action], *, typing: bool, running: bool) -> None:
        """Offer the actions that work now, `footer` 1 first; `typing` says whether the prompt has the focus."""
        useful = (row for row in actions if row.footer and (running or not row.needs_run))
        self._rows = tuple(sorted(useful, key=lambda row: row.footer))
        self._typing = typing
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        self._places.clear()
        content = Content("")
        for row in self._rows:
            key = _key_now(row, typing=self._typing)
            if key is None:
                continue
            item = Content.styled(key_label(key), "bold $text-accent") + Content(f" {row.label}")
            left = content.cell_length + 2 if content else 0
            if left + item.cell_length > self.size.width - 2:
                continue
            self._places.append((range(left, left + item.cell_length), row))
            content = content + Content("  ") + item if content else item
        self.update(content, layout=False)

    def on_click(self, event: Click) -> None:
        column = event.x - 1  # the padding on the left
        for place, row in self._places:
            if column in place:
                self.post_message(self.Pressed(row))


def _key_now(row: Action, *, typing: bool) -> str | None:
    if typing:
        return row.keys[0] if row.layer != "panes" and row.keys else None
    if row.layer == "prompt":
        return None
    return (row.pane_keys or row.keys or (None,))[0]
