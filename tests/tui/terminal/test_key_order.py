"""What was typed is what happens: keys that arrive in a burst act in their order, whatever each of them is bound to."""

from __future__ import annotations

import pytest
from textual import events
from textual.pilot import Pilot

from tui.app import QuintetApp

STILL = {"ui.animation": "none", "ui.cursor_blink": False}


def key(name: str) -> events.Key:
    return events.Key(name, name if len(name) == 1 else None)


async def burst(pilot: Pilot[int], *inputs: events.Event) -> None:
    """Let all of it arrive before the app has seen any."""
    for event in inputs:
        pilot.app.post_message(event)
    await pilot.pause()
    await pilot.pause()


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("a b c backspace d", "abd"),
        ("a b left c", "acb"),
        ("a b home c end d", "cabd"),
        ("a b backspace backspace c", "c"),
        ("a space b ctrl+w c", "a c"),
        ("a b ctrl+u c", "c"),
        ("a ctrl+j b backspace backspace c", "ac"),
        ("a b shift+left x", "ax"),
        ("a b left delete c", "ac"),
    ],
)
async def test_a_burst_of_keys_edits_the_prompt_as_typed(typed: str, text: str) -> None:
    app = QuintetApp(connect=False, overrides=STILL)
    async with app.run_test() as pilot:
        await pilot.pause()
        app.main.prompt.focus()
        names = typed.split()

        await burst(pilot, *(events.Key("space", " ") if name == "space" else key(name) for name in names))

        assert app.main.prompt.text == text


async def test_a_paste_between_keys_stays_between_them() -> None:
    app = QuintetApp(connect=False, overrides=STILL)
    async with app.run_test() as pilot:
        await pilot.pause()
        app.main.prompt.focus()

        await burst(
            pilot, key("a"), key("b"), key("backspace"), events.Paste("[pasted]"), key("c"), key("left"), key("d")
        )

        assert app.main.prompt.text == "a[pasted]dc"
