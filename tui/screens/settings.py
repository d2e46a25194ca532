"""The settings: every one with its meaning, value and source; changed, checked and saved to the user's config.toml."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input, OptionList, Static

from core.errors import WorkspaceError
from core.settings.editing.draft import Draft
from core.settings.schema.catalogue import setting_fields
from core.settings.schema.fields import TakesEffect
from core.text.sanitize import many_lines, one_line
from tui.screens.settings_changes import ChangesScreen, SaveAnswer
from tui.widgets.settings.editor import SettingEditor
from tui.widgets.settings.list import SettingList
from tui.widgets.settings.rows import DIM, all_entries
from tui.words.numbers import counted

if TYPE_CHECKING:
    from core.settings import Settings

KEYS_IN_LIST = "Enter Edit  Space Next  d Take line away  u Undo  / Find  ^S Save  Esc Back"
KEYS_IN_FIELD = "Enter, Esc Done  ^S Save  Tab Next"


class SettingsScreen(Screen[None]):
    """Edits a draft of the user's config.toml until Esc.

    Args:
        draft: read already.
        in_use: what the running engine goes by; None without one.
        choices: words to choose from that the types of the settings do not say: themes, workflows.
        cursor_blink: whether the cursors of the fields do.
    """

    AUTO_FOCUS = "#setting-list"
    HORIZONTAL_BREAKPOINTS = [(0, "-compact"), (110, "-standard"), (160, "-wide")]  # noqa: RUF012 - the base class has it so
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", show=False),
        Binding("f2", "leave", "Back", show=False),
        Binding("q", "leave", "Back", show=False),
        Binding("ctrl+s", "save", "Save", show=False),
        Binding("s", "save", "Save", show=False),
        Binding("space", "next_choice", "Next", show=False),
        Binding("d,delete", "take_away", "Take line away", show=False),
        Binding("u", "undo", "Undo", show=False),
        Binding("slash", "find", "Find", show=False),
    ]

    class Saved(Message):
        """The file was written; `names` are those settings whose value in force is another one now."""

        def __init__(self, settings: Settings, names: tuple[str, ...]) -> None:
            super().__init__()
            self.settings = settings
            self.names = names

    def __init__(
        self,
        draft: Draft,
        *,
        in_use: Settings | None,
        choices: Mapping[str, tuple[str, ...]],
        cursor_blink: bool,
    ) -> None:
        super().__init__(id="settings")
        self._draft = draft
        self._in_use = in_use
        self._entries = tuple(all_entries())
        self._head = Static(classes="screen-head")
        self._find = Input(placeholder="/ finds words of a name, a description, a value, a source", id="settings-find")
        self._find.cursor_blink = cursor_blink
        self._list = SettingList(draft)
        self._editor = SettingEditor(draft, choices=choices, cursor_blink=cursor_blink)
        self._body = Container(self._list, self._editor, id="settings-body")
        self._keys = Static(classes="screen-keys")
        self._last_question: ChangesScreen | None = None  # before leaving the app

    def compose(self) -> ComposeResult:
        yield self._head
        yield self._find
        yield self._body
        yield self._keys

    def on_mount(self) -> None:
        self._list.show(self._entries)
        self._show_entry()
        self._show_head()
        if self._draft.save_error:
            self._say(f"nothing can be saved: {self._draft.save_error}", "error")

    # Keys.

    def action_back(self) -> None:
        if self._list.has_focus:
            self.action_leave()
        else:
            self._list.focus()

    def action_leave(self) -> None:
        if self._has_changes:
            self._ask(self.dismiss)
        else:
            self.dismiss()

    def holds_back(self, leave: Callable[[], object]) -> bool:
        """Ask before changes are lost, and then call `leave`; False if there are none, or the question stands already."""
        if not self._has_changes or self.app.screen is self._last_question:
            return False
        if isinstance(self.app.screen, ChangesScreen):
            self.app.screen.dismiss(None)
        self._last_question = self._ask(leave)
        return True

    @property
    def _has_changes(self) -> bool:
        return bool(self._draft.edited) and bool(self._draft.problems or self._draft.changes)

    def action_save(self) -> None:
        draft = self._draft
        wrong = next((name for name in draft.edited if draft.problem_of(name)), None)
        if draft.save_error:
            self._say(f"nothing can be saved: {draft.save_error}", "error")
        elif wrong is not None:
            self._list.go_to(wrong)
            self._say(f"not saved: {draft.problem_of(wrong)}", "error")
        elif draft.problems:
            self._say(f"not saved: {draft.problems[0]}", "error")
        elif not draft.changes:
            self._say("nothing to save: the file says all of that already")
        else:
            self._ask(None)

    def action_next_choice(self) -> None:
        if not self._editor.next_choice():
            self._editor.edit()

    def action_take_away(self) -> None:
        entry = self._list.current
        if entry is None or entry.setting is None:
            return
        if not self._draft.is_in_file(entry.name) and not self._draft.is_edited(entry.name):
            self._say(f"{self._draft.shown_file} says nothing about {entry.name}")
        self._draft.remove(entry.name)
        self._show_entry()
        self._show_change()

    def action_undo(self) -> None:
        entry = self._list.current
        if entry is not None:
            self._draft.undo(entry.name)
            self._show_entry()
            self._show_change()

    def action_find(self) -> None:
        self._find.focus()

    # Messages of the widgets.

    @on(Input.Changed, "#settings-find")
    def _find_changed(self, message: Input.Changed) -> None:
        words = message.value.strip().lower()
        found = [entry for entry in self._entries if entry.is_about(words, self._draft)]
        self._list.show(found)
        by_name = [entry.name for entry in found if words in entry.name]
        if words and by_name:  # a setting that is called so is rather meant than one that only mentions it
            self._list.go_to(min(by_name, key=lambda name: not name.endswith(words)))
        self._show_entry()
        self._show_head()

    @on(Input.Submitted, "#settings-find")
    @on(SettingEditor.Left)
    def _to_list(self) -> None:
        self._list.focus()

    @on(OptionList.OptionHighlighted)
    def _moved(self) -> None:
        self._show_entry()

    @on(OptionList.OptionSelected)
    def _selected(self) -> None:
        self._editor.edit()

    @on(SettingEditor.Changed)
    def _changed(self, message: SettingEditor.Changed) -> None:
        self._draft.set_text(message.name, message.text)
        self._show_change()

    def on_descendant_focus(self) -> None:
        self._show_keys()

    # Saving.

    def _ask(self, leave: Callable[[], object] | None) -> ChangesScreen | None:
        """Show the changes and ask whether to save them; `leave` is called then, None stays here."""
        draft = self._draft
        try:
            lines = () if draft.problems or draft.save_error else draft.difference()
        except WorkspaceError as error:
            self._say(str(error), "error")
            lines = ()
        title = (
            f"Save to {one_line(draft.shown_file, 60)}?" if lines else "These changes cannot be saved. Discard them?"
        )
        if not lines and leave is None:
            return None

        def answered(answer: SaveAnswer | None) -> None:
            if answer == "save":
                self._save(leave)
            elif answer == "discard" and leave is not None:
                draft.undo_all()
                leave()

        question = ChangesScreen(title, lines, self._notes(), leaving=leave is not None)
        self.app.push_screen(question, answered)
        return question

    def _notes(self) -> Iterator[str]:
        """Give what is wrong, what will be in force only later, and what never."""
        draft = self._draft
        if draft.problems or draft.save_error:
            yield from draft.problems or [draft.save_error]
            return
        changed = tuple(draft.changes)
        winners = {name: draft.overriding_origin(name) for name in changed}
        for name, winner in winners.items():
            if winner is not None:
                yield f"{name} will be saved, but {winner.place} wins"
        effective: dict[TakesEffect, list[str]] = {}
        for name in changed:
            if winners[name] is None:
                effective.setdefault(setting_fields()[name].takes_effect, []).append(name)
        for moment, names in effective.items():
            yield f"takes effect {moment}: {', '.join(names)}"

    @work(group="save", exclusive=True)
    async def _save(self, leave: Callable[[], object] | None) -> None:
        draft, before = self._draft, self._draft.current
        words = "; ".join([f"saved to {draft.shown_file}", *self._notes()])
        self._body.disabled = True  # what is typed meanwhile would be taken for saved
        try:
            await asyncio.to_thread(draft.save)
        except WorkspaceError as error:
            await asyncio.to_thread(draft.reload)
            self._say(str(error), "error")
        else:
            self._report_saved(before, words)
            if leave is not None:
                leave()
        finally:
            self._body.disabled = False
            self._list.focus()
            self._show_entry()
            self._show_change()

    def _report_saved(self, before: Settings, words: str) -> None:
        after = self._draft.current
        self._say(words)
        for warning in after.warnings:
            if warning not in before.warnings:
                self._say(warning, "warning")
        names = tuple(name for name in setting_fields() if before.value_of(name) != after.value_of(name))
        self.post_message(self.Saved(after, names))

    # Drawing.

    def _show_entry(self) -> None:
        self._editor.show(self._list.current, self._value_in_use())

    def _show_change(self) -> None:
        self._list.draw_again()
        self._editor.show_verdict()
        self._show_head()

    def _value_in_use(self) -> object:
        """Return what the running engine goes by, None if it is what is configured."""
        entry = self._list.current
        if entry is None or entry.setting is None or self._in_use is None:
            return None
        if entry.setting.takes_effect != "from the next start":
            return None
        value = self._in_use.value_of(entry.name)
        return None if value == self._draft.current.value_of(entry.name) else value

    def _show_head(self) -> None:
        draft = self._draft
        shown = self._list.entry_count
        total = len(self._entries)
        words = [counted(total, "setting") if shown == total else f"{shown} of {total}"]
        if draft.edited:
            words.append(f"{len(draft.edited)} changed")
        if draft.problems:
            words.append(f"{counted(len(draft.problems), 'problem')}")
        self._head.update(
            Content.assemble(("Settings  ", "bold"), " · ".join(words), (f"  {one_line(draft.shown_file)}", DIM))
        )

    def _show_keys(self) -> None:
        self._keys.update(Content(KEYS_IN_LIST if self._list.has_focus else KEYS_IN_FIELD))

    def _say(self, words: str, severity: Literal["information", "warning", "error"] = "information") -> None:
        self.notify(many_lines(words, 600), severity=severity, markup=False)
