"""Themes are files of colours; what cannot be used is named, and the app still starts."""

from __future__ import annotations

import pytest

from core.errors import UsageError
from tests.support.tui.app import frozen_app
from tests.support.tui.screen import until
from tui.theme import DEFAULT_THEME, first_theme_name, load_theme, read_fields, shipped_theme_names, theme_from_fields


@pytest.mark.parametrize("name", shipped_theme_names())
def test_every_shipped_theme_can_be_used(name: str) -> None:
    assert load_theme(name).name == name


def test_the_three_themes_are_shipped() -> None:
    assert set(shipped_theme_names()) == {"high-contrast", "quintet-dark", "quintet-light"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (None, "no primary colour"),
        ({"dark": True}, "no primary colour"),
        ({"primary": "#123456", "font": "big"}, "unknown field 'font'"),
        ({"primary": "nearly blue"}, "no colour in 'primary'"),
    ],
)
def test_a_theme_that_holds_no_colours_is_refused(fields: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        theme_from_fields("mine", fields)


async def test_an_unknown_theme_is_named_and_the_default_is_used() -> None:
    app = frozen_app(theme="sunset")
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, lambda: len(app._notifications) > 0)

        assert app.theme == DEFAULT_THEME
        assert "there is no theme 'sunset'" in next(iter(app._notifications)).message


@pytest.mark.parametrize(
    ("overrides", "environment", "name"),
    [
        ({"ui.theme": "high-contrast"}, {"QUINTET_THEME": "nord"}, "high-contrast"),
        ({}, {"QUINTET_THEME": "nord"}, "nord"),
        ({}, {"COLORTERM": "truecolor"}, "quintet-dark"),
        ({}, {"TERM": "xterm-direct"}, "quintet-dark"),
        ({}, {"TERM": "xterm-256color"}, "ansi-dark"),
    ],
)
def test_the_first_paint_has_the_theme_that_was_asked_for(
    overrides: dict[str, object], environment: dict[str, str], name: str
) -> None:
    assert first_theme_name(overrides, environment) == name


async def test_t_goes_through_the_themes() -> None:
    app = frozen_app()
    async with app.run_test() as pilot:
        await pilot.press("escape")
        seen = []
        for _ in shipped_theme_names():
            await pilot.press("t")
            seen.append(app.theme)

    assert sorted(seen) == list(shipped_theme_names())


@pytest.mark.parametrize("text", ["primary: '#fff", "- a\nb: c", "primary: [", "primary: !!python/object:os.system {}"])
def test_a_file_that_is_no_yaml_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="the theme 'mine' is no YAML: "):
        read_fields("mine", text)


@pytest.mark.parametrize("text", ["", "primary", "- primary", "primary:", "dark: true"])
def test_yaml_without_a_primary_colour_is_no_theme(text: str) -> None:
    with pytest.raises(UsageError, match=r"the theme 'mine' has no (primary )?colour"):
        theme_from_fields("mine", read_fields("mine", text))
