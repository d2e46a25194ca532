"""What a user meets every day: held agents, a server that has had its pause, a start that failed, toasts that repeat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Static

from core.errors import PromptError
from core.events import RunFinished
from core.settings import Settings
from core.state.status import BreakerStatus
from tests.support.fault_server import silence
from tests.support.tui.app import FROZEN_SETTINGS, frozen_app, settle
from tests.support.tui.engine_app import working_app
from tests.support.tui.screen import toasts, until
from tests.support.tui.scripted_run import IN_THE_MIDDLE, NOW, attempt, call, run_fields, start, status_after, step
from tui.app import QuintetApp
from tui.screens.dashboard import DashboardScreen
from tui.widgets.dashboard.page import dashboard_page
from tui.widgets.dashboard.session_history import DashboardData, SessionHistory
from tui.widgets.header_bar import HeaderBar
from tui.widgets.welcome import WelcomeText


def sidebar(app: QuintetApp) -> str:
    return str(app.main.query_one("#sidebar-text", Static).render())


async def test_a_toast_that_stands_there_already_is_not_shown_again() -> None:
    async with frozen_app().run_test(notifications=True) as pilot:
        app = await settle(pilot)
        for words in ("1 wait ended", "1 wait ended", "nobody waits", "1 wait ended"):
            app.say(words)
            await pilot.pause()

        assert toasts(app).splitlines() == ["1 wait ended", "nobody waits"]


async def test_the_toast_of_a_failed_run_is_short_and_its_pane_has_all_the_words() -> None:
    reason = " | ".join(f"step {number}: the server was not there" for number in range(20))
    async with frozen_app().run_test(size=(80, 24), notifications=True) as pilot:
        app = await settle(pilot)
        app.receive(start())
        ended = RunFinished(
            **run_fields(NOW),  # type: ignore[arg-type]
            status="failed",
            verdict="not_executed",
            output_dir="output/x",
            files=(),
            duration_seconds=3.0,
            reason=reason,
        )
        app.receive(ended)
        await pilot.pause()

        assert len(toasts(app)) < 300
        assert "Press Up to edit the task and send it again." in toasts(app)
        assert reason[:500] in " ".join(app.main.team.panes[0].view.source.split())


async def test_an_open_breaker_whose_pause_is_over_says_that_the_next_try_is_due() -> None:
    status = replace(IN_THE_MIDDLE, breakers=(BreakerStatus("127.0.0.1:8080/m", "open", 3, 3, 0.0),))
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        app = await settle(pilot, status)

        header = app.main.query_one(HeaderBar).render().plain
        page = dashboard_page(DashboardData(NOW, SessionHistory(), {}, status), 78).plain
        assert "✗ breaker open, retry due" in header
        assert "✗ open, retry due" in sidebar(app)
        assert "✗ open, retry due" in page
        assert "0.0 s" not in header + page


async def test_an_agent_between_two_calls_of_a_paused_run_is_held_and_does_not_think() -> None:
    events = [
        start(),
        step("business_analyst", "brief", 1000.0),
        *call("business_analyst", "c1", 1001.0, "# Brief", 7),
        *attempt("developer", "c2", 1, 1001.0)[:1],
    ]
    status = replace(status_after(events), paused=True)
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        app = await settle(pilot)
        for event in events:
            app.receive(event)
        app.show_status(status)
        titles = [pane.border_text()[0] for pane in app.main.team.panes[:2]]
        app.show_status(replace(status, paused=False))

        assert titles == ["1 Business Analyst ⏸ held", "2 Developer … thinking"]
        assert app.main.team.panes[0].border_text()[0] == "1 Business Analyst … thinking"


async def test_tries_beyond_those_that_are_counted_have_no_total() -> None:
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        app = await settle(pilot)
        developer = app.main.team.panes[1]
        developer.attempts_allowed = 4
        shown = []
        for number in (4, 5):
            for event in attempt("developer", "c1", number, 1001.0):
                app.receive(event)
            shown.append(developer.border_text()[1])

        assert "try 4/4" in shown[0]
        assert shown[1].endswith("try 5")


async def test_retry_now_does_not_deny_that_calls_are_in_the_queue(tmp_path: Path) -> None:
    settings = {"llm.max_concurrency": 1, "team.workflow": "roundtable"}
    async with working_app(tmp_path, {"opinion": silence()}, settings=settings) as (app, pilot, server):
        await pilot.press(*"why", "enter")
        await server.requests(1)
        await until(pilot, lambda: any("queued" in pane.border_text()[0] for pane in app.main.team.panes))
        await pilot.press("escape", "R")
        await pilot.pause()

        assert "those in the queue have their turn" in toasts(app)
        assert "nobody waits" not in toasts(app)


@pytest.mark.parametrize("over", [False, True], ids=["panes", "dashboard"])
async def test_the_focus_goes_along_when_another_agents_pane_takes_the_place_of_the_focused_one(over: bool) -> None:
    async with frozen_app().run_test(size=(80, 24)) as pilot:
        app = await settle(pilot)
        app.receive(start())
        app.receive(step("business_analyst", "brief", 1001.0))
        await pilot.press("escape")
        if over:
            await pilot.press("d")
            await until(pilot, lambda: isinstance(app.screen, DashboardScreen))
        app.receive(step("developer", "build", 1002.0))
        await pilot.pause()
        if over:
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.main)
        await until(pilot, lambda: app.main.team.panes[1].view.has_focus)
        await pilot.press("x")

        assert app.main.team.active_agent is app.main.team.panes[1]
        assert app.main.prompt.text == ""


async def test_the_prompt_keeps_the_focus_when_another_agent_begins() -> None:
    async with frozen_app().run_test(size=(80, 24)) as pilot:
        app = await settle(pilot)
        app.receive(start())
        app.receive(step("developer", "build", 1002.0))
        await pilot.press("a")

        assert app.main.prompt.text == "a"


async def test_an_engine_that_cannot_be_had_is_not_said_to_be_starting() -> None:
    def load(_: Mapping[str, object]) -> Settings:
        raise PromptError("prompts/agents/x.yaml: [b]title[/b] is missing - add it")

    app = QuintetApp(overrides=FROZEN_SETTINGS, load_settings=load)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: "is missing" in toasts(app))
        await pilot.pause()
        shown = app.main.query_one(HeaderBar).render().plain + app.main.query_one(WelcomeText).render().plain

        assert "✗ not started" in sidebar(app)
        assert shown.count("✗ not started") == 2
        assert "[b]title[/b] is missing" in shown
        assert "starting" not in shown
        assert "finding out" not in shown + sidebar(app)
