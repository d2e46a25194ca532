"""The first page says what is connected, who works, what to press and where files go, and follows every change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.kinds import EndpointState
from core.state.status import AgentStatus
from tests.support.tui.app import frozen_app, settle
from tests.support.tui.engine_app import working_app
from tests.support.tui.screen import screen_text, until
from tests.support.tui.scripted_run import ENDPOINT, IDLE
from tui.app import QuintetApp
from tui.words.sample import SAMPLE_TASK
from tui.words.shown_path import shown_path

CANNOT = "the embedded model cannot be served: no AVX2 - set LLM_BASE_URL or OPENAI_API_KEY to use a server"


def words_of(text: str) -> str:
    """The words on screen without the frames between them."""
    return " ".join("".join(character if character not in "│┃║" else " " for character in text).split())


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
@pytest.mark.parametrize(
    ("state", "note", "shown"),
    [
        ("ready", "", "✓ ready: embedded demo model SmolLM2-135M"),
        ("starting", "", "… starting: embedded demo model SmolLM2-135M"),
        ("failed", CANNOT, f"✗ failed: {CANNOT}"),
    ],
)
async def test_the_state_of_the_model_is_said(
    state: EndpointState, note: str, shown: str, size: tuple[int, int]
) -> None:
    async with frozen_app().run_test(size=size) as pilot:
        app = await settle(pilot, replace(IDLE, endpoint=replace(ENDPOINT, state=state, note=note)))
        welcome = words_of("\n".join(line[: app.main.query_one("#welcome").region.right] for line in _lines(app)))

        assert shown in welcome
        assert ("quintet doctor" in welcome) == (state == "failed")
        assert "press Enter on the empty prompt" in welcome


async def test_the_sidebar_says_why_no_model_answers_and_what_to_do() -> None:
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        app = await settle(pilot, replace(IDLE, endpoint=replace(ENDPOINT, state="failed", note=CANNOT)))
        sidebar = words_of("\n".join(line[app.main.query_one("#sidebar").region.x :] for line in _lines(app)))

        assert CANNOT in sidebar
        assert "quintet doctor" in sidebar


async def test_who_is_switched_off_is_said() -> None:
    status = replace(IDLE, agents=(AgentStatus("qa_engineer", enabled=False, state="off"),))
    async with frozen_app().run_test(size=(80, 24)) as pilot:
        app = await settle(pilot, status)

        assert "QA Engineer (off)" in words_of(screen_text(app))


async def test_the_folder_of_the_files_is_the_configured_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with working_app(tmp_path, settings={"workspace.output_dir": tmp_path / "made"}) as (app, pilot, _):
        await until(pilot, lambda: "a folder of its own in made/" in words_of(screen_text(app)))


def test_paths_are_said_as_shortly_as_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / "work").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home / "work")

    assert shown_path(home / "work/output/x") == "output/x"
    assert shown_path(home / "else") == "~/else"
    assert shown_path(tmp_path / "far") == str(tmp_path / "far")
    assert shown_path("output") == "output"


def _lines(app: QuintetApp) -> list[str]:
    return screen_text(app).splitlines()


async def test_the_sample_is_not_offered_for_another_workflow() -> None:
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        app = await settle(pilot)

        app.main.show_workflow("review", {"delivery": "Delivery", "review": "Review"})
        page = str(app.main.query_one("#welcome-text").render())

        assert SAMPLE_TASK not in page
        assert "type a task for the workflow “Review” and press Enter" in page
        assert "^P has the other workflows" in page
