"""Shows what saving would change in the user's file, and asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from core.settings.editing.saving import DiffLine, DiffSign
from core.text.sanitize import many_lines, one_line

SaveAnswer = Literal["save", "discard"]
STYLES: Mapping[DiffSign, str] = {
    "-": "$text-error",
    "+": "$text-success",
    "@": "bold $text-primary",
    " ": "$foreground 60%",
}


class ChangesScreen(ModalScreen[SaveAnswer | None]):
    """Asks whether to save; None goes back to editing.

    Args:
        title: what is asked.
        lines: the difference; without any, nothing can be saved.
        notes: what else the user should know.
        leaving: the user wants to leave, and may discard the changes.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,ctrl+s", "save", "Save", show=False),
        Binding("d", "discard", "Discard", show=False),
        Binding("escape", "back", "Back", show=False),
    ]

    def __init__(self, title: str, lines: Iterable[DiffLine], notes: Iterable[str], *, leaving: bool) -> None:
        super().__init__()
        self._title = title
        self._lines = tuple(lines)
        self._notes = tuple(notes)
        self._leaving = leaving

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="changes"):
            yield Static(Content("\n").join(self._page()), id="changes-text")

    def on_mount(self) -> None:
        box = self.query_one("#changes", VerticalScroll)
        keys = [
            *(["Enter saves"] if self._lines else []),
            *(["d discards"] if self._leaving else []),
            "Esc goes on editing",
        ]
        box.border_title = Content(self._title)
        box.border_subtitle = Content(" · ".join(keys))
        box.focus()

    def _page(self) -> Iterator[Content]:
        for line in self._lines:
            sign = " " if line.sign == "@" else line.sign
            yield Content.styled(f"{sign} {many_lines(line.text, 400)}", STYLES[line.sign])
        if self._lines and self._notes:
            yield Content("")
        for note in self._notes:
            yield Content(one_line(note, 600))

    def action_save(self) -> None:
        if self._lines:
            self.dismiss("save")

    def action_discard(self) -> None:
        if self._leaving:
            self.dismiss("discard")

    def action_back(self) -> None:
        self.dismiss(None)
