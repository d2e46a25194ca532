"""Keys that work over every page: help, which knows the page, stopping the run, and leaving, which loses no change."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.binding import Binding, BindingType
from textual.widgets import Input

from tests.support.fault_server import silence
from tests.support.tui.app import frozen_app, settle
from tests.support.tui.engine_app import working_app
from tests.support.tui.screen import toasts, until
from tests.support.tui.settings_screen import edit, find, open_settings, settings_opened_in_app, shown, user_file
from tui.app import QuintetApp
from tui.bindings import KeyTable, canonical_key, key_label
from tui.screens.dashboard import DashboardScreen
from tui.screens.help import PAGES, HelpScreen, help_content
from tui.screens.log import LogScreen
from tui.screens.log_entry import LogEntryScreen
from tui.screens.settings import SettingsScreen
from tui.screens.settings_changes import ChangesScreen
from tui.widgets.logs.view import LogView

__all__ = ["user_file"]  # a fixture: no test here touches the user's own file

PAGE_KEYS = {"dashboard-screen": ("escape", "d"), "log-screen": ("escape", "L"), "settings": ("f2",)}

SPELLED = {"home": "Home", "end": "End", "\x7f": "Delete", "slash": "/"}


@pytest.mark.parametrize("page", PAGE_KEYS)
async def test_f1_opens_the_help_over_a_page_with_its_own_keys_first_and_closes_it(page: str) -> None:
    async with frozen_app().run_test() as pilot:
        app = await settle(pilot)
        await pilot.press(*PAGE_KEYS[page])
        await until(pilot, lambda: app.screen.id == page)
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        first = shown(pilot, "#help-text").splitlines()[0]
        await pilot.press("f1")
        await until(pilot, lambda: app.screen.id == page)

    assert first == PAGES[page][0]


def keys_of(bindings: list[BindingType]) -> set[str]:
    """Return the keys as the help writes them."""
    found: set[str] = set()
    for binding in bindings:
        assert isinstance(binding, Binding)
        found |= {key_label(canonical_key(key)) for key in binding.key.split(",")}
    return {SPELLED.get(key, key) for key in found}


@pytest.mark.parametrize(
    ("page", "bindings"),
    [
        ("dashboard-screen", DashboardScreen.BINDINGS),
        ("log-screen", [*LogScreen.BINDINGS, *LogView.BINDINGS, *LogEntryScreen.BINDINGS]),
        ("settings", [*SettingsScreen.BINDINGS, *ChangesScreen.BINDINGS]),
    ],
)
def test_the_help_names_every_key_of_a_page(page: str, bindings: list[BindingType]) -> None:
    told = " ".join(f"{keys} {words}" for keys, words in PAGES[page][1])
    words = set(told.replace(",", " ").replace(";", " ").replace(":", " ").split())

    assert keys_of(bindings) <= words
    assert PAGES[page][0] in help_content(KeyTable()).plain


async def test_ctrl_c_over_a_page_stops_the_run(tmp_path: Path) -> None:
    async with working_app(tmp_path, {"brief": silence()}) as (app, pilot, server):
        await pilot.press(*"slice", "enter")
        await server.requests(1)
        await pilot.press("escape", "d")
        await until(pilot, lambda: isinstance(app.screen, DashboardScreen))
        await pilot.press("ctrl+c")

        await until(pilot, lambda: not app.controller.has_run)
        assert isinstance(app.screen, DashboardScreen)


async def test_ctrl_c_in_a_field_copies_what_is_selected_there_but_no_hidden_key() -> None:
    async with settings_opened_in_app() as pilot:
        app = pilot.app
        assert isinstance(app, QuintetApp)
        await edit(pilot, "llm.model", "tiny")
        app.screen.query_one("#setting-input", Input).select_all()
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "sent to terminal (4 B)" in toasts(app))

        await pilot.press("escape")
        await edit(pilot, "llm.api_key", "secret")
        app.screen.query_one("#setting-input", Input).select_all()
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "not copied either" in toasts(app))


async def test_ctrl_q_asks_once_before_changes_of_the_settings_are_lost(user_file: Path) -> None:
    async with settings_opened_in_app() as pilot:
        app = pilot.app
        await edit(pilot, "llm.model", "tiny")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, ChangesScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        await pilot.press("ctrl+s", "ctrl+q")
        await until(pilot, lambda: "d discards" in str(app.screen.query_one("#changes").border_subtitle))
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)

    assert app.return_code == 0
    assert not user_file.exists()


@pytest.mark.parametrize("key", ["enter", "d"])
async def test_the_answer_to_ctrl_q_saves_or_discards_and_leaves(user_file: Path, key: str) -> None:
    async with settings_opened_in_app() as pilot:
        await edit(pilot, "llm.model", "tiny")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChangesScreen))
        await pilot.press(key)
        await until(pilot, lambda: not pilot.app.is_running)

    assert pilot.app.return_code == 0
    assert user_file.exists() == (key == "enter")


async def test_ctrl_q_leaves_at_once_when_the_settings_have_no_change_or_are_closed() -> None:
    async with frozen_app().run_test() as pilot:
        await settle(pilot)
        await open_settings(pilot)
        await edit(pilot, "llm.model", "tiny")
        await pilot.press("escape", "u")
        await find(pilot, "llm.model")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not pilot.app.is_running)

    assert pilot.app.return_code == 0
