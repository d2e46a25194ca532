"""The app and the real engine on a scripted server: run, steer, stop, switch off, leave."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Static

from tests.support.clock import VirtualClock
from tests.support.fault_server import Step, error, silence, status
from tests.support.team import ANSWERS, DELIVERED, write_team
from tests.support.tui.engine_app import working_app
from tests.support.tui.screen import HeardToasts, palette_is_filled, toasts, until
from tui.app import QuintetApp
from tui.control.palette import ActionProvider
from tui.widgets.header_bar import HeaderBar
from tui.widgets.key_bar import KeyBar
from tui.words.sample import SAMPLE_TASK


def footer(app: QuintetApp) -> str:
    bar = app.main.query_one(KeyBar)
    return "".join(segment.text for segment in bar.render_line(0)).rstrip()


async def test_a_task_typed_into_the_prompt_is_run_to_its_end(tmp_path: Path) -> None:
    async with working_app(tmp_path) as (app, pilot, _):
        await pilot.press(*"slice", "enter")
        await until(pilot, lambda: f"run {DELIVERED}" in toasts(app))

        engine = app.engine
        assert engine is not None
        await until(pilot, lambda: not engine.status().running)
        assert all(pane.status.state == "done" for pane in app.main.team.panes)
        assert any(not row.why for row in app.main.team.activity.files)


async def test_a_task_of_the_command_line_starts_by_itself(tmp_path: Path) -> None:
    async with working_app(tmp_path, task="slice") as (app, pilot, _):
        await until(pilot, lambda: f"run {DELIVERED}" in toasts(app))


async def test_the_palette_sets_the_workflow_of_the_next_run(tmp_path: Path) -> None:
    async with working_app(tmp_path) as (app, pilot, _):
        provider = ActionProvider(app.main)
        offered = [str(hit.text) async for hit in provider.discover()]
        await pilot.press("ctrl+p", *"workflow: round")
        await until(pilot, lambda: palette_is_filled(app))
        await pilot.press("enter", "enter")
        await until(pilot, lambda: "workflow of the next run: Round table" in toasts(app))
        header = str(app.main.query_one("#header").render())
        placeholder = str(app.main.prompt.placeholder)
        await pilot.press("enter")  # the sample is no task for it
        await until(pilot, lambda: "type what the team should do" in toasts(app))
        await pilot.press(*"why", "enter")
        await until(pilot, lambda: "run passed" in toasts(app))

        assert offered[-4:] == ["Workflow: Delivery", "Workflow: Bug fix", "Workflow: Review", "Workflow: Round table"]
        assert "Quintet · Round table" in header
        assert "Round table" in placeholder
        assert app.engine is not None
        assert [row.path for row in app.main.team.activity.files] == ["ANSWER.md"]


async def test_w_goes_through_the_workflows_and_during_a_run_chooses_that_of_the_next_one(tmp_path: Path) -> None:
    async with working_app(tmp_path, {"brief": silence()}) as (app, pilot, server):
        await pilot.press("escape", *"www")
        shown = [line.rpartition(": ")[2] for line in toasts(app).splitlines()]
        header = app.main.query_one(HeaderBar)
        await pilot.press("w", "i", *"task", "enter")
        await server.requests(1)
        app.clear_notifications()
        await pilot.press("escape", "w")
        await pilot.pause()
        during = header.render().plain
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "Quintet · Bug fix" in header.render().plain)

        assert shown == ["Bug fix", "Review", "Round table"]
        assert "workflow of the next run: Bug fix" in toasts(app)
        assert "Bug fix" not in during


@pytest.mark.parametrize(("task", "keys"), [("slice", ()), (None, ("enter",))], ids=["command line", "sample"])
async def test_up_brings_back_a_task_that_nobody_typed(tmp_path: Path, task: str | None, keys: tuple[str, ...]) -> None:
    async with working_app(tmp_path, {"brief": silence()}, task=task) as (app, pilot, server):
        await pilot.press(*keys)
        await server.requests(1)
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "run stopped" in toasts(app))
        await pilot.press("up")

        assert app.main.prompt.text == (task or SAMPLE_TASK)


async def test_an_agent_of_the_users_own_gets_a_pane(tmp_path: Path) -> None:
    write_team(tmp_path / "team")
    developer = (tmp_path / "team/agents/developer.yaml").read_text()
    reviewer = developer.replace("id: developer", "id: reviewer").replace("title: Developer", "title: Reviewer")
    (tmp_path / "team/agents/reviewer.yaml").write_text(reviewer.replace("order: 2", "order: 9"))

    async with working_app(tmp_path) as (app, _, __):
        assert [pane.card.title for pane in app.main.team.panes][-1] == "Reviewer"
        assert len(app.main.team.panes) == 6


async def test_words_typed_during_a_run_steer_it(tmp_path: Path) -> None:
    async with working_app(tmp_path, {"brief": silence()}) as (app, pilot, server):
        await pilot.press(*"slice", "enter")
        await server.requests(1)
        await pilot.press(*"@dev be brief", "enter")
        await until(pilot, lambda: "you: be brief" in app.main.team.panes[1].view.source)

        assert "you: be brief" not in app.main.team.panes[0].view.source
        assert app.main.prompt.text == ""


async def test_escape_twice_stops_the_run_and_up_brings_the_task_back(tmp_path: Path) -> None:
    clock = VirtualClock(manual=True)  # no time passes between the two, however busy the machine is
    async with working_app(tmp_path, {"brief": silence()}, clock=clock) as (app, pilot, server):
        await pilot.press(*"slice", "enter")
        await server.requests(1)
        await until(pilot, lambda: app.main._status is not None and app.main._status.running)
        await pilot.press("escape", "escape")
        await until(pilot, lambda: "run stopped" in toasts(app))
        await pilot.press("i", "up")

        assert app.main.prompt.text == "slice"


@pytest.mark.parametrize(
    ("settings", "refusal", "wait"),
    [
        ({}, status(503, "busy", {"Retry-After": "50"}), "retry 2 in"),
        ({"circuit_breaker.threshold": 1, "circuit_breaker.timeout": 600.0}, status(500, "no"), "breaker open"),
    ],
    ids=["back-off", "breaker"],
)
@pytest.mark.parametrize("active", ["1", "5"], ids=["of the active agent", "of all"])
async def test_a_key_ends_a_wait_and_the_run_goes_on(
    tmp_path: Path, settings: dict[str, object], refusal: Step, wait: str, active: str
) -> None:
    answers = {"brief": [refusal, ANSWERS["brief"]]}
    heard = HeardToasts()
    async with working_app(tmp_path, answers, settings=settings, message_hook=heard) as (app, pilot, _):
        await pilot.press(*"slice", "enter")
        await until(pilot, lambda: wait in app.main.team.panes[0].border_text()[0])
        footer_while_typing = footer(app)
        await pilot.press("escape", active)
        await until(pilot, lambda: "R Retry now" in footer(app))
        await pilot.press("R")
        await until(pilot, lambda: f"run {DELIVERED}" in heard.text)
        await until(pilot, lambda: "Retry now" not in footer(app))

        assert "Retry now" not in footer_while_typing
        assert ("1 wait ended: Business Analyst tries now" in heard.text) is (active == "1")
        assert "1 wait ended" in heard.text


async def test_the_key_that_ends_waits_says_when_nobody_waits(tmp_path: Path) -> None:
    async with working_app(tmp_path) as (app, pilot, _):
        await pilot.press("escape", "R")
        await until(pilot, lambda: "nobody waits" in toasts(app))


async def test_f6_switches_the_second_agent_off_while_typing(tmp_path: Path) -> None:
    async with working_app(tmp_path) as (app, pilot, _):
        await pilot.press(*"abc", "f6")
        await until(pilot, lambda: app.main.team.panes[1].border_text()[0] == "2 Developer ○ off")
        assert app.main.prompt.text == "abc"

        await pilot.press("f6")
        await until(pilot, lambda: "idle" in app.main.team.panes[1].border_text()[0])


async def test_leaving_in_the_middle_of_a_run_ends_it(tmp_path: Path) -> None:
    async with working_app(tmp_path, {"brief": silence()}) as (app, pilot, server):
        await pilot.press(*"slice", "enter")
        await server.requests(1)
        await pilot.press("ctrl+q")
        await server.all_closed()

        assert app.return_value == 130  # the exit code is that of the run, which leaving has stopped
        assert app.engine is None


async def test_a_folder_that_cannot_be_used_gives_the_task_back(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    async with working_app(tmp_path, settings={"workspace.output_dir": blocked / "out"}) as (app, pilot, _):
        blocked.write_text("a file")  # what is in the way at the start ends the start
        await pilot.press(*"slice", "enter")
        await until(pilot, lambda: app.main.prompt.text == "slice")

        assert "blocked" in toasts(app)
        assert "blocked" in app.main.team.panes[0].view.source


async def test_an_idle_app_stops_asking_for_the_state(tmp_path: Path) -> None:
    async with working_app(tmp_path) as (app, pilot, _):
        await until(pilot, lambda: app.status_poll.is_resting)


async def test_copying_says_where_the_text_went_and_never_that_it_arrived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    async with working_app(tmp_path) as (app, pilot, _):
        await pilot.press(*"slice", "enter")
        await until(pilot, lambda: f"run {DELIVERED}" in toasts(app))
        assert app._driver is not None
        monkeypatch.setattr(app._driver, "write", written.append)
        await pilot.press("escape", "2", "y")
        await until(pilot, lambda: "sent to terminal" in toasts(app))

        file = Path(toasts(app).rpartition("also in ")[2])
        assert file.read_text(encoding="utf-8") == app.main.team.panes[1].view.answer_source
        assert any(text.startswith("\x1b]52;c;") for text in written)
        assert "copied" not in toasts(app).casefold()


async def test_a_fault_is_told_once_where_it_happened(tmp_path: Path) -> None:
    async with working_app(tmp_path, {"brief": error(401, "no such key")}) as (app, pilot, _):
        await pilot.press(*"slice", "enter")
        await until(pilot, lambda: "run failed" in toasts(app))

        panes = "\n".join(pane.view.source for pane in app.main.team.panes)
        timeline = str(app.main.team.activity.query_one("#activity-text", Static).render())
        assert panes.count("refused the API key") == 1
        assert "step brief: failed" in panes
        assert "run failed: step brief" in panes
        assert "refused the API key" not in toasts(app) + timeline
        assert "run failed: step brief. 0 files" in toasts(app)
