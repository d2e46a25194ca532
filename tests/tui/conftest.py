"""Keeps what the snapshot plugin says in the environment, which is cleaned before every test."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def snapshot_folder() -> str:
    """The folder that the snapshot plugin announces in the environment, read before that is cleaned."""
    return os.environ["TEXTUAL_SNAPSHOT_TEMPDIR"]


@pytest.fixture(autouse=True)
def _keep_snapshot_folder(_clean_environment: None, snapshot_folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTUAL_SNAPSHOT_TEMPDIR", snapshot_folder)
