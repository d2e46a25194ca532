"""What the app looks like, at every size that has a layout of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from core.events import Event
from tests.support.tui.app import frozen_app, settle
from tests.support.tui.scripted_run import (
    AT_THE_END,
    IN_THE_MIDDLE,
    FrozenClock,
    breaker_holds_devops,
    breaker_opens,
    everybody_waits,
    first_half,
    second_half,
    server_comes_back,
    status_after,
)

SIZES = [(80, 24), (120, 40), (200, 60), (60, 20), (40, 10)]
by_size = pytest.mark.parametrize("size", SIZES, ids=[f"{width}x{height}" for width, height in SIZES])
Compare = Callable[..., bool]
Before = Callable[[Pilot[Any]], Awaitable[None]]


async def show_middle(pilot: Pilot[Any]) -> None:
    app = await settle(pilot)
    for event in first_half():
        app.receive(event)
    app.receive(breaker_opens())
    app.receive(breaker_holds_devops())
    await settle(pilot)
    app.clear_notifications()  # the pictures are of what stays
    await settle(pilot, IN_THE_MIDDLE)


async def show_end(pilot: Pilot[Any]) -> None:
    await show_middle(pilot)
    app = await settle(pilot, IN_THE_MIDDLE)
    assert isinstance(app.clock, FrozenClock)
    app.clock.at = 1066.0
    for event in second_half():
        app.receive(event)
    await settle(pilot, AT_THE_END)


async def show(pilot: Pilot[Any], events: list[Event], *keys: str) -> None:
    app = await settle(pilot)
    for event in events:
        app.receive(event)
    status = status_after(events)
    await settle(pilot, status)
    app.clear_notifications()
    await pilot.press(*keys)
    await settle(pilot, status)


@by_size
def test_welcome(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(frozen_app(), terminal_size=size, run_before=settle)


@by_size
def test_a_run_in_the_middle(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(frozen_app(), terminal_size=size, run_before=show_middle)


@by_size
def test_a_finished_run(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(frozen_app(), terminal_size=size, run_before=show_end)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_every_wait_is_seen_in_the_pane_of_the_agent_that_waits(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await show(pilot, [breaker_opens(), *everybody_waits()], "escape")

    assert snap_compare(frozen_app(), terminal_size=size, run_before=before)


def test_waits_without_a_countdown_and_answers_of_another_kind(snap_compare: Compare) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await show(pilot, server_comes_back())

    assert snap_compare(frozen_app(), terminal_size=(120, 40), run_before=before)


def test_files_and_hand_offs_in_a_small_terminal(snap_compare: Compare) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await show_end(pilot)
        await pilot.press("escape", "6")
        await settle(pilot, AT_THE_END)

    assert snap_compare(frozen_app(), terminal_size=(80, 24), run_before=before)


def test_help(snap_compare: Compare) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await pilot.press("f1")

    assert snap_compare(frozen_app(), terminal_size=(120, 40), run_before=before)


@pytest.mark.parametrize("theme", ["quintet-light", "high-contrast"])
def test_other_themes(snap_compare: Compare, theme: str) -> None:
    app = frozen_app(theme=theme)

    assert snap_compare(app, terminal_size=(120, 40), run_before=show_middle)


def test_without_colours_every_state_is_still_a_glyph_and_a_word(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    assert snap_compare(frozen_app(), terminal_size=(80, 24), run_before=show_middle)
