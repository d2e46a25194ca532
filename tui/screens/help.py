"""The help page: every action with its keys, from the registry, and the keys of the other pages."""

from __future__ import annotations

from collections.abc import Iterator
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
    ("always", "Always (over a page of its own: Help, Stop run, Quit)"),
    ("prompt", "While typing"),
    ("panes", "In the panes (Esc leaves the prompt)"),
)
PAGES: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "dashboard-screen": (
        "In the dashboard",
        (
            ("Esc, q, d", "Back to the panes."),
            ("Up, Down, PgUp, PgDn", "Scroll."),
            ("g, G", "Go to the top, to the bottom."),
        ),
    ),
    "log-screen": (
        "In the log",
        (
            ("Esc, q, L", "Back to the panes; from the words that are looked for, back to the lines."),
            ("Up, Down, k, j", "Mark another line; PgUp and PgDn go by pages, Home and g to the first line."),
            ("Enter", "Open the marked line as a whole; Esc, q or Enter close it."),
            ("d, i, w, e", "Lines of this level and above: DEBUG, INFO, WARNING, ERROR."),
            ("a", "Go to the next agent's lines, at last to those of all."),
            ("r, c", "This run alone, or the run of the marked line; again for all runs."),
            ("/", "Only lines with these words."),
            ("f, End, G", "Follow the newest line; f stops that too."),
            ("x", "Take all filters away."),
        ),
    ),
    "settings": (
        "In the settings",
        (
            ("Esc, q, F2", "Back to the list, then to the panes; asks before changes are lost."),
            ("Up, Down", "Go to another setting."),
            ("Enter", "Change the setting; in its field: done."),
            ("Space", "Go to the next of a few words."),
            ("d, Delete", "Take the line out of your file, so that the setting has the value from below it."),
            ("u", "Undo the change of this setting."),
            ("/", "Find words of a name, a description, a value, a source."),
            ("s, ^S", "Show the changes and save them: Enter saves, d discards, Esc goes on editing."),
        ),
    ),
}
"""The keys of the pages over the panes by their ids; unlike all others they cannot be changed."""
NOTES = (
    "Copying asks the terminal and cannot know whether it did: the same text is always in a file too.",
    "In tmux it needs: set -g set-clipboard on, and: set -g allow-passthrough on.",
    "Keys can be changed in config.toml: [keys], then for example zoom = 'f12'. The names are in brackets.",
)


class HelpScreen(ModalScreen[None]):
    """Lists keys and actions, first those of `page`, which is below it; Esc closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,f1,question_mark,enter", "dismiss", "Close", show=False)]

    def __init__(self, table: KeyTable, page: str = "") -> None:
        super().__init__()
        self._table = table
        self._page = page

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"):
            yield Static(help_content(self._table, self._page), id="help-text")

    def on_mount(self) -> None:
        box = self.query_one("#help", VerticalScroll)
        box.border_title = Content("Help")
        box.border_subtitle = Content("Up/Down scroll · Esc closes")
        box.focus()


def help_content(table: KeyTable, page: str = "") -> Content:
    """Return everything, the keys of `page` first."""
    lines = list(_page_lines(page)) if page in PAGES else []
    for layer, title in SECTIONS:
        lines += [Content.styled(title, "bold $text-primary")]
        lines += [_line(action) for action in table.actions if action.layer == layer]
        lines += [Content("")]
    for other in PAGES:
        if other != page:
            lines += _page_lines(other)
    return Content("\n").join([*lines, *(Content.styled(note, "$foreground 60%") for note in NOTES)])


def _page_lines(page: str) -> Iterator[Content]:
    title, rows = PAGES[page]
    yield Content.styled(title, "bold $text-primary")
    for keys, words in rows:
        yield Content.assemble((f"{keys:<{KEY_COLUMN - 1}} ", "bold $text-accent"), words)
    yield Content("")


def _line(action: Action) -> Content:
    keys = ", ".join(key_label(key) for key in action.all_keys)
    return Content.assemble(
        (f"{keys:<{KEY_COLUMN}}", "bold $text-accent"),
        f"{action.label}: {action.help}",
        (f" [{action.id}]", "$foreground 60%"),
    )
