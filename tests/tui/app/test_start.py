"""The first paint waits for nothing that it does not show, and a bad configuration ends the app with its reason."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from core.errors import ConfigValidationError
from core.settings import Settings, load_config
from core.telemetry.logs import current_log_file, listening_for_faults, stop_logging
from core.telemetry.metrics import get_metrics, increment, set_metrics_enabled
from tests.support.repository import ROOT
from tests.support.tui.app import FROZEN_SETTINGS, frozen_app, settle
from tests.support.tui.engine_app import working_app
from tests.support.tui.screen import HeardToasts, screen_text, toasts, until
from tui.app import QuintetApp

HEAVY = ("openai", "langgraph", "langchain_core", "pydantic", "xllamacpp", "aiosqlite", "core.settings", "core.engine")
NOT_SHOWN_YET = (
    *("pygments", "tomllib", "loguru", "core.events", "core.state.status", "core.roster", "tui.control.event_router"),
    *("tui.screens.help", "tui.widgets.stream.agent_pane", "tui.widgets.stream.stream_view", "tui.markdown.document"),
)
PROGRAM = """
import asyncio, json, sys
import tui.app

class App(tui.app.QuintetApp):
    painted = None

    def _display(self, screen, renderable):
        if self.painted is None and renderable is not None:
            words = renderable.render_segments(self.console)
            self.painted = words, [name for name in sys.argv[1:] if name in sys.modules]
        super()._display(screen, renderable)

async def main():
    app = App(connect=False, overrides={"ui.animation": "none", "ui.theme": "quintet-dark"})
    async with app.run_test(size=(120, 40)) as pilot:
        while not app.main.team.panes:
            await pilot.pause()
        print(json.dumps([*app.painted, [name for name in sys.argv[1:] if name in sys.modules]]))

asyncio.run(main())
"""


def test_the_first_frame_says_all_it_must_and_imports_nothing_it_does_not_show() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *HEAVY, *NOT_SHOWN_YET],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    words, at_first_paint, with_panes = json.loads(done.stdout)

    assert at_first_paint == []
    assert not set(with_panes) & set(HEAVY)
    for part in ("Quintet", "finding out what answers", "press Enter on the empty prompt", "Newline", "Quit"):
        assert part in words


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_nothing_moves_when_what_came_after_the_first_paint_is_there(size: tuple[int, int]) -> None:
    app = frozen_app()
    async with app.run_test(size=size) as pilot:
        before = {
            widget.id: widget.region for widget in app.main.query("#header, #welcome, #sidebar, #prompt, #key-bar")
        }
        first = screen_text(app).splitlines()
        await settle(pilot)
        after = {
            widget.id: widget.region for widget in app.main.query("#header, #welcome, #sidebar, #prompt, #key-bar")
        }
        then = screen_text(app).splitlines()

    assert after == before
    for word in ("Connected", "Team", "Try it", "Files", "Keys"):
        assert [row for row, line in enumerate(first) if f"{word} " in line] == [
            row for row, line in enumerate(then) if f"{word} " in line
        ]


async def test_keys_before_the_panes_are_there_do_no_harm() -> None:
    app = frozen_app()
    async with app.run_test() as pilot:
        assert not app.main.team.panes
        for command in ("back", "next_pane", "previous_pane", "zoom", "sidebar", "bottom", "top", "scroll_down"):
            await app.action_command(command)
        for command in ("stop_agent", "pause", "copy_message", "copy_code", "interrupt"):
            await app.action_command(command)
        await app.action_command("focus_pane", 3)
        await app.action_command("toggle_agent", 1)
        await settle(pilot)

        assert len(app.main.team.panes) == 5


async def test_leaving_before_the_engine_is_there_leaves_nothing_behind(tmp_path: Path) -> None:
    began = asyncio.Event()
    loop = asyncio.get_running_loop()

    def load(_: Mapping[str, object]) -> Settings:
        loop.call_soon_threadsafe(began.set)
        return load_config(cwd=tmp_path, env={"LLM_BASE_URL": "http://127.0.0.1:9/v1"}, user_config=tmp_path / "none")

    others = asyncio.all_tasks()
    app = QuintetApp(overrides=FROZEN_SETTINGS, load_settings=load)
    async with app.run_test() as pilot:
        await began.wait()
        await pilot.press("ctrl+q")

    assert app.return_code == 0
    assert app.engine is None
    assert {task for task in asyncio.all_tasks() if not task.done()} == others


async def test_the_log_and_the_metrics_follow_the_settings(tmp_path: Path) -> None:
    log_file = tmp_path / "quintet.log"
    try:
        async with working_app(tmp_path, settings={"logging.file": log_file, "telemetry.enable_metrics": False}) as (
            app,
            pilot,
            _,
        ):
            increment("llm.retries")
            assert current_log_file() == log_file
            assert not get_metrics()["counters"]
            await pilot.press(*"slice", "enter")
            await until(pilot, lambda: "! unverified" in screen_text(app).splitlines()[0])
        assert log_file.exists()
    finally:
        stop_logging()
        set_metrics_enabled(True)


async def test_a_fault_of_our_own_is_logged_with_its_traceback_and_reported(tmp_path: Path) -> None:
    log_file, reported = tmp_path / "quintet.log", list[BaseException]()
    fault = ValueError("out of order")
    async with working_app(tmp_path, settings={"logging.file": log_file}) as (app, pilot, _):
        with listening_for_faults(reported.append):
            app.report_fault(fault)
        await pilot.pause()
        assert "internal fault ValueError: out of order" in toasts(app)
    stop_logging()

    assert reported == [fault]
    assert '"message": "the front end met a fault"' in log_file.read_text()
    assert "ValueError: out of order" in log_file.read_text()


async def test_a_log_that_cannot_be_written_is_said_once(tmp_path: Path) -> None:
    unread = tmp_path / "pipe"
    os.mkfifo(unread)  # which can be opened for writing only while somebody reads it
    heard = HeardToasts()
    async with working_app(tmp_path, settings={"logging.file": unread}, message_hook=heard):
        assert heard.text.count("no log is written") == 1
    stop_logging()


def test_a_workflow_that_is_not_there_ends_the_start_and_is_named() -> None:
    app = QuintetApp(overrides={**FROZEN_SETTINGS, "team.workflow": "nonsense"})
    code = app.run(headless=True, size=(80, 24))

    assert code == 2
    assert "there is no workflow 'nonsense'" in "\n".join(app.last_words)


def test_a_bad_configuration_ends_with_code_2_and_names_all_reasons() -> None:
    def load(_: Mapping[str, object]) -> Settings:
        raise ConfigValidationError(("llm.max_retries is -1", "ui.layout is 'round'"))

    app = QuintetApp(overrides=FROZEN_SETTINGS, load_settings=load)
    code = app.run(headless=True, size=(80, 24))

    assert (code, app.return_code) == (2, 2)
    problems = "\n".join(app.last_words)
    assert "2 problems in the configuration" in problems
    assert "llm.max_retries is -1" in problems
    assert "ui.layout is 'round'" in problems
