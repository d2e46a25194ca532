"""The settings screen: what it lists, how it checks, what it saves, and what then happens at once."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input

from core.log_levels import LEVELS
from core.settings import load_config
from core.settings.editing.draft import Draft
from core.settings.schema.catalogue import setting_fields
from core.settings.schema.fields import TakesEffect
from core.settings.schema.origin import OriginKind
from core.telemetry.logs.writing import active
from tests.support.tui.app import frozen_app, settle
from tests.support.tui.settings_screen import edit, find, open_settings, settings_opened, shown, user_file
from tests.support.tui.widget_host import WidgetHost
from tui.app import QuintetApp
from tui.control import setting_effects
from tui.control.setting_effects import APPLIERS
from tui.screens.main import MainScreen
from tui.screens.settings import SettingsScreen
from tui.screens.settings_changes import ChangesScreen
from tui.theme import shipped_theme_names
from tui.widgets.settings.choice_line import ChoiceLine
from tui.widgets.settings.editor import SettingEditor
from tui.widgets.settings.list import SettingList
from tui.widgets.settings.rows import SHORT_SOURCES, all_entries

MINE = """\
# mine
[llm]
# the small one
model = "tiny"  # good enough
"""
LIVE_PRESSES = {"logging.level": 1, "ui.theme": 1, "ui.animation": 2, "ui.cursor_blink": 1, "ui.layout": 1}
__all__ = ["user_file"]  # a fixture: no test here touches the user's own file

Compare = Callable[..., bool]


async def save(pilot: Pilot[Any]) -> None:
    await pilot.press("ctrl+s")
    await pilot.pause()
    assert isinstance(pilot.app.screen, ChangesScreen)
    await pilot.press("enter")
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


def verdict(pilot: Pilot[Any]) -> str:
    return shown(pilot, "#setting-verdict")


def row(pilot: Pilot[Any], name: str) -> str:
    return str(pilot.app.screen.query_one(SettingList).get_option(name).prompt)


def toasts(pilot: Pilot[Any]) -> str:
    return "\n".join(notification.message for notification in pilot.app._notifications)


# What is listed.


async def test_every_setting_is_listed_with_its_value_and_its_source(user_file: Path) -> None:
    user_file.write_text(MINE)
    async with settings_opened() as pilot:
        listed = [option.id for option in pilot.app.screen.query_one(SettingList).options if option.id]

        assert listed == [entry.name for entry in all_entries()]
        assert set(setting_fields()) < set(listed)
        assert row(pilot, "llm.model").split() == ["model", "tiny", "your", "file"]
        assert row(pilot, "llm.max_retries").split() == ["max_retries", "3", "default"]


async def test_a_page_says_everything_about_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_MAX_RETRIES", "2")
    async with settings_opened() as pilot:
        await find(pilot, "max_retries")

        page = shown(pilot, "#setting-head") + shown(pilot, "#setting-facts")

    for words in (
        "llm.max_retries",
        setting_fields()["llm.max_retries"].description,
        "2 (environment variable LLM_MAX_RETRIES)",
        "int from 0 to 10",
        "from the next start",
    ):
        assert words in " ".join(page.split())


async def test_tables_are_shown_without_their_keys_and_cannot_be_changed_here(user_file: Path) -> None:
    user_file.write_text('[[llm.fallbacks]]\nmodel = "other"\napi_key = "hidden-key-1234"\n')
    async with settings_opened() as pilot:
        await find(pilot, "fallbacks")
        await pilot.press("enter", "space", "d")

        page = shown(pilot, "#setting-facts")
        can_be_scrolled = pilot.app.screen.query_one(SettingEditor).has_focus
        await pilot.press("escape")

        assert "llm.fallbacks[0].model = other" in page
        assert "edit config.toml" in page
        assert "hidden-key-1234" not in page
        assert can_be_scrolled
        assert pilot.app.screen.query_one(SettingList).has_focus


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("blink", "ui.cursor_blink"),
        ("OPENAI_MODEL", "llm.model"),
        ("model", "llm.model"),
        ("timeout", "llm.connect_timeout"),
        ("severe kept", "logging.level"),
        ("environment variable", "team.max_concurrent_agents"),
        ("at once animation", "ui.animation"),
    ],
)
async def test_words_find_a_setting_by_what_is_said_about_it(
    monkeypatch: pytest.MonkeyPatch, words: str, name: str
) -> None:
    monkeypatch.setenv("MAX_CONCURRENT_AGENTS", "4")
    async with settings_opened() as pilot:
        await find(pilot, words)

        entry = pilot.app.screen.query_one(SettingList).current

        assert entry is not None
        assert entry.name == name


async def test_words_that_nothing_is_called_like_leave_an_empty_page() -> None:
    async with settings_opened() as pilot:
        await find(pilot, "qqqq")
        await pilot.press("enter", "space", "d", "u", "ctrl+s")

        assert "Nothing is called like that" in shown(pilot, "#setting-head")


async def test_values_are_never_markup(user_file: Path) -> None:
    user_file.write_text('[llm]\nmodel = "[red]x[/red]"\n[workspace]\ndir = "/\\u001b[31mx"\n')
    async with settings_opened() as pilot:
        await find(pilot, "llm.model")

        assert "[red]x[/red]" in row(pilot, "llm.model")
        await find(pilot, "workspace.dir")
        assert "[31mx" in row(pilot, "workspace.dir")
        assert "\x1b" not in row(pilot, "workspace.dir") + shown(pilot, "#setting-facts")


# What is typed is checked.


async def test_a_wrong_value_is_told_while_it_is_typed_in_the_words_of_a_load() -> None:
    changes: list[tuple[str, str]] = []

    def hook(message: Message) -> None:
        if isinstance(message, SettingEditor.Changed):
            changes.append((message.name, message.text))

    async with settings_opened(hook=hook) as pilot:
        await edit(pilot, "max_retries", "99")

        assert changes[-1] == ("llm.max_retries", "99")
        assert (
            verdict(pilot)
            == "✗ llm.max_retries = '99': Input should be less than or equal to 10 - allowed: int from 0 to 10"
        )
        assert row(pilot, "llm.max_retries").split() == ["✗", "max_retries", "3", "not", "valid"]

        await pilot.press("backspace")
        await pilot.pause()
        assert verdict(pilot) == "● changed; not saved yet, takes effect from the next start"
        assert row(pilot, "llm.max_retries").split() == ["●", "max_retries", "9", "changed"]


async def test_a_wrong_value_is_not_saved_and_the_cursor_goes_to_it(user_file: Path) -> None:
    async with settings_opened() as pilot:
        await edit(pilot, "max_retries", "99")
        await pilot.press("escape")
        await find(pilot, "e")
        await pilot.press("ctrl+s")
        await pilot.pause()

        current = pilot.app.screen.query_one(SettingList).current
        assert isinstance(pilot.app.screen, SettingsScreen)
        assert current is not None
        assert current.name == "llm.max_retries"
        assert "not saved: llm.max_retries = '99'" in toasts(pilot)
        assert not user_file.exists()


async def test_space_goes_through_the_words_that_may_be_chosen() -> None:
    async with settings_opened() as pilot:
        await find(pilot, "when_open")
        await pilot.press("space")
        await pilot.pause()
        first = row(pilot, "circuit_breaker.when_open")
        await pilot.press("enter", "right")
        await pilot.pause()

        assert "fail" in first
        assert "wait" in row(pilot, "circuit_breaker.when_open")
        assert pilot.app.screen.query_one(ChoiceLine).has_focus


async def test_a_click_chooses_a_word() -> None:
    async with settings_opened() as pilot:
        await find(pilot, "when_open")
        await pilot.click(ChoiceLine, offset=(14, 0))
        await pilot.pause()

        assert shown(pilot, "#setting-choice") == "( ) wait  (●) fail"
        assert "fail" in row(pilot, "circuit_breaker.when_open")


async def test_themes_are_chosen_from_those_that_there_are() -> None:
    async with settings_opened() as pilot:
        await find(pilot, "ui.theme")

        assert shown(pilot, "#setting-choice").split("  ") == [f"( ) {name}" for name in shipped_theme_names()]
        assert verdict(pilot) == "! command line ui.theme wins over your file"


async def test_a_change_can_be_taken_back_and_a_line_taken_away(user_file: Path) -> None:
    user_file.write_text(MINE)
    async with settings_opened() as pilot:
        await edit(pilot, "llm.model", "large")
        await pilot.press("escape", "u")
        await pilot.pause()
        assert row(pilot, "llm.model").split() == ["model", "tiny", "your", "file"]

        await pilot.press("d")
        await pilot.pause()
        assert "its line will be taken away" in verdict(pilot)
        await save(pilot)

        assert user_file.read_text() == MINE.replace('model = "tiny"  # good enough\n', "")


# What is saved.


async def test_saving_shows_the_lines_first_and_keeps_all_comments(user_file: Path) -> None:
    user_file.write_text(MINE)
    async with settings_opened() as pilot:
        await edit(pilot, "llm.model", "large")
        await pilot.press("ctrl+s")
        await pilot.pause()

        page = shown(pilot, "#changes-text").splitlines()
        assert '- model = "tiny"  # good enough' in page
        assert '+ model = "large"  # good enough' in page
        assert user_file.read_text() == MINE

        await pilot.press("enter")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert user_file.read_text() == MINE.replace("tiny", "large")
        assert "takes effect from the next start: llm.model" in toasts(pilot)
        assert row(pilot, "llm.model").split() == ["model", "large", "your", "file"]


async def test_a_new_key_is_dots_and_is_shown_nowhere(user_file: Path) -> None:
    user_file.write_text('[llm]\napi_key = "sk-old-old-old-old"\n')
    user_file.chmod(0o600)
    async with settings_opened() as pilot:
        await edit(pilot, "llm.api_key", "sk-brand-new-key")
        field = pilot.app.screen.query_one("#setting-input", Input)
        assert field.password
        await pilot.press("shift+home", "ctrl+c")
        pages = [pilot.app.export_screenshot()]
        await pilot.press("ctrl+s")
        await pilot.pause()
        pages.append(pilot.app.export_screenshot())
        await pilot.press("enter")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        pages.append(pilot.app.export_screenshot() + toasts(pilot) + pilot.app.clipboard)

        assert not any(part in page for page in pages for part in ("brand", "old-old"))
        assert tomllib.loads(user_file.read_text())["llm"]["api_key"] == "sk-brand-new-key"


async def test_a_cleared_field_of_a_key_leaves_the_key_alone(user_file: Path) -> None:
    user_file.write_text('[llm]\napi_key = "sk-old-old-old-old"\n')
    async with settings_opened() as pilot:
        await edit(pilot, "llm.api_key", "ab")
        await pilot.press("backspace", "backspace")
        await pilot.pause()

        assert "changed" not in row(pilot, "llm.api_key")


async def test_what_the_environment_overrules_is_saved_and_says_so(
    user_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_MODEL", "from-env")
    async with settings_opened() as pilot:
        await edit(pilot, "llm.model", "mine")
        assert verdict(pilot) == "! can be saved, but environment variable LLM_MODEL wins"
        await save(pilot)

        assert tomllib.loads(user_file.read_text()) == {"llm": {"model": "mine"}}
        assert "llm.model will be saved, but environment variable LLM_MODEL wins" in toasts(pilot)
        assert row(pilot, "llm.model").split() == ["!", "model", "from-env", "environment"]


async def test_a_broken_file_is_named_and_left_alone(user_file: Path) -> None:
    user_file.write_text("[llm\n")
    async with settings_opened() as pilot:
        await edit(pilot, "max_retries", "5")
        await pilot.press("ctrl+s")
        await pilot.pause()

        assert "not valid TOML" in toasts(pilot)
        assert isinstance(pilot.app.screen, SettingsScreen)
        assert user_file.read_text() == "[llm\n"


async def test_a_file_that_changed_meanwhile_is_shown_again_before_it_is_written(user_file: Path) -> None:
    user_file.write_text(MINE)
    async with settings_opened() as pilot:
        await edit(pilot, "llm.model", "large")
        user_file.write_text(MINE + "cache = true\n")
        await save(pilot)
        first = user_file.read_text()
        await save(pilot)

        assert first == MINE + "cache = true\n"
        assert "changed by another program" in toasts(pilot)
        assert user_file.read_text() == MINE.replace("tiny", "large") + "cache = true\n"


async def test_doubts_about_what_was_saved_are_told() -> None:
    async with settings_opened() as pilot:
        await edit(pilot, "max_retries", "0")
        await save(pilot)

        assert "llm.max_retries is 0" in toasts(pilot)


async def test_nothing_to_save_is_said() -> None:
    async with settings_opened() as pilot:
        await pilot.press("ctrl+s")
        await pilot.pause()

        assert "nothing to save" in toasts(pilot)


# Leaving.


async def test_escape_leaves_at_once_when_nothing_was_changed() -> None:
    async with settings_opened() as pilot:
        await pilot.press("slash", "escape", "enter", "escape", "escape")
        await pilot.pause()

        assert len(pilot.app.screen_stack) == 1


@pytest.mark.parametrize(
    ("key", "is_left", "model"),
    [("enter", True, "large"), ("d", True, "tiny"), ("escape", False, "tiny")],
    ids=["saves", "discards", "goes on editing"],
)
async def test_escape_with_changes_asks(user_file: Path, key: str, is_left: bool, model: str) -> None:
    user_file.write_text(MINE)
    async with settings_opened() as pilot:
        await edit(pilot, "llm.model", "large")
        await pilot.press("escape", "escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ChangesScreen)

        await pilot.press(key)
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

        assert isinstance(pilot.app.screen, SettingsScreen) is not is_left
        assert len(pilot.app.screen_stack) == (1 if is_left else 2)
        assert tomllib.loads(user_file.read_text())["llm"]["model"] == model


async def test_escape_with_a_wrong_value_says_that_it_cannot_be_saved(user_file: Path) -> None:
    async with settings_opened() as pilot:
        await edit(pilot, "max_retries", "99")
        await pilot.press("escape", "escape")
        await pilot.pause()
        page = shown(pilot, "#changes-text")
        await pilot.press("enter")
        stays = isinstance(pilot.app.screen, ChangesScreen)
        await pilot.press("d")
        await pilot.pause()

        assert "llm.max_retries = '99'" in page
        assert stays
        assert len(pilot.app.screen_stack) == 1
        assert not user_file.exists()


async def test_the_draft_in_the_prompt_survives_and_a_new_size_is_taken_over() -> None:
    async with frozen_app().run_test(size=(200, 60)) as pilot:
        app = await settle(pilot)
        await pilot.press(*"draft")
        await open_settings(pilot)
        await pilot.resize_terminal(80, 24)
        await pilot.press("escape")
        await pilot.pause()

        assert app.main.prompt.text == "draft"
        assert app.main.team.arrangement == "compact"


# When it takes effect.


def test_every_source_has_a_short_name() -> None:
    assert set(SHORT_SOURCES) == set(get_args(OriginKind))


def test_every_setting_takes_effect_when_it_says_so() -> None:
    waiting = {name for name, field in setting_fields().items() if field.takes_effect == "from the next start"}

    assert set(APPLIERS) == set(setting_fields()) - waiting
    assert {field.takes_effect for field in setting_fields().values()} == set(get_args(TakesEffect))


@pytest.mark.parametrize(
    ("variable", "written", "level"),
    [("none", "", "none"), ("none", "[ui]\nanimation = 'basic'\n", "basic"), ("", "", "full")],
)
async def test_what_every_textual_application_is_told_counts_after_saving_as_it_does_at_the_start(
    user_file: Path, monkeypatch: pytest.MonkeyPatch, variable: str, written: str, level: str
) -> None:
    if variable:
        monkeypatch.setenv("TEXTUAL_ANIMATIONS", variable)
        monkeypatch.setattr(setting_effects, "TEXTUAL_ANIMATIONS", variable)
    user_file.write_text(written)
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        app = pilot.app
        assert isinstance(app, QuintetApp)

        app.post_message(SettingsScreen.Saved(load_config(), ("ui.animation",)))
        await pilot.pause()

        assert app.animation_level == level


async def test_a_value_that_the_running_engine_does_not_go_by_is_told(user_file: Path) -> None:
    started_with = load_config()
    user_file.write_text("[llm]\nmax_retries = 9\n")
    async with WidgetHost().run_test(size=(120, 40)) as pilot:
        pilot.app.push_screen(SettingsScreen(Draft(), in_use=started_with, choices={}, cursor_blink=False))
        await pilot.pause()
        await find(pilot, "max_retries")

        page = " ".join(shown(pilot, "#setting-facts").split())

    assert "In use 3 (until you leave Quintet)" in page
    assert "Now 9 (" in page


async def test_live_settings_apply_at_once_even_when_the_screen_is_left(
    user_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(active, "lowest", active.lowest)
    async with QuintetApp(connect=False).run_test(size=(120, 40)) as pilot:
        app = await settle(pilot)
        theme_before = app.theme
        await open_settings(pilot)
        for name, presses in LIVE_PRESSES.items():
            await find(pilot, name)
            await pilot.press(*["space"] * presses)
        await edit(pilot, "team.workflow", "review")
        await pilot.press("escape")
        await pilot.press("escape")
        await pilot.pause()
        await pilot.press("enter")
        await app.workers.wait_for_complete()
        await pilot.pause()

        written = tomllib.loads(user_file.read_text())
        assert isinstance(app.screen, MainScreen)
        assert written == {
            "logging": {"level": "WARNING"},
            "ui": {"theme": app.theme, "animation": "none", "cursor_blink": False, "layout": "compact"},
            "team": {"workflow": "review"},
        }
        assert app.theme != theme_before
        assert app.animation_level == "none"
        assert not app.main.prompt.cursor_blink
        assert app.main.team.arrangement == "compact"
        assert LEVELS[active.lowest] == "WARNING"
        assert app.controller.workflow == "review"


# Looks.


async def show_a_change(pilot: Pilot[Any]) -> None:
    await settle(pilot)
    await open_settings(pilot)
    await edit(pilot, "retry_max", "0.5")
    await pilot.press("escape", "slash", "ctrl+u", *"delay", "enter", "down")
    await pilot.pause()


async def show_difference(pilot: Pilot[Any]) -> None:
    await settle(pilot)
    await open_settings(pilot)
    await edit(pilot, "llm.model", "large")
    await pilot.press("escape")
    await find(pilot, "retry_max")
    await edit(pilot, "retry_max", "30")
    await pilot.press("ctrl+s")
    await pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=["80x24", "200x60"])
def test_settings(snap_compare: Compare, user_file: Path, size: tuple[int, int]) -> None:
    user_file.write_text(MINE)

    assert snap_compare(frozen_app(), terminal_size=size, run_before=show_a_change)


def test_the_difference_before_saving(snap_compare: Compare, user_file: Path) -> None:
    user_file.write_text(MINE)

    assert snap_compare(frozen_app(), terminal_size=(120, 40), run_before=show_difference)
