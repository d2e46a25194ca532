"""Every size has a layout that fills it; changing the size loses nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Region, Size

from core.kinds import LayoutName
from tests.support.tui.app import frozen_app, settle
from tests.support.tui.scripted_run import IN_THE_MIDDLE, FrozenClock, first_half
from tui.screens.main import MainScreen
from tui.widgets.team_layout import LAYOUT_NAMES, is_too_small, layout_for, regions_for, shown_cells


@pytest.mark.parametrize(
    ("size", "name"),
    [
        ((80, 24), "compact"),
        ((99, 60), "compact"),
        ((200, 29), "compact"),
        ((100, 30), "standard"),
        ((120, 40), "standard"),
        ((200, 44), "standard"),
        ((160, 45), "wide"),
        ((200, 60), "wide"),
    ],
)
def test_the_size_decides_the_layout_unless_one_is_wished(size: tuple[int, int], name: str) -> None:
    assert layout_for(Size(*size)) == name
    assert layout_for(Size(*size), "wide") == "wide"


@pytest.mark.parametrize(("size", "is_small"), [((60, 20), False), ((59, 20), True), ((60, 19), True)])
def test_below_60x20_nothing_useful_fits(size: tuple[int, int], is_small: bool) -> None:
    assert is_too_small(Size(*size)) is is_small


@given(
    name=st.sampled_from(LAYOUT_NAMES),
    size=st.builds(Size, st.integers(0, 400), st.integers(0, 120)),
    cells=st.integers(2, 9),
    active=st.integers(0, 8),
    zoomed=st.booleans(),
)
def test_regions_never_overlap_and_stay_inside(
    name: LayoutName, size: Size, cells: int, active: int, zoomed: bool
) -> None:
    shown = shown_cells(name, cells, active % cells, zoomed=zoomed)
    regions = regions_for(name, size, len(shown))

    screen = Region(0, 0, size.width, size.height)
    assert active % cells in shown
    assert all(screen.contains_region(region) for region in regions)
    assert sum(region.area for region in regions) <= screen.area
    assert not any(first.overlaps(second) for index, first in enumerate(regions) for second in regions[index + 1 :])


async def test_resizing_keeps_draft_focus_and_active_agent() -> None:
    async with frozen_app().run_test(size=(200, 60)) as pilot:
        app = await settle(pilot)
        for event in first_half():
            app.receive(event)
        await pilot.press(*"draft", "escape", "3")
        for size in ((80, 24), (120, 40), (40, 10), (59, 19), (10, 3), (200, 60), (60, 20)):
            await pilot.resize_terminal(*size)
            await settle(pilot, IN_THE_MIDDLE)

        active = app.main.team.active_agent
        assert active is not None
        assert active.card.agent_id == "qa_engineer"
        assert active.view.has_focus
        assert app.main.prompt.text == "draft"
        assert app.main.team.arrangement == "compact"


async def test_tab_goes_round_all_panes_without_leaving_the_prompt() -> None:
    async with frozen_app().run_test() as pilot:
        app = await settle(pilot)
        seen = []
        for _ in range(6):
            await pilot.press("tab")
            seen.append(app.main.team.active_agent.number if app.main.team.active_agent else 6)

        assert seen == [2, 3, 4, 5, 6, 1]
        assert app.main.prompt.has_focus
        await pilot.press("shift+tab")
        assert app.main.team.active_agent is None


async def test_only_panes_on_screen_are_displayed() -> None:
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        app = await settle(pilot)
        await pilot.press("escape", "2")
        assert [pane.display for pane in app.main.team.panes] == [True] * 5

        await pilot.press("z")

        assert [pane.display for pane in app.main.team.panes] == [False, True, False, False, False]


async def test_an_agent_that_begins_comes_to_the_front_unless_the_user_chose() -> None:
    async with frozen_app().run_test() as pilot:
        app = await settle(pilot)
        for event in first_half():
            app.receive(event)
        assert app.main.team.active_agent is app.main.team.panes[3]

        await pilot.press("tab", "tab")
        chosen = app.main.team.active_agent
        app.receive(first_half()[1])

        assert app.main.team.active_agent is chosen


async def test_two_escapes_far_apart_do_not_stop_the_run() -> None:
    stopped: list[object] = []

    def hook(message: object) -> None:
        if isinstance(message, MainScreen.StopRequested):
            stopped.append(message)

    clock = FrozenClock()
    async with frozen_app(clock=clock).run_test(message_hook=hook) as pilot:
        await settle(pilot, IN_THE_MIDDLE)
        await pilot.press("escape")
        clock.at += 2
        await pilot.press("escape")
        assert stopped == []

        await pilot.press("escape")

    assert len(set(stopped)) == 1  # the hook sees it on the screen and on the app


async def test_the_active_pane_has_the_main_place() -> None:
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        app = await settle(pilot)
        await pilot.press("escape")
        for number in (2, 5, 1, 6, 3):
            await pilot.press(str(number))
            await settle(pilot)
            cells = [*app.main.team.panes, app.main.team.activity]

            largest = max((cell for cell in cells if cell.display), key=lambda cell: cell.region.area)
            assert cells.index(largest) == number - 1


async def test_a_working_agent_takes_the_main_place() -> None:
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        app = await settle(pilot)
        for event in first_half():
            app.receive(event)
        await settle(pilot)

        largest = max(app.main.team.panes, key=lambda pane: pane.region.area)
        assert largest is app.main.team.active_agent
        assert largest.number == 4
