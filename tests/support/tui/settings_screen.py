"""The settings screen in tests: opened in the app or in a small host, and used as a user does, by keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Static

from core.settings.editing.draft import Draft
from tests.support.tui.app import FROZEN_SETTINGS, frozen_app, settle
from tests.support.tui.widget_host import WidgetHost
from tui.screens.settings import SettingsScreen
from tui.theme import shipped_theme_names


@pytest.fixture(autouse=True)
def user_file(_own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's config.toml, which does not exist yet; the project's folder is another empty one."""
    monkeypatch.chdir(tmp_path)
    file = _own_home / ".config" / "quintet" / "config.toml"
    file.parent.mkdir(parents=True)
    return file


@asynccontextmanager
async def settings_opened(
    *, size: tuple[int, int] = (120, 40), hook: Callable[[Message], None] | None = None
) -> AsyncIterator[Pilot[Any]]:
    """Yield the screen alone, over an empty one."""
    async with WidgetHost().run_test(size=size, message_hook=hook) as pilot:
        screen = SettingsScreen(
            Draft(overrides=FROZEN_SETTINGS),
            in_use=None,
            choices={"ui.theme": shipped_theme_names()},
            cursor_blink=False,
        )
        await pilot.app.push_screen(screen)
        await pilot.pause()
        yield pilot


@asynccontextmanager
async def settings_opened_in_app() -> AsyncIterator[Pilot[Any]]:
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await open_settings(pilot)
        yield pilot


async def open_settings(pilot: Pilot[Any]) -> None:
    await pilot.press("f2")
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    assert isinstance(pilot.app.screen, SettingsScreen)


async def find(pilot: Pilot[Any], words: str) -> None:
    """Narrow the list and go to its first row."""
    await pilot.press("slash", "ctrl+u", *_keys(words), "enter")
    await pilot.pause()


async def edit(pilot: Pilot[Any], name: str, text: str) -> None:
    await find(pilot, name)
    await pilot.press("enter", "ctrl+u", *_keys(text))
    await pilot.pause()


def shown(pilot: Pilot[Any], selector: str) -> str:
    return str(pilot.app.screen.query_one(selector, Static).render())


def _keys(text: str) -> list[str]:
    names = {" ": "space", ".": "full_stop", "_": "underscore", "-": "minus", "/": "slash", "~": "tilde"}
    return [names.get(character, character) for character in text]
