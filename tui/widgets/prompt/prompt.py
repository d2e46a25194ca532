"""Where the user types: Enter sends, a paste never does, and nothing but sending empties it."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import TextArea

from core.text.sanitize import many_lines
from tui.bindings import make_bindings
from tui.widgets.prompt.history import PromptHistory

LONGEST_PASTE = 300_000  # characters; more than a task may have, so that nothing of one is lost without a word


class Prompt(TextArea):
    """A text area without a language: highlighting brings in a parser that may crash the process."""

    BINDINGS: ClassVar[list[BindingType]] = list(make_bindings("prompt"))

    class Sent(Message):
        """The user pressed Enter; `text` may be empty, and the prompt is empty now."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, *, placeholder: str, cursor_blink: bool) -> None:
        super().__init__(
            id="prompt", placeholder=placeholder, highlight_cursor_line=False, compact=True, soft_wrap=True
        )
        self.cursor_blink = cursor_blink
        self.sent = PromptHistory()

    def give_back(self, text: str) -> None:
        """Put a text that could not be used back for editing, unless something else was typed meanwhile."""
        if not self.text:
            self._show(text)

    def type_at_end(self, text: str) -> None:
        """Type `text` as if the prompt had had the focus."""
        self.move_cursor(self.document.end)
        self.insert(many_lines(text))

    def action_send(self) -> None:
        text = self.text.strip()
        if text:
            self.sent.add(text)
        self._show("")
        self.post_message(self.Sent(text))

    def action_newline(self) -> None:
        self.insert("\n")

    def action_history_previous(self) -> None:
        if self.cursor_at_first_line:
            self._show_if(self.sent.previous(self.text))
        else:
            self.action_cursor_up()

    def action_history_next(self) -> None:
        if self.cursor_at_last_line:
            self._show_if(self.sent.next(self.text))
        else:
            self.action_cursor_down()

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter" and "enter" in self.screen.active_bindings:
            event.prevent_default()  # else the base class inserts a line break and the binding never sees the key

    async def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        result = self._replace_via_keyboard(many_lines(event.text, LONGEST_PASTE), *self.selection)
        if result is not None:
            self.move_cursor(result.end_location)

    def _show_if(self, text: str | None) -> None:
        if text is not None:
            self._show(text)

    def _show(self, text: str) -> None:
        self.text = text
        self.move_cursor(self.document.end)
