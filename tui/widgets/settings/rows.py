"""What the settings screen lists: every setting, and every kind of table, as a row and as a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from textwrap import wrap

from pydantic import SecretStr
from textual.content import Content

from core.settings.editing.draft import Draft
from core.settings.editing.values import as_text
from core.settings.overview import overview
from core.settings.schema.catalogue import SettingField, setting_fields, table_settings
from core.settings.schema.origin import OriginKind
from core.text.sanitize import one_line

DIM = "$foreground 60%"
FIELD_COLUMNS = 22
SOURCE_COLUMNS = 12
LABEL_COLUMNS = 14
SHORT_SOURCES: Mapping[OriginKind, str] = {
    "default": "default",
    "profile": "profile",
    "project": "project",
    "user": "your file",
    "keyring": "keyring",
    "dotenv": ".env",
    "environment": "environment",
    "command line": "command line",
}
TOP = "above all tables"


@dataclass(frozen=True, slots=True)
class SettingEntry:
    """One thing that is listed; `setting` is None for what is made of tables and can only be looked at here."""

    name: str
    section: str
    field: str
    description: str
    setting: SettingField | None

    def is_about(self, words: str, draft: Draft) -> bool:
        """Tell whether all these words occur in what the screen says about the entry."""
        text = [self.name, self.description]
        if self.setting:
            source = draft.origin_of(self.name).label
            text += [*self.setting.env, self.setting.allowed, source, self.setting.takes_effect]
            text += [] if self.setting.secret else [as_text(draft.value_of(self.name))]
        found = " ".join(text).lower()
        return all(word in found for word in words.lower().split())


def all_entries() -> Iterator[SettingEntry]:
    """Return everything that can be set, in the order of the documents; what is made of tables last."""
    for setting in setting_fields().values():
        yield SettingEntry(setting.name, setting.section or TOP, setting.field, setting.description, setting)
    for tables in table_settings().values():
        model = " ".join((tables.model.__doc__ or "").split())
        yield SettingEntry(tables.name, "tables", tables.header("name"), f"{model} {tables.description}", None)
    yield SettingEntry("keys", "tables", "[keys]", "Keys of your own: the id of an action, then the key.", None)


def shown_value(setting: SettingField, value: object) -> str:
    """Return a value in one line for people; never a secret."""
    if isinstance(value, SecretStr) or (setting.secret and value is not None):
        return "set (not shown)"
    return one_line(as_text(value)) or "not set"


def setting_row(entry: SettingEntry, draft: Draft, width: int) -> Content:
    """Return one line of the list: what differs from the file, the name, the value, and its source."""
    if entry.setting is None:
        number = len(_tables_now(entry, draft))
        return Content.assemble(f"  {entry.field:<{FIELD_COLUMNS}} ", f"{number} values" if number else "none")
    sign, style, word = _state(entry, draft)
    room = max(width - FIELD_COLUMNS - SOURCE_COLUMNS - 4, 8)
    value = one_line(shown_value(entry.setting, draft.value_of(entry.name)), room)
    is_set = draft.origin_of(entry.name).kind != "default"
    return Content.assemble(
        (f"{sign} ", style),
        f"{one_line(entry.field, FIELD_COLUMNS):<{FIELD_COLUMNS}} ",
        (value, "bold" if is_set else ""),
        Content(" " * max(room - Content(value).cell_length, 0)),
        f" {word:>{SOURCE_COLUMNS}}",
    )


def head_of_page(entry: SettingEntry) -> Content:
    """Return what the setting is for."""
    return Content.assemble((entry.name, "bold $text-primary"), "\n", one_line(entry.description, 600))


def facts(entry: SettingEntry, draft: Draft, in_use: object, width: int) -> Content:
    """Return everything else there is to know; `in_use` is what the running engine goes by if that is another value."""
    setting = entry.setting
    if setting is None:
        lines = _tables_now(entry, draft)
        shown = [one_line(line) for line in lines] or ["none"]
        return Content.assemble(
            Content("\n").join([Content(line) for line in shown]),
            "\n\n",
            (f"These are changed by hand: edit config.toml ({one_line(draft.shown_file)}).", DIM),
        )
    now = f"{shown_value(setting, draft.current.value_of(entry.name))} ({draft.current.origin_of(entry.name).place})"
    known = [
        ("Now", now),
        ("Default", shown_value(setting, setting.default)),
        ("Allowed", setting.allowed),
        ("Takes effect", setting.takes_effect),
        ("Environment", ", ".join(setting.env)),
    ]
    if in_use is not None:
        known.insert(1, ("In use", f"{shown_value(setting, in_use)} (until you leave Quintet)"))
    if draft.is_edited(entry.name) and not draft.problem_of(entry.name):
        then = f"{shown_value(setting, draft.value_of(entry.name))} ({draft.origin_of(entry.name).place})"
        known.insert(1, ("After saving", then))
    return Content("\n").join(_fact(label, text, width) for label, text in known)


def verdict(entry: SettingEntry, draft: Draft) -> Content:
    """Return what will come of the change that was made here; empty if there is none and nothing to warn of."""
    winner = draft.overriding_origin(entry.name)
    problem = draft.problem_of(entry.name)
    if problem:
        return Content.styled(f"✗ {one_line(problem, 600)}", "bold $text-error")
    if draft.is_edited(entry.name):
        if winner:
            return Content.styled(f"! can be saved, but {one_line(winner.place)} wins", "$text-warning")
        what = "its line will be taken away" if draft.is_removed(entry.name) else "changed"
        return Content.styled(
            f"● {what}; not saved yet, takes effect {setting_fields()[entry.name].takes_effect}", "$text-accent"
        )
    if winner:
        return Content.styled(f"! {one_line(winner.place)} wins over your file", "$text-warning")
    return Content("")


def _fact(label: str, text: str, width: int) -> Content:
    lines = wrap(one_line(text, 600), max(width - LABEL_COLUMNS, 10))
    return Content.assemble((f"{label:<{LABEL_COLUMNS}}", DIM), f"\n{'':<{LABEL_COLUMNS}}".join(lines))


def _state(entry: SettingEntry, draft: Draft) -> tuple[str, str, str]:
    """Return the sign of a row, its style, and what to say in a word: the state of a change, else the source."""
    if draft.problem_of(entry.name):
        return "✗", "bold $text-error", "not valid"
    if draft.is_edited(entry.name):
        return "●", "bold $text-accent", "changed"
    kind = draft.origin_of(entry.name).kind
    sign = "!" if draft.overriding_origin(entry.name) else " "
    return sign, "bold $text-warning", SHORT_SOURCES[kind]


def _tables_now(entry: SettingEntry, draft: Draft) -> list[str]:
    """Return what the tables say, one line a value, without secrets."""
    found = (line for line in overview(draft.current) if line.name.startswith((f"{entry.name}.", f"{entry.name}[")))
    return [f"{line.name} = {line.value}  ({line.source})" for line in found]
