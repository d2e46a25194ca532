"""A data folder that takes nothing any more costs the run's record, not the run."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from core.events import FileWritten, StepFinished, StepStarted, Warned
from tests.support.fault_server import stream, token
from tests.support.team import DELIVERED, EngineHarness, engine_harness

TASK = "Reverse a text"


def records_told(b: EngineHarness) -> list[str]:
    return [event.message for event in b.events.of(Warned) if "the run goes on" in event.hint]


@pytest.mark.parametrize("workflow", ["delivery", "roundtable"])
async def test_a_data_folder_that_cannot_be_made_is_told_once_and_the_run_passes(tmp_path: Path, workflow: str) -> None:
    (tmp_path / "sessions").write_text("a file in its place")
    async with engine_harness(tmp_path) as b:
        outcome = await b.engine.run(TASK, workflow=workflow)

    assert outcome.status == ("passed" if workflow == "roundtable" else DELIVERED)
    (told,) = records_told(b)
    assert str(tmp_path / "sessions") in told
    if workflow == "roundtable":
        assert b.team.prompts("synthesis")[0].count("My view is that it depends.") == 5


def put_file_for_texts(session: Path) -> None:
    (session / "texts").rmdir()
    (session / "texts").write_text("a file in its place")


def fill_checkpoints(session: Path) -> None:
    with sqlite3.connect(session / "checkpoints.sqlite") as connection:
        for table in ("checkpoints", "writes"):
            connection.execute(
                f"CREATE TRIGGER full_{table} BEFORE INSERT ON {table} "
                "BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END"
            )
    connection.close()


@pytest.mark.parametrize(
    ("workflow", "job", "spoil", "told"),
    [
        ("roundtable", "opinion", put_file_for_texts, "takes no text"),
        ("roundtable", "opinion", fill_checkpoints, "database or disk is full"),
        ("delivery", "brief", fill_checkpoints, "database or disk is full"),
    ],
)
async def test_a_data_folder_that_fills_up_during_a_run_is_told_once_and_the_run_passes(
    tmp_path: Path, workflow: str, job: str, spoil: Callable[[Path], None], told: str
) -> None:
    gate = asyncio.Event()
    held = stream(token("# My view\n\n"), gate, token("It is clear to all of us."), b"data: [DONE]\n\n")
    async with engine_harness(tmp_path, {job: held}) as b:
        running = asyncio.create_task(b.engine.run(TASK, workflow=workflow))
        await b.events.seen(StepStarted)
        await b.server.requests(1)
        (session,) = (tmp_path / "sessions").iterdir()
        await asyncio.to_thread(spoil, session)
        gate.set()
        outcome = await running

    assert outcome.status == ("passed" if workflow == "roundtable" else DELIVERED)
    (message,) = records_told(b)
    assert told in message
    assert str(session) in message
    assert all(event.status == "ok" for event in b.events.of(StepFinished))
    assert {event.path for event in b.events.of(FileWritten)} == set(outcome.files)
    if workflow == "roundtable":
        assert b.team.prompts("synthesis")[0].count("It is clear to all of us.") == 5
