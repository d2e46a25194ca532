"""Changes to the user's config.toml that are not saved yet, and what a load of the configuration would make of them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr

from core.errors import WorkspaceError
from core.redaction import register_secret
from core.settings.checking import check
from core.settings.editing.saving import DiffLine, difference, with_values, write_user_file
from core.settings.load import examine_config, profile_values, shorten_home, user_config_file
from core.settings.schema.catalogue import SettingField, sections, setting_fields
from core.settings.schema.origin import DEFAULT, Origin, SourcedValue
from core.settings.schema.sections import Settings
from core.settings.sources.keyring_key import KeyringAnswer, ask_keyring
from core.settings.sources.text_file import SourceFile, UnreadableFileError, read_text_file
from core.settings.sources.toml_source import read_toml
from core.settings.trust.keys import secrets_in
from core.text.sanitize import escape_unprintable

WINNING_KINDS = frozenset({"keyring", "dotenv", "environment", "command line"})
"""Sources that win over the user's config.toml."""


@dataclass(frozen=True, slots=True)
class _Preview:
    """What the configuration would be with all wishes: by the files alone, and with whatever wins over them."""

    by_files: Settings
    values: Mapping[str, SourcedValue]
    settings: Settings
    problems: tuple[str, ...]


class Draft:
    """What a user wishes their config.toml to say; nothing is written before `save`.

    The arguments are those of `load_config`. The sources are read once, and again by `reload`: both wait for files.
    WorkspaceError is raised when the current folder is gone.

    Attributes:
        file: the user's config.toml.
        shown_file: its name for people.
        current: the settings as they are configured now, without the wishes.
        refusal: why nothing can be saved: the file is broken; "" if it is not.
    """

    def __init__(
        self,
        *,
        overrides: Mapping[str, object] | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        user_config: Path | None = None,
        keyring: Callable[[str], KeyringAnswer] = ask_keyring,
    ) -> None:
        self.file = user_config_file() if user_config is None else user_config
        self.shown_file = shorten_home(self.file)
        self._folder = _current_folder() if cwd is None else cwd
        self._overrides = overrides
        self._env = env
        self._keyring = keyring
        self._wishes: dict[str, str | SecretStr | None] = {}
        self._preview: _Preview | None = None
        self.reload()

    def reload(self) -> None:
        """Read all sources again; the wishes stay."""
        self._preview = None
        self.current = examine_config(
            overrides=self._overrides, cwd=self._folder, env=self._env, user_config=self.file, keyring=self._keyring
        ).settings
        below = examine_config(
            cwd=self._folder, env={}, user_config=Path(os.devnull), keyring=lambda _: KeyringAnswer()
        ).settings
        self._above = _values_from(self.current, WINNING_KINDS)
        self._below = _values_from(below, {"project"})
        user = read_toml(SourceFile(self.file, self.shown_file, "user"))
        self._user: Mapping[str, SourcedValue] = user.values
        self.refusal = escape_unprintable("; ".join(user.problems))
        try:
            self._text = read_text_file(self.file) or ""
        except UnreadableFileError as error:
            self._text = ""
            self.refusal = self.refusal or f"{self.shown_file}: {error}"

    # Wishes.

    def wish(self, name: str, text: str) -> None:
        """Wish a setting to be what was typed; nothing typed means that the file shall not say anything about it.

        A secret's line is taken away by `wish_none` alone.
        """
        words = text.strip()
        is_secret = setting_fields()[name].secret
        # The field of a secret is empty at first, and what is in force is not shown there.
        if words == ("" if is_secret else self._text_now(name)):
            self.forget(name)
        elif not words:
            self.wish_none(name)
        else:
            self._wishes[name] = SecretStr(words) if is_secret else words
            self._preview = None

    def wish_none(self, name: str) -> None:
        """Wish the file not to say anything about a setting."""
        self._wishes.pop(name, None)
        if name in self._user:
            self._wishes[name] = None
        self._preview = None

    def forget(self, name: str) -> None:
        """Take a wish back."""
        self._wishes.pop(name, None)
        self._preview = None

    def forget_all(self) -> None:
        """Take all wishes back."""
        self._wishes.clear()
        self._preview = None

    # What would be.

    def text_of(self, name: str) -> str:
        """Return what an input field begins with: the wish, the file's words, else the value in force; no secret."""
        if setting_fields()[name].secret:
            return ""
        return str(self._wishes[name] or "") if name in self._wishes else self._text_now(name)

    def _text_now(self, name: str) -> str:
        if name in self._user:
            return as_text(self._user[name].value)
        return "" if name in self._above else as_text(self.current.value_of(name))

    def value_of(self, name: str) -> object:
        """Return what the value would be; while the wish is not valid, what it would be without it."""
        return self._preview_now().settings.value_of(name)

    def origin_of(self, name: str) -> Origin:
        """Return where that value would come from."""
        found = self._preview_now().values.get(name)
        return found.origin if found else DEFAULT

    def winner_over(self, name: str) -> Origin | None:
        """Return the source that wins over the user's file, if there is one for this setting."""
        return self._above[name].origin if name in self._above else None

    def is_in_file(self, name: str) -> bool:
        """Tell whether the file says something about a setting now."""
        return name in self._user

    def is_wished(self, name: str) -> bool:
        return name in self._wishes

    def is_wished_away(self, name: str) -> bool:
        """Tell whether the file shall not say anything about a setting any more."""
        return name in self._wishes and self._wishes[name] is None

    @property
    def wished(self) -> tuple[str, ...]:
        """The settings that were changed, whether the change is valid or not."""
        return tuple(self._wishes)

    def problem_of(self, name: str) -> str:
        """Return what is wrong with the wish for a setting, in the words of `load_config` but for the place; or ""."""
        if name not in self._wishes:
            return ""
        place = self._origin(name).place
        named = re.compile(re.escape(place) + r"(?!\w)")
        found = next((problem for problem in self.problems if named.search(problem)), "")
        return found.removeprefix(f"{place}: ")

    @property
    def problems(self) -> tuple[str, ...]:
        """What a load would find wrong because of the user's file."""
        return self._preview_now().problems

    @property
    def changes(self) -> dict[str, object]:
        """The lines that have to change, each with its new value or None, once there are no problems.

        A line is written only if it says something: it is left out, or taken away, when its value is the built-in
        default and neither the profile nor this project's config.toml would give another one.
        """
        preview = self._preview_now()
        profile = profile_values(preview.values)
        found: dict[str, object] = {}
        for name, wish in self._wishes.items():
            value = None
            if wish is not None and (
                name in self._below
                or name in profile
                or not _is_default(setting_fields()[name], wish, preview.by_files)
            ):
                value = _toml_value(wish, preview.by_files.value_of(name))
            if value != (self._user[name].value if name in self._user else None):
                found[name] = value
        return found

    def difference(self) -> tuple[DiffLine, ...]:
        """Return what saving would change in the file, without secrets; raises WorkspaceError if it cannot be done."""
        return tuple(difference(self._text, self._new_text()))

    def save(self) -> None:
        """Write the file, take the wishes as done, and read all sources again.

        Raises:
            WorkspaceError: the wishes are not valid, or the file is broken, or it cannot be written.
        """
        if self.refusal or self.problems:
            raise WorkspaceError(self.refusal or self.problems[0], hint="nothing was saved")
        new = self._new_text()
        if new != self._text:
            holds_key = any(any(secrets_in(found)) for found in self._candidate().values())
            write_user_file(self.file, new, read=self._text, holds_key=holds_key)
        self.forget_all()
        self.reload()

    def _new_text(self) -> str:
        for wish in self._wishes.values():
            if isinstance(wish, SecretStr):
                register_secret(wish.get_secret_value())
        return with_values(self._text, self.changes)

    def _preview_now(self) -> _Preview:
        if self._preview is None:
            files = _with_profile({**self._below, **self._candidate()})
            everything = _with_profile({**self._below, **self._candidate(), **self._above})
            by_files, problems = check(files, self._folder)
            settings, further = check(everything, self._folder)
            foreign = {
                *check(_with_profile(self._below), self._folder)[1],
                *check(_with_profile({**self._below, **self._above}), self._folder)[1],
            }
            ours = (problem for problem in dict.fromkeys([*problems, *further]) if problem not in foreign)
            self._preview = _Preview(by_files, everything, settings, tuple(map(escape_unprintable, ours)))
        return self._preview

    def _candidate(self) -> dict[str, SourcedValue]:
        values = {name: found for name, found in self._user.items() if name not in self._wishes}
        values |= {
            name: SourcedValue(name, wish, self._origin(name))
            for name, wish in self._wishes.items()
            if wish is not None
        }
        return values

    def _origin(self, name: str) -> Origin:
        if name in self._user:
            return self._user[name].origin
        section, _, field = name.rpartition(".")
        label = f"{self.shown_file} [{section}] {field}" if section else f"{self.shown_file} {field}"
        return Origin("user", label, self.file, None, self.shown_file)


def choices_of(setting: SettingField) -> tuple[str, ...]:
    """Return the words that a setting may be, () if it may be more than a list of them."""
    model = sections()[setting.section] if setting.section else Settings
    return _choices(model.model_fields[setting.field].annotation)


def as_text(value: object) -> str:
    """Return a value that is no secret as a user would type it; "" when there is none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return shorten_home(value) if isinstance(value, Path) else str(value)


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise WorkspaceError("the current folder does not exist any more", hint="change to one that does") from None


def _choices(annotation: Any) -> tuple[str, ...]:  # a type expression
    if annotation is bool:
        return ("true", "false")
    if get_origin(annotation) is Literal:
        return tuple(map(str, get_args(annotation)))
    return next((found for part in get_args(annotation) if (found := _choices(part))), ())


def _with_profile(values: Mapping[str, SourcedValue]) -> dict[str, SourcedValue]:
    return {**profile_values(values), **values}


def _values_from(settings: Settings, kinds: frozenset[str] | set[str]) -> dict[str, SourcedValue]:
    """Return what sources of these kinds say, as far as it is in force."""
    origins = {name: settings.origin_of(name) for name in setting_fields()}
    return {
        name: SourcedValue(name, settings.value_of(name), origin)
        for name, origin in origins.items()
        if origin.kind in kinds
    }


def _is_default(setting: SettingField, wish: str | SecretStr, settings: Settings) -> bool:
    # A path is compared as it was typed: it starts at the folder of the moment, which is another one next time.
    return (
        Path(str(wish)) if isinstance(setting.default, Path) else settings.value_of(setting.name)
    ) == setting.default


def _toml_value(wish: str | SecretStr, value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(wish)  # as it was typed: with ~, or relative
    return list(value) if isinstance(value, tuple) else value
