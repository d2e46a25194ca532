"""The colours in use: those of the first paint, those that a setting names, or the next ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.app import App

from core.errors import QuintetError
from tui.control.services import Say
from tui.theme import DEFAULT_THEME, first_theme_name, load_theme, shipped_theme_names


class ThemeChoice:
    """Changes the theme of `app`; `overrides` are settings of the command line by their dotted names."""

    def __init__(self, app: App[Any], overrides: Mapping[str, object], say: Say) -> None:  # Any: what the app returns
        self._app = app
        self._say = say
        self._overrides = overrides

    @property
    def first(self) -> str:
        """The theme of the first paint, and of a configuration that names none; the files are read anew."""
        return first_theme_name(self._overrides)

    def use(self, name: str) -> None:
        """Change the colours; a theme that cannot be used is named and leaves the default one."""
        app = self._app
        try:
            if name not in app.available_themes:
                app.register_theme(load_theme(name))
        except QuintetError as error:
            app.call_after_refresh(self._say, f"{error}; using {DEFAULT_THEME}", "warning")
            app.register_theme(load_theme(DEFAULT_THEME))
            name = DEFAULT_THEME
        app.theme = name

    def use_next(self) -> None:
        """Go to the next shipped theme."""
        names = shipped_theme_names()
        place = names.index(self._app.theme) if self._app.theme in names else -1
        self.use(names[(place + 1) % len(names)])
        self._say(f"theme: {self._app.theme}")
