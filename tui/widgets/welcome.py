"""The first screen: what is connected, who is on the team, a task that runs as it stands, where files go, the keys."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widgets import Static

from core.text.sanitize import one_line
from tui.bindings import KeyTable, key_label
from tui.widgets.sidebar import WHAT_TO_DO, model_words
from tui.words.sample import SAMPLE_TASK

if TYPE_CHECKING:
    from core.roster import AgentCard
    from core.state.status import EndpointStatus

WORD_COLUMN = 12
WIDEST_TEXT = 88  # columns; longer lines are hard to read
KEYS_SHOWN = ("send", "back", "palette", "help", "quit")
ENDPOINT_STATE_SIGNS = {
    "idle": ("·", "$foreground"),
    "starting": ("…", "$text-warning"),
    "ready": ("✓", "$text-success"),
    "failed": ("✗", "$text-error"),
}


@dataclass(frozen=True, slots=True)
class WelcomeInfo:
    """What the page says; what is not known yet is empty.

    `other_workflow` is one that the sample is no task for; `problem` is why there will be no engine.
    """

    cards: tuple[AgentCard, ...] = ()
    off: frozenset[str] = frozenset()
    endpoint: EndpointStatus | None = None
    output_folder: str = ""
    other_workflow: str = ""
    table: KeyTable = field(default_factory=KeyTable)
    problem: str = ""


class WelcomeText(Static):
    """Lays the words out for its width, so that the first frame has them in their places already."""

    def __init__(self) -> None:
        super().__init__(id="welcome-text")
        self.info = WelcomeInfo()

    def render(self) -> Content:
        return Content("\n").join(_lines(self.info, self.size.width))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        del container, viewport
        return sum(1 for _ in _lines(self.info, width))


class Welcome(VerticalScroll):
    """Stands where the panes will be until the first run."""

    def __init__(self) -> None:
        super().__init__(id="welcome", classes="pane")
        self._text = WelcomeText()

    def compose(self) -> ComposeResult:
        yield self._text

    def on_mount(self) -> None:
        self.border_title = Content("Welcome")

    def show(self, info: WelcomeInfo) -> None:
        """Say what is known now; draws nothing when that is nothing new."""
        if info != self._text.info:
            self._text.info = info
            self._text.refresh(layout=True)


def _lines(info: WelcomeInfo, columns: int) -> Iterator[Content]:
    width = min(WIDEST_TEXT, columns)
    yield Content.styled("A team of LLM specialists takes a software task to finished, checked files.", "bold")
    yield Content.styled("You watch every one of them at work, and steer.", "$foreground 60%")
    yield Content("")
    yield from _entry("Connected", _connection(info.endpoint, info.problem), width, least_rows=2)
    yield Content("")
    yield from _entry("Team", [(_team(info), "")], width, least_rows=2)
    yield Content("")
    yield from _try_it(info, width)
    yield Content("")
    folder = info.output_folder or "output"
    yield from _entry("Files", [(f"every run gets a folder of its own in {one_line(folder, 120)}/", "")], width)
    yield Content("")
    yield from _keys(info.table, width)


def _try_it(info: WelcomeInfo, width: int) -> Iterator[Content]:
    commands = key_label(info.table.find("palette").all_keys[0])
    if info.other_workflow:
        words = f"type a task for the workflow “{one_line(info.other_workflow, 40)}” and press Enter"
        yield from _entry("Try it", [(words, "bold")], width)
        yield from _entry("", [(f"{commands} has the other workflows", "")], width)
        return
    yield from _entry("Try it", [(f"press Enter on the empty prompt: “{SAMPLE_TASK}”", "bold")], width)
    yield from _entry("", [(f"or type a task of your own; {commands} has more workflows", "")], width)


def _connection(endpoint: EndpointStatus | None, problem: str) -> list[tuple[str, str]]:
    """Return what answers, or why nothing ever will, in paragraphs with their styles."""
    if problem:
        return [(f"✗ not started: {one_line(problem, 400)}", "$text-error")]
    if endpoint is None:
        return [("… finding out what answers", "$text-warning")]
    glyph, style = ENDPOINT_STATE_SIGNS.get(endpoint.state, ("?", "$text-warning"))
    state = "set up, first used by the first run" if endpoint.state == "idle" else endpoint.state
    words = [(f"{glyph} {state}: {model_words(endpoint)}", style)]
    if endpoint.state == "failed":
        return [(f"✗ failed: {one_line(endpoint.note, 400) or model_words(endpoint)}", style), (WHAT_TO_DO, "")]
    if endpoint.note and endpoint.kind != "embedded":
        words.append((f"! {one_line(endpoint.note, 300)}", "$text-warning"))
    return words


def _team(info: WelcomeInfo) -> str:
    """Return the names of the team, and who is switched off."""
    names = [one_line(card.title, 30) + (" (off)" if card.agent_id in info.off else "") for card in info.cards]
    return ", ".join(names) or "…"


def _keys(table: KeyTable, width: int) -> Iterator[Content]:
    """Show each key with what it does, wrapped between keys."""
    rows: list[list[Content]] = [[]]
    for row in (table.find(action_id) for action_id in KEYS_SHOWN):
        item = Content.styled(key_label(row.all_keys[0]), "bold $text-accent") + Content(f" {row.label}")
        used = sum(other.cell_length + 3 for other in rows[-1])
        if rows[-1] and WORD_COLUMN + used + item.cell_length > width:
            rows.append([])
        rows[-1].append(item)
    for number, items in enumerate(rows):
        yield _word("" if number else "Keys") + Content("   ").join(items)


def _entry(word: str, paragraphs: Sequence[tuple[str, str]], width: int, *, least_rows: int = 1) -> Iterator[Content]:
    """Give a word and the text beside it; with `least_rows` nothing below moves when a longer text becomes known."""
    rows = 0
    for text, style in paragraphs:
        for line in textwrap.wrap(text, max(20, width - WORD_COLUMN)):
            yield _word("" if rows else word) + Content.styled(line, style)
            rows += 1
    for _ in range(rows, least_rows):
        yield Content("")


def _word(word: str) -> Content:
    return Content.styled(f"{word:<{WORD_COLUMN}}", "bold $text-primary")
