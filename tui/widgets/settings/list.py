"""The list of all settings under the names of their sections."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from core.settings.editing.draft import Draft
from tui.widgets.settings.rows import SettingEntry, setting_row


class SettingList(OptionList):
    """Shows entries; the one under the cursor stays there when the list is narrowed, if it can."""

    def __init__(self, draft: Draft) -> None:
        super().__init__(id="setting-list", compact=True)
        self._draft = draft
        self._entries: tuple[SettingEntry, ...] = ()

    def show(self, entries: Iterable[SettingEntry]) -> None:
        """List these entries."""
        before = self.current
        self._entries = tuple(entries)
        options: list[Option] = []
        section = ""
        for entry in self._entries:
            if entry.section != section:
                section = entry.section
                options.append(Option(Content.styled(section, "bold $text-primary"), disabled=True))
            options.append(Option(self._row(entry), id=entry.name))
        self.set_options(options)
        self.go_to(before.name if before is not None else "")

    def go_to(self, name: str) -> None:
        """Put the cursor on an entry; on the first one if it is not listed."""
        names = [entry.name for entry in self._entries]
        if names:
            self.highlighted = self.get_option_index(name if name in names else names[0])

    def draw_again(self) -> None:
        """Draw the rows whose value, source or sign may be another one now."""
        for entry in self._entries:
            self.replace_option_prompt(entry.name, self._row(entry))

    @property
    def current(self) -> SettingEntry | None:
        """The entry under the cursor."""
        option = self.highlighted_option
        return next((entry for entry in self._entries if option and entry.name == option.id), None)

    @property
    def entry_count(self) -> int:
        return len(self._entries)

    def on_resize(self) -> None:
        self.draw_again()

    def _row(self, entry: SettingEntry) -> Content:
        return setting_row(entry, self._draft, self.scrollable_content_region.width or self.app.size.width)
