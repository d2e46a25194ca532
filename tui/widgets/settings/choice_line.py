"""A few words in a line, one of which is chosen."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widgets import Static


class ChoiceLine(Static, can_focus=True):
    """Lets the user choose with the arrow keys, the space bar or a click."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,down,space", "step(1)", "Next", show=False),
        Binding("left,up", "step(-1)", "Previous", show=False),
    ]

    class Changed(Message):
        """The user chose `word`."""

        def __init__(self, word: str) -> None:
            super().__init__()
            self.word = word

    class Accepted(Message):
        """The user pressed Enter."""

    def __init__(self) -> None:
        super().__init__(id="setting-choice")
        self._words: tuple[str, ...] = ()
        self._chosen = ""

    def offer(self, words: tuple[str, ...], chosen: str) -> None:
        """Show these words; `chosen` need not be one of them."""
        self._words, self._chosen = words, chosen
        self._show()

    def action_step(self, step: int) -> None:
        if self._chosen in self._words:
            self.action_choose((self._words.index(self._chosen) + step) % len(self._words))
        elif self._words:
            self.action_choose(0 if step > 0 else len(self._words) - 1)

    def action_choose(self, index: int) -> None:
        self._chosen = self._words[index]
        self._show()
        self.post_message(self.Changed(self._chosen))

    def key_enter(self) -> None:
        self.post_message(self.Accepted())

    def _show(self) -> None:
        self.update(Content("  ").join(self._choice(index, word) for index, word in enumerate(self._words)))

    def _choice(self, index: int, word: str) -> Content:
        is_chosen = word == self._chosen
        shown = Content.styled(f"(●) {word}", "bold $text-accent") if is_chosen else Content(f"( ) {word}")
        return shown.stylize(Style.from_meta({"@click": f"choose({index})"}))
