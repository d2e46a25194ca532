"""One setting on a page: what it is, the field it is changed in, and what is wrong with what was typed."""

from __future__ import annotations

from collections.abc import Mapping

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from core.settings.editing.draft import Draft
from core.settings.editing.values import choices_of
from tui.widgets.settings.choice_line import ChoiceLine
from tui.widgets.settings.rows import SettingEntry, facts, head_of_page, verdict

PLACEHOLDER = "not set; type a value"
SECRET_PLACEHOLDER = "type a new key; it is not shown"  # noqa: S105 - words for people


class SettingInput(Input):
    """An input whose text cannot be copied while it is hidden."""

    def action_copy(self) -> None:
        if not self.password:
            super().action_copy()

    def action_cut(self) -> None:
        if self.password:
            self.delete_selection()
        else:
            super().action_cut()


class SettingEditor(VerticalScroll, can_focus=False):
    """Shows an entry, and posts every change of its value.

    `choices` are words that a setting may be besides those that its type says.
    """

    class Changed(Message):
        """The user wants the setting `name` to be `text`."""

        def __init__(self, name: str, text: str) -> None:
            super().__init__()
            self.name = name
            self.text = text

    class Left(Message):
        """The user is done with the field."""

    def __init__(self, draft: Draft, *, choices: Mapping[str, tuple[str, ...]], cursor_blink: bool) -> None:
        super().__init__(id="setting-editor")
        self._draft = draft
        self._choices = choices
        self._entry: SettingEntry | None = None
        self._in_use: object = None
        self._head = Static(id="setting-head")
        self._input = SettingInput(id="setting-input", compact=True)
        self._input.cursor_blink = cursor_blink
        self._choice = ChoiceLine()
        self._verdict = Static(id="setting-verdict")
        self._facts = Static(id="setting-facts")

    def compose(self) -> ComposeResult:
        yield self._head
        yield self._input
        yield self._choice
        yield self._verdict
        yield self._facts

    def show(self, entry: SettingEntry | None, in_use: object) -> None:
        """Show an entry from the top, and in its field what was typed before.

        `in_use` is what the running engine goes by if that is another value than the configured one.
        """
        self._entry, self._in_use = entry, in_use
        self._head.update(head_of_page(entry) if entry else "Nothing is called like that.")
        words = self._words()
        is_text = entry is not None and entry.setting is not None and not words
        self._input.display, self._choice.display = is_text, bool(words)
        self.can_focus = (
            entry is not None and entry.setting is None
        )  # to be scrolled, as no field takes the focus there
        if entry is not None and entry.setting is not None:
            text = self._draft.text_of(entry.name)
            self._choice.offer(words, text)
            self._input.password = entry.setting.secret
            self._input.placeholder = SECRET_PLACEHOLDER if entry.setting.secret else PLACEHOLDER
            with self.prevent(Input.Changed):
                self._input.value = text
            self._input.cursor_position = len(text)
        self.show_verdict()
        self.scroll_home(animate=False)

    def show_verdict(self) -> None:
        """Show what will come of the change, without touching the field."""
        entry, width = self._entry, self.scrollable_content_region.width
        self._verdict.update(verdict(entry, self._draft) if entry else "")
        self._facts.update(facts(entry, self._draft, self._in_use, width) if entry else "")

    def on_resize(self) -> None:
        self.show_verdict()

    def edit(self) -> None:
        """Let the user type, or scroll where there is nothing to change."""
        fields: tuple[Widget, ...] = (self._input, self._choice)
        next((field for field in fields if field.display), self).focus()

    def next_choice(self) -> bool:
        """Go to the next of a few words; False if any text may be typed here."""
        if self._choice.display:
            self._choice.action_step(1)
        return self._choice.display

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        message.stop()
        self._post_change(message.value)

    @on(ChoiceLine.Changed)
    def _chosen(self, message: ChoiceLine.Changed) -> None:
        message.stop()
        self._post_change(message.word)

    @on(Input.Submitted)
    @on(ChoiceLine.Accepted)
    def _done(self, message: Message) -> None:
        message.stop()
        self.post_message(self.Left())

    def _post_change(self, text: str) -> None:
        if self._entry is not None:
            self.post_message(self.Changed(self._entry.name, text))

    def _words(self) -> tuple[str, ...]:
        if self._entry is None or self._entry.setting is None:
            return ()
        return self._choices.get(self._entry.name) or choices_of(self._entry.setting)
