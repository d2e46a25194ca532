"""Lets Textual's pilot wait for stillness, and keeps what the snapshot plugin says in the environment."""

from __future__ import annotations

import os

import pytest
from textual._wait import wait_for_idle

from tests.tui.stillness import until_still


@pytest.fixture(scope="session", autouse=True)
def snapshot_folder() -> str:
    """The folder that the snapshot plugin announces in the environment, read before that is cleaned."""
    return os.environ["TEXTUAL_SNAPSHOT_TEMPDIR"]


@pytest.fixture(autouse=True)
def _keep_snapshot_folder(_clean_environment: None, snapshot_folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTUAL_SNAPSHOT_TEMPDIR", snapshot_folder)


@pytest.fixture(autouse=True)
def _wait_for_stillness(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let keys follow each other as soon as the app is still; a pause also leaves threads and servers their time."""

    async def until_still_and_idle(min_sleep: float = 0.0) -> None:
        await until_still()
        await wait_for_idle(min_sleep)

    monkeypatch.setattr("textual.app.wait_for_idle", until_still)
    monkeypatch.setattr("textual.pilot.wait_for_idle", until_still_and_idle)
