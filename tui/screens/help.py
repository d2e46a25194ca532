"""The help page: every action with its keys, from the registry."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.bindings import Action, KeyTable, key_label

KEY_COLUMN = 18
SECTIONS = (
    ("always", "Always"),
    ("prompt", "While typing"),
    ("panes", "In the panes (Esc leaves the prompt)"),
)
NOTES = (
    "Copying asks the terminal and cannot know whether it did: the same text is always in a file too.",
    "In tmux it needs: set -g set-clipboard on, and: set -g allow-passthrough on.",
    "Keys can be changed in config.toml: [keys], then for example zoom = 'f12'. The names are in brackets.",
)


class HelpScreen(ModalScreen[None]):
    """Lists keys and actions; Esc closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,f1,question_mark,enter", "dismiss", "Close", show=False)]

    def __init__(self, table: KeyTable) -> None:
        super().__init__()
        self._table = table

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"):
            yield Static(help_content(self._table), id="help-text")

    def on_mount(self) -> None:
        box = self.query_one("#help", VerticalScroll)
        box.border_title = Content("Help")
        box.border_subtitle = Content("Up/Down scroll · Esc closes")
        box.focus()


def help_content(table: KeyTable) -> Content:
    """Return the whole page."""
    lines: list[Content] = []
    for layer, title in SECTIONS:
        lines += [Content.styled(title, "bold $text-primary")]
        lines += [_line(action) for action in table.actions if action.layer == layer]
        lines += [Content("")]
    return Content("\n").join([*lines, *(Content.styled(note, "$foreground 60%") for note in NOTES)])


def _line(action: Action) -> Content:
    keys = ", ".join(key_label(key) for key in action.all_keys)
    return Content.assemble(
        (f"{keys:<{KEY_COLUMN}}", "bold $text-accent"),
        f"{action.label}: {action.help}",
        (f" [{action.id}]", "$foreground 60%"),
    )
