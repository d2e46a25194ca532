"""An app with the real engine, on a team that a script answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.message import Message
from textual.pilot import Pilot

from core.clock import Clock
from core.settings import Settings
from tests.support.fault_server import FaultServer
from tests.support.team import ScriptedTeam, team_settings, write_team
from tests.support.tui.app import FROZEN_SETTINGS
from tests.support.tui.screen import until
from tui.app import QuintetApp


@asynccontextmanager
async def working_app(
    folder: Path,
    answers: dict[str, Any] | None = None,
    *,
    task: str | None = None,
    settings: Mapping[str, object] | None = None,
    clock: Clock | None = None,
    message_hook: Callable[[Message], None] | None = None,
) -> AsyncIterator[tuple[QuintetApp, Pilot[int], FaultServer]]:
    """Yield an app whose team is answered by a script."""
    if not (folder / "team").exists():
        write_team(folder / "team")
    (folder / "project").mkdir()
    async with FaultServer() as server:
        server.answer_by(ScriptedTeam(answers or {}))

        def load(_: Mapping[str, object]) -> Settings:
            return team_settings(folder, server.base_url, **{**FROZEN_SETTINGS, **(settings or {})})

        app = QuintetApp(task=task, overrides=FROZEN_SETTINGS, load_settings=load, clock=clock)
        async with app.run_test(size=(120, 40), notifications=True, message_hook=message_hook) as pilot:
            await until(pilot, lambda: app.engine is not None)
            yield app, pilot, server
