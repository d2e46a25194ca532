"""The first screen: what is connected, what to press, and a task that runs as it stands."""

from __future__ import annotations

import textwrap

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from core.roster import AgentCard
from core.status import EngineStatus
from tui.bindings import KeyTable, key_label
from tui.widgets.plain import one_line
from tui.widgets.sidebar import model_note

SAMPLE_TASK = "Write a Python function that reverses a string, with tests"
WORD_COLUMN = 11
KEYS_SHOWN = ("send", "back", "palette", "help", "quit")


class Welcome(VerticalScroll):
    """Stands where the panes will be until the first run."""

    def __init__(self, cards: tuple[AgentCard, ...]) -> None:
        super().__init__(id="welcome", classes="pane")
        self._text = Static(id="welcome-text")
        self._cards = cards
        self._status: EngineStatus | None = None
        self._table = KeyTable()

    def compose(self) -> ComposeResult:
        yield self._text

    def on_mount(self) -> None:
        self.border_title = Content("Welcome")
        self._draw()

    def show_team(self, cards: tuple[AgentCard, ...]) -> None:
        """Name another team."""
        self._cards = cards
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def show(self, status: EngineStatus | None, table: KeyTable) -> None:
        """Say what is connected and which keys work."""
        if (status and status.endpoint) != (self._status and self._status.endpoint) or table != self._table:
            self._status, self._table = status, table
            self._draw()

    def _draw(self) -> None:
        self._text.update(self._content())

    def _content(self) -> Content:
        width = self.size.width or 76
        names = ", ".join(one_line(card.title, 30) for card in self._cards)
        connected = "… finding out what answers" if self._status is None else model_note(self._status)
        keys = [
            Content.styled(key_label((row.keys + row.pane_keys)[0]), "bold $text-accent") + Content(f" {row.label}")
            for row in (self._table.find(action_id) for action_id in KEYS_SHOWN)
        ]
        lines = [
            Content.styled(f"{len(self._cards)} specialists take a software task to finished, checked files.", "bold"),
            Content.styled(names, "$foreground 60%"),
            Content(""),
            *_entry("Connected", connected, width),
            Content(""),
            *_entry("Try it", f"press Enter on the empty prompt to run “{SAMPLE_TASK}”", width),
            *_entry("", "or type a task of your own.", width),
            Content(""),
            *_entry("Files", "every run gets a folder of its own in the output folder.", width),
            _word("Keys") + Content("   ").join(keys),
        ]
        return Content("\n").join(lines)


def _word(word: str) -> Content:
    return Content.styled(f"{word:<{WORD_COLUMN}}", "bold $text-primary")


def _entry(word: str, text: str, width: int) -> list[Content]:
    first, *more = textwrap.wrap(text, max(20, width - WORD_COLUMN))
    return [_word(word) + Content(first), *(Content(" " * WORD_COLUMN + line) for line in more)]
