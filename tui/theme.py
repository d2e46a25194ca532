"""Colour themes: the files themes/*.yaml, a flat list of colours and one switch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs
import yaml
from textual.color import Color, ColorParseError
from textual.theme import Theme

from core.errors import UsageError
from core.resources import shipped_folder, shipped_yaml_files
from core.system.path_state import output_folder_around
from core.text.sanitize import one_line

DEFAULT_THEME = "quintet-dark"
# The sixteen colours of the terminal's own palette: readable where 24-bit colours would be rounded to it.
LIMITED_COLOUR_THEME = "ansi-dark"
COLOUR_FIELDS = frozenset(
    {"primary", "secondary", "accent", "foreground", "background", "surface", "panel", "success", "warning", "error"}
)


def shipped_theme_names() -> tuple[str, ...]:
    """Return the names of the themes in themes/, sorted."""
    return tuple(file.name.removesuffix(".yaml") for file in shipped_yaml_files("themes"))


def load_theme(name: str) -> Theme:
    """Return a shipped theme.

    Raises:
        UsageError: there is no such theme, or its file holds anything but `dark` and colours.
    """
    if name not in shipped_theme_names():
        raise UsageError(f"there is no theme {name!r}", hint=f"choose one of {', '.join(shipped_theme_names())}")
    try:
        text = (shipped_folder("themes") / f"{name}.yaml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the theme {name!r} cannot be read: {error}") from error
    return theme_from_fields(name, read_fields(name, text))


def read_fields(name: str, text: str) -> object:
    """Return what the file of a theme says.

    Raises:
        UsageError: it is not YAML.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, loader)  # noqa: S506 - a safe loader, the fast one where pyyaml was built with it
    except yaml.YAMLError as error:
        raise UsageError(
            f"the theme {name!r} is no YAML: {one_line(str(error))}", hint="write name: 'value'"
        ) from error


def theme_from_fields(name: str, fields: object) -> Theme:
    """Return the theme that `fields` describes.

    Raises:
        UsageError: a field is unknown, is no colour, or `primary` is missing.
    """
    if not isinstance(fields, dict) or "primary" not in fields:
        raise UsageError(f"the theme {name!r} has no primary colour", hint="give it a line such as primary: '#5fafff'")
    dark = fields.get("dark", True)
    colours: dict[str, str] = {}
    for key, value in fields.items():
        if key == "dark":
            continue
        if key not in COLOUR_FIELDS:
            raise UsageError(f"the theme {name!r} has an unknown field {key!r}", hint="a theme holds colours only")
        try:
            Color.parse(str(value))
        except ColorParseError as error:
            raise UsageError(f"the theme {name!r} has no colour in {key!r}: {value!r}") from error
        colours[str(key)] = str(value)
    return Theme(name=name, dark=bool(dark), **colours)  # type: ignore[arg-type]  # colours holds str fields only


def has_truecolor(environment: Mapping[str, str]) -> bool:
    """Return whether the terminal says that it shows 24-bit colours; COLORTERM is not forwarded over SSH."""
    if environment.get("COLORTERM", "").lower() in {"truecolor", "24bit"}:
        return True
    return environment.get("TERM", "").endswith("-direct") or "WT_SESSION" in environment


def first_theme_name(overrides: Mapping[str, object], environment: Mapping[str, str] | None = None) -> str:
    """Return the theme for the first paint, before the settings are validated; a bad file counts as absent."""
    environment = os.environ if environment is None else environment
    asked = overrides.get("ui.theme") or environment.get("QUINTET_THEME")
    asked = asked or _theme_in(platformdirs.user_config_path("quintet", appauthor=False) / "config.toml")
    if not asked and output_folder_around(Path()) is None:  # what a model wrote decides nothing
        asked = _theme_in(Path("config.toml"))
    if isinstance(asked, str):
        return asked
    return DEFAULT_THEME if has_truecolor(environment) else LIMITED_COLOUR_THEME


def _theme_in(file: Path) -> object:
    if not file.is_file():
        return None
    import tomllib

    try:
        ui = tomllib.loads(file.read_text(encoding="utf-8")).get("ui", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    return ui.get("theme") if isinstance(ui, dict) else None
