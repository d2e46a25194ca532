"""The main job in the app, on the real embedded model: Enter on the empty prompt, and real files come out, whatever happens."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from core.events import Event, RunFinished, TokensReceived
from core.settings import Settings, load_config
from tests.support.tui.app import FROZEN_SETTINGS
from tui.app import QuintetApp
from tui.words.signs import OUTCOMES, VERDICTS


class WatchedApp(QuintetApp):
    """The app, with a bell that rings when a run has ended."""

    def __init__(self, folder: Path) -> None:
        def load(_: object) -> Settings:
            return load_config(
                cwd=folder,
                env={},
                user_config=folder / "none.toml",
                overrides={**FROZEN_SETTINGS, "workspace.output_dir": folder / "output"},
            )

        super().__init__(overrides=FROZEN_SETTINGS, load_settings=load)
        self.run_ended = asyncio.Event()
        self.first_tokens = asyncio.Event()
        self.finished: RunFinished | None = None

    def receive(self, event: Event) -> None:
        super().receive(event)
        if isinstance(event, TokensReceived):
            self.first_tokens.set()
        if isinstance(event, RunFinished):
            self.finished = event
            self.run_ended.set()


@pytest.mark.embedded
@pytest.mark.timeout(300)
async def test_enter_on_the_empty_prompt_gives_real_files_though_the_model_is_killed_in_the_middle_of_a_word(
    tmp_path: Path,
) -> None:
    others = {task for task in asyncio.all_tasks() if not task.done()}
    app = WatchedApp(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("enter")  # at once: what is not there yet is waited for
        await app.first_tokens.wait()
        (model,) = psutil.Process().children()
        model.kill()
        await app.run_ended.wait()
        await pilot.pause()
        app.main.tick()
        header = str(app.main.query_one("#header").render())

        assert app.finished is not None
        assert len(app.main.team.panes) == 5
        for pane in app.main.team.panes:
            assert pane.view.answer_source.strip(), f"{pane.card.title} said nothing"
        folder = Path(app.finished.output_dir)
        assert folder.parent == tmp_path / "output"
        assert len(app.finished.files) >= 3
        assert all((folder / path).stat().st_size for path in app.finished.files)
        assert f"{len(app.finished.files)} files · {VERDICTS[app.finished.verdict]}" in header
        assert " ".join(OUTCOMES[app.finished.status][:2]) in header
        last_note = app.main.team.active_agent.view.source if app.main.team.active_agent else ""
        assert f"run {app.finished.status}" in last_note
        assert any("try 1 failed" in pane.view.source for pane in app.main.team.panes)
        models = psutil.Process().children()
        assert models
        await pilot.press("ctrl+q")

    assert app.engine is None
    assert {task for task in asyncio.all_tasks() if not task.done()} == others
    assert not [child for child in models if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
