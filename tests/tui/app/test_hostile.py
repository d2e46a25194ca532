"""Users who do everything at the wrong moment: nothing breaks, nothing is lost, and the screen says what happened."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Static

from core.settings import Settings
from tests.support.clock import VirtualClock
from tests.support.fault_server import FaultServer, silence
from tests.support.hypothesis_profiles import cases_of_profile
from tests.support.team import ScriptedTeam, team_settings, write_team
from tests.support.tui.app import FROZEN_SETTINGS, frozen_app, settle
from tests.support.tui.engine_app import working_app
from tests.support.tui.screen import screen_text, toasts, until
from tests.support.tui.scripted_run import attempt, start, step, tokens
from tui.app import QuintetApp

ATTACK = "[red]x[/] [@click=app.quit]y[/] \x1b[31mred\x1b]0;title\x07 \u202e@"
KEYS = (
    *(
        "escape",
        "tab",
        "shift+tab",
        "pageup",
        "pagedown",
        "up",
        "down",
        "f1",
        "f3",
        "f4",
        "f6",
        "f9",
        "ctrl+p",
        "ctrl+j",
    ),
    *("1", "3", "6", "z", "l", "t", "y", "c", "g", "G", "space", "p", "i", "x", "a", "backspace", "question_mark"),
)
STREAM = "# Title\n\nwords **bold** and `code`\n\n```python\ndef f():\n    return 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"


async def test_sending_with_everybody_off_says_so_and_gives_the_task_back(tmp_path: Path) -> None:
    async with working_app(tmp_path) as (app, pilot, server):
        await pilot.press("f5", "f6", "f7", "f8", "f9", *"slice", "enter")
        await until(pilot, lambda: app.main.prompt.text == "slice")

        assert "switch at least one" in toasts(app)
        assert "switch at least one" in app.main.team.panes[0].view.source
        assert not app.controller.has_run
        assert not server.journal


async def test_interrupting_the_start_gives_the_waiting_task_back(tmp_path: Path) -> None:
    write_team(tmp_path / "team")
    may_load = threading.Event()

    async with FaultServer() as server:
        server.answer_by(ScriptedTeam({}))

        def load(_: Mapping[str, object]) -> Settings:
            may_load.wait()
            return team_settings(tmp_path, server.base_url, **FROZEN_SETTINGS)

        app = QuintetApp(task="slice", overrides=FROZEN_SETTINGS, load_settings=load)
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            try:
                await until(pilot, lambda: bool(app.main.team.panes))
                await pilot.press("ctrl+c")
                await pilot.pause()
                assert app.main.prompt.text == "slice"
                assert "not started" in toasts(app)
            finally:
                may_load.set()
            await until(pilot, lambda: app.engine is not None)
            assert not app.controller.has_run
            assert not server.journal


async def test_escape_twice_right_after_enter_stops_the_run(tmp_path: Path) -> None:
    clock = VirtualClock(manual=True)  # no time passes between the two, however busy the machine is
    async with working_app(tmp_path, {"brief": silence()}, clock=clock) as (app, pilot, _):
        await pilot.press(*"slice", "enter")
        await until(pilot, lambda: app.controller.has_run)
        app.main._status = None  # the screen has not been told yet
        await pilot.press("escape", "escape")

        await until(pilot, lambda: not app.controller.has_run)
        await until(pilot, lambda: "■ stopped" in screen_text(app).splitlines()[0])


async def test_a_run_stopped_before_it_began_is_shown_as_stopped(tmp_path: Path) -> None:
    async with working_app(tmp_path, {"brief": silence()}) as (app, pilot, _):
        app.controller.start_run("slice")
        await until(pilot, lambda: app.controller.has_run)
        await app.action_command("interrupt")

        await until(pilot, lambda: "■ stopped" in screen_text(app).splitlines()[0])


async def test_a_paste_of_100_kb_is_kept_whole() -> None:
    text = "word and more\n" * 7200
    async with frozen_app().run_test(size=(80, 24)) as pilot:
        app = await settle(pilot)
        app.main.prompt.post_message(events.Paste(text))
        await pilot.pause()

        assert app.main.prompt.text == text
        assert app.main.prompt.size.height <= 8


async def test_a_task_full_of_control_characters_is_shown_as_text(tmp_path: Path) -> None:
    async with working_app(tmp_path, {"brief": silence()}, task=ATTACK) as (app, pilot, server):
        await server.requests(1)
        await until(pilot, lambda: "task: [red]x[/]" in screen_text(app))

        assert not set(screen_text(app)) & set("\x1b\x07\u202e")


@pytest.mark.parametrize("seed", cases_of_profile([2, 0, 1], by_default=1))
async def test_mashing_keys_and_resizing_while_five_agents_stream(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - reproducible disorder, not cryptography
    async with frozen_app().run_test(size=(120, 40), notifications=True) as pilot:
        app = await settle(pilot)
        app.receive(start())
        streams = []
        for pane in app.main.team.panes:
            app.receive(step(pane.card.agent_id, "work", 1000.0))
            for event in attempt(pane.card.agent_id, f"c{pane.number}", 1, 1000.0):
                app.receive(event)
            streams.append(iter(tokens(pane.card.agent_id, f"c{pane.number}", 1, 1001.0, STREAM * 8, size=9)))
        for _ in range(40):
            for stream in streams:
                for event in itertools.islice(stream, 2):
                    app.receive(event)
            await pilot.press(*rng.choices(KEYS, k=2))
            if rng.random() < 0.4:
                await pilot.resize_terminal(rng.choice((10, 40, 60, 80, 120, 200)), rng.choice((4, 10, 20, 24, 40, 60)))
        for stream in streams:
            for event in stream:
                app.receive(event)
        while len(app.screen_stack) > 1:
            app.pop_screen()
        await pilot.resize_terminal(120, 40)
        await settle(pilot)

        assert [pane.view.answer_source for pane in app.main.team.panes] == [STREAM * 8] * 5
        assert "Quintet" in screen_text(app)


async def test_at_40_by_10_the_app_says_how_much_room_it_needs_and_keeps_the_draft() -> None:
    async with frozen_app().run_test(size=(40, 10)) as pilot:
        app = await settle(pilot)
        await pilot.press(*"draft")

        assert "Quintet needs 60x20" in screen_text(app)
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert "Quintet needs 60x20" not in screen_text(app)
        assert app.main.prompt.text == "draft"
        assert app.main.query_one("#header", Static).region.width == 80
