"""A value as it is typed into a field, and as it is written into a config.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr

from core.settings.load import shorten_home
from core.settings.schema.catalogue import SettingField, sections
from core.settings.schema.sections import Settings


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


def as_toml(typed: str | SecretStr, value: object) -> object:
    """Return the value that a config.toml holds for what was typed; `value` is what the settings make of it."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(typed)  # with ~, or relative, as it was typed
    return list(value) if isinstance(value, tuple) else value


def is_default(setting: SettingField, typed: str | SecretStr, value: object) -> bool:
    """Tell whether what was typed, and `value` that the settings make of it, is the built-in default."""
    # A path is compared as it was typed: it starts at the folder of the moment, which is another one next time.
    return (Path(str(typed)) if isinstance(setting.default, Path) else value) == setting.default


def _choices(annotation: Any) -> tuple[str, ...]:  # a type expression
    if annotation is bool:
        return ("true", "false")
    if get_origin(annotation) is Literal:
        return tuple(map(str, get_args(annotation)))
    return next((found for part in get_args(annotation) if (found := _choices(part))), ())
