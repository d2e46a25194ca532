"""One registry feeds bindings, footer, palette, help and keymap: no key is dead, and none has two meanings."""

from __future__ import annotations

from inspect import signature
from typing import Any

import pytest
from textual.actions import parse
from textual.command import Hit
from textual.pilot import Pilot

from tests.support.tui.app import frozen_app, settle
from tui.bindings import ACTIONS, Action, KeyTable, clashes, key_label, key_table
from tui.control.palette import ActionProvider
from tui.screens.help import HelpScreen, help_content
from tui.widgets.prompt.prompt import Prompt

by_row = pytest.mark.parametrize("row", ACTIONS, ids=[row.id for row in ACTIONS])


def test_no_two_actions_share_a_key_where_both_are_active() -> None:
    assert clashes(ACTIONS) == []


def test_every_action_has_an_id_of_its_own() -> None:
    assert len({row.id for row in ACTIONS}) == len(ACTIONS)


@by_row
def test_every_key_has_something_that_it_does(row: Action) -> None:
    if row.layer == "prompt":
        assert callable(getattr(Prompt, f"action_{row.action}", None))
    else:
        namespace, name, (command, *arguments) = parse(row.action)
        assert (namespace, name) == ("app", "command")
        signature(frozen_app().commands[str(command)]).bind(*arguments)


def test_every_command_has_a_row() -> None:
    commands = {row.command or row.id for row in ACTIONS if row.layer != "prompt"}

    assert set(frozen_app().commands) == commands


@by_row
def test_every_action_is_in_the_help_with_its_keys(row: Action) -> None:
    page = help_content(KeyTable()).plain

    assert f"[{row.id}]" in page
    assert all(key_label(key) in page for key in row.all_keys)


async def test_every_action_is_in_the_palette() -> None:
    async with frozen_app().run_test() as pilot:
        app = await settle(pilot)
        provider = ActionProvider(app.main)

        shown = [str(hit.text) async for hit in provider.discover()]
        found = [hit async for hit in provider.search("zoom")]

    assert len(shown) == len(ACTIONS)
    assert isinstance(found[0], Hit)
    assert found[0].text == "Zoom  (F3, z)"


async def test_the_palette_does_what_the_key_does() -> None:
    async with frozen_app().run_test() as pilot:
        app = await settle(pilot)

        await pilot.press("ctrl+p", *"sidebar", "enter")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

        assert app.main.query_one("#sidebar").display


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"zomm": "f12"}, "no action 'zomm'"),
        ({"zoom": "f4"}, "'f4' is given to both 'zoom' and 'sidebar'"),
        ({"zoom": "f12", "help": "f12"}, "'f12' is given to both 'zoom' and 'help'"),
        ({"send": "x"}, "would be typed into the prompt"),
        ({"top": "z"}, "'z' is given to both 'top' and 'zoom'"),
        ({"zoom": " , "}, "names no key"),
    ],
)
def test_a_change_that_cannot_be_made_is_named_and_left_out(changes: dict[str, str], words: str) -> None:
    table = key_table(changes)

    assert len(table.problems) == 1
    assert words in table.problems[0]
    assert clashes(table.actions) == []


def test_a_change_replaces_the_key_of_its_kind() -> None:
    table = key_table({"zoom": "f12,Z", "top": "T"})

    assert table.problems == ()
    assert table.find("zoom").all_keys == ("f12", "Z")
    assert table.keymap == {"zoom": "f12", "zoom.panes": "Z", "top.panes": "T"}


def test_two_actions_may_swap_their_keys() -> None:
    table = key_table({"zoom": "f4", "sidebar": "f3"})

    assert table.problems == ()
    assert table.find("zoom").keys == ("f4",)


async def test_a_changed_key_works_and_is_shown() -> None:
    table = key_table({"sidebar": "f12"})
    async with frozen_app().run_test() as pilot:
        app = await settle(pilot)
        app.set_keymap(table.keymap)
        app.main.show_keys(table)

        await pilot.press("f4")
        assert not app.main.query_one("#sidebar").display
        await pilot.press("f12")
        assert app.main.query_one("#sidebar").display

        await pilot.press("f1")
        assert isinstance(app.screen, HelpScreen)
        assert "F12" in help_content(app.main.table).plain


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
async def test_the_footer_lists_only_keys_that_fit(width: int) -> None:
    async with frozen_app().run_test(size=(width, 40)) as pilot:
        await settle(pilot)
        typing = _footer(pilot)
        await pilot.press("escape")
        await pilot.pause()

        assert 0 < len(typing) <= width
        assert typing.startswith("Enter Send")
        assert _footer(pilot).startswith("Esc Back")


def _footer(pilot: Pilot[Any]) -> str:
    bar = pilot.app.screen.query_one("#key-bar")
    return "".join(segment.text for segment in bar.render_line(0)).rstrip()
