"""Changes to the user's config.toml that are not saved yet, and what a load of the configuration would make of them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from core.errors import WorkspaceError
from core.settings.checking import check
from core.settings.editing.saving import DiffLine, difference, with_values, write_user_file
from core.settings.editing.values import as_text, as_toml, is_default
from core.settings.load import examine_config, profile_values, shorten_home, user_config_file
from core.settings.place_checks import place_findings
from core.settings.schema.catalogue import setting_fields
from core.settings.schema.origin import DEFAULT, Origin, OriginKind, SourcedValue
from core.settings.schema.sections import Settings
from core.settings.sources.keyring_key import KeyringAnswer, ask_keyring
from core.settings.sources.reading import SourceFile, UnreadableFileError, read_text_file
from core.settings.sources.toml import read_toml
from core.settings.trust.keys import secrets_in
from core.text.redaction import register_secret
from core.text.sanitize import escape_unprintable

OVERRIDING_KINDS: frozenset[OriginKind] = frozenset({"keyring", "dotenv", "environment", "command line"})
"""Sources that win over the user's config.toml."""


@dataclass(frozen=True, slots=True)
class _Preview:
    """What the configuration would be after saving: by the files alone, and with whatever overrides them."""

    by_files: Settings
    values: Mapping[str, SourcedValue]
    settings: Settings
    problems: tuple[str, ...]


class Draft:
    """The user's config.toml with edits that are not written before `save`.

    The arguments are those of `load_config`. The sources are read once, and again by `reload`: both wait for files.
    WorkspaceError is raised when the current folder is gone.

    Attributes:
        file: the user's config.toml.
        shown_file: its name for people.
        current: the settings as they are configured now, without the edits.
        save_error: why nothing can be saved: the file is broken; "" if it is not.
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
        self._edits: dict[str, str | SecretStr | None] = {}  # None: the line is removed
        self._preview: _Preview | None = None
        self.reload()

    def reload(self) -> None:
        """Read all sources again; the edits stay."""
        self._preview = None
        self.current = examine_config(
            overrides=self._overrides, cwd=self._folder, env=self._env, user_config=self.file, keyring=self._keyring
        ).settings
        project = examine_config(
            cwd=self._folder, env={}, user_config=Path(os.devnull), keyring=lambda _: KeyringAnswer()
        ).settings
        self._overriding = _values_from(self.current, OVERRIDING_KINDS)
        self._project = _values_from(project, frozenset({"project"}))
        user = read_toml(SourceFile(self.file, self.shown_file, "user"))
        self._user: Mapping[str, SourcedValue] = user.values
        self.save_error = escape_unprintable(
            "; ".join(str(finding) for finding in user.findings if finding.severity == "error")
        )
        try:
            self._text = read_text_file(self.file) or ""
        except UnreadableFileError as error:
            self._text = ""
            self.save_error = self.save_error or f"{self.shown_file}: {error}"

    # Edits.

    def set_text(self, name: str, text: str) -> None:
        """Set a setting to what was typed; nothing typed removes its line from the file.

        The line of a secret is removed by `remove` alone.
        """
        typed = text.strip()
        is_secret = setting_fields()[name].secret
        # The field of a secret is empty at first, and what is in force is not shown there.
        if typed == ("" if is_secret else self._text_now(name)):
            self.undo(name)
        elif not typed:
            self.remove(name)
        else:
            self._edits[name] = SecretStr(typed) if is_secret else typed
            self._preview = None

    def remove(self, name: str) -> None:
        """Remove the line of a setting from the file."""
        self._edits.pop(name, None)
        if name in self._user:
            self._edits[name] = None
        self._preview = None

    def undo(self, name: str) -> None:
        """Take the edit of a setting back."""
        self._edits.pop(name, None)
        self._preview = None

    def undo_all(self) -> None:
        """Take all edits back."""
        self._edits.clear()
        self._preview = None

    # What would be.

    def text_of(self, name: str) -> str:
        """Return what an input field begins with: the edit, the file's words, else the value in force; no secret."""
        if setting_fields()[name].secret:
            return ""
        return str(self._edits[name] or "") if name in self._edits else self._text_now(name)

    def _text_now(self, name: str) -> str:
        if name in self._user:
            return as_text(self._user[name].value)
        return "" if name in self._overriding else as_text(self.current.value_of(name))

    def value_of(self, name: str) -> object:
        """Return what the value would be; while the edit is not valid, what it would be without it."""
        return self._look_ahead().settings.value_of(name)

    def origin_of(self, name: str) -> Origin:
        """Return where that value would come from."""
        found = self._look_ahead().values.get(name)
        return found.origin if found else DEFAULT

    def overriding_origin(self, name: str) -> Origin | None:
        """Return the source that wins over the user's file, if there is one for this setting."""
        return self._overriding[name].origin if name in self._overriding else None

    def is_in_file(self, name: str) -> bool:
        """Tell whether the file says something about a setting now."""
        return name in self._user

    def is_edited(self, name: str) -> bool:
        return name in self._edits

    def is_removed(self, name: str) -> bool:
        """Tell whether saving would remove the line of a setting."""
        return name in self._edits and self._edits[name] is None

    @property
    def edited(self) -> tuple[str, ...]:
        """The settings that were changed, whether the change is valid or not."""
        return tuple(self._edits)

    def problem_of(self, name: str) -> str:
        """Return what is wrong with the edit of a setting, in the words of `load_config` but for the place; or ""."""
        if name not in self._edits:
            return ""
        place = self._origin(name).place
        named = re.compile(re.escape(place) + r"(?!\w)")
        found = next((problem for problem in self.problems if named.search(problem)), "")
        return found.removeprefix(f"{place}: ")

    @property
    def problems(self) -> tuple[str, ...]:
        """What a load would find wrong because of the user's file."""
        return self._look_ahead().problems

    @property
    def changes(self) -> dict[str, object]:
        """The lines that have to change, each with its new value or None, once there are no problems.

        A line is written only if it says something: it is left out, or removed, when its value is the built-in
        default and neither the profile nor this project's config.toml would give another one.
        """
        preview = self._look_ahead()
        profile = profile_values(preview.values)
        found: dict[str, object] = {}
        for name, typed in self._edits.items():
            value = None
            meant = preview.by_files.value_of(name)
            if typed is not None and (
                name in self._project or name in profile or not is_default(setting_fields()[name], typed, meant)
            ):
                value = as_toml(typed, meant)
            if value != (self._user[name].value if name in self._user else None):
                found[name] = value
        return found

    def difference(self) -> tuple[DiffLine, ...]:
        """Return what saving would change in the file, without secrets; raises WorkspaceError if it cannot be done."""
        return tuple(difference(self._text, self._new_text()))

    def save(self) -> None:
        """Write the file, take the edits as done, and read all sources again.

        Raises:
            WorkspaceError: the edits are not valid, or name a place that is not there; the file is broken, or cannot be written.
        """
        if self.save_error or self.problems:
            raise WorkspaceError(self.save_error or self.problems[0], hint="nothing was saved")
        for finding in place_findings(self._look_ahead().by_files, self._user_values(), only=self._edits.keys()):
            if finding.severity == "error":  # the next start would end with it
                raise WorkspaceError(finding.message.partition(": ")[2], hint=f"{finding.hint}; nothing was saved")
        new = self._new_text()
        if new != self._text:
            holds_key = any(any(secrets_in(found)) for found in self._user_values().values())
            write_user_file(self.file, new, read=self._text, holds_key=holds_key)
        self.undo_all()
        self.reload()

    def _new_text(self) -> str:
        for typed in self._edits.values():
            if isinstance(typed, SecretStr):
                register_secret(typed.get_secret_value())
        return with_values(self._text, self.changes)

    def _look_ahead(self) -> _Preview:
        if self._preview is None:
            files = _with_profile({**self._project, **self._user_values()})
            everything = _with_profile({**self._project, **self._user_values(), **self._overriding})
            by_files, problems = check(files, self._folder)
            settings, further = check(everything, self._folder)
            foreign = {
                *check(_with_profile(self._project), self._folder)[1],
                *check(_with_profile({**self._project, **self._overriding}), self._folder)[1],
            }
            ours = (problem for problem in dict.fromkeys([*problems, *further]) if problem not in foreign)
            self._preview = _Preview(
                by_files, everything, settings, tuple(str(problem.printable()) for problem in ours)
            )
        return self._preview

    def _user_values(self) -> dict[str, SourcedValue]:
        """Return what the file would say."""
        values = {name: found for name, found in self._user.items() if name not in self._edits}
        values |= {
            name: SourcedValue(name, typed, self._origin(name))
            for name, typed in self._edits.items()
            if typed is not None
        }
        return values

    def _origin(self, name: str) -> Origin:
        if name in self._user:
            return self._user[name].origin
        section, _, field = name.rpartition(".")
        label = f"{self.shown_file} [{section}] {field}" if section else f"{self.shown_file} {field}"
        return Origin("user", label, self.file, None, self.shown_file)


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise WorkspaceError("the current folder does not exist any more", hint="change to one that does") from None


def _with_profile(values: Mapping[str, SourcedValue]) -> dict[str, SourcedValue]:
    return {**profile_values(values), **values}


def _values_from(settings: Settings, kinds: frozenset[OriginKind]) -> dict[str, SourcedValue]:
    """Return what sources of these kinds say, as far as it is in force."""
    origins = {name: settings.origin_of(name) for name in setting_fields()}
    return {
        name: SourcedValue(name, settings.value_of(name), origin)
        for name, origin in origins.items()
        if origin.kind in kinds
    }
