"""The checkpoints' file: opened and closed without leaving anything behind."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import empty_checkpoint

from core.workflow.checkpoints import open_checkpoints

ENDS_WITHIN_SECONDS = 5.0


async def use(path: Path) -> list[str]:
    """Keep two checkpoints, read the last one back, and return what was told."""
    troubles: list[str] = []
    async with open_checkpoints(path, troubles.append) as saver:
        config: RunnableConfig = {"configurable": {"thread_id": "run", "checkpoint_ns": ""}}
        for _ in range(2):
            checkpoint = empty_checkpoint()
            config = await saver.aput(config, checkpoint, {}, {})
            await saver.aput_writes(config, [("round", 1)], "task")
            found = await saver.aget_tuple(config)
            assert found is not None
            assert found.checkpoint["id"] == checkpoint["id"]
    return troubles


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancelled_opening_leaves_no_thread_behind(tmp_path: Path, turns: int) -> None:
    await use(tmp_path / "warm.sqlite")  # the imports would take up the first turns
    before = set(threading.enumerate())
    task = asyncio.create_task(use(tmp_path / "checkpoints.sqlite"))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    for thread in set(threading.enumerate()) - before:
        if not thread.name.startswith("asyncio_"):  # the loop's executor may grow by one at any time
            thread.join(ENDS_WITHIN_SECONDS)  # it tells its result a moment before it ends
            assert not thread.is_alive()


def make_no_database(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def make_full(path: Path) -> None:
    """Leave a database that takes no more rows, as on a disk that is full."""
    asyncio.run(use(path))
    with sqlite3.connect(path) as connection:
        for table in ("checkpoints", "writes"):
            connection.execute(
                f"CREATE TRIGGER full_{table} BEFORE INSERT ON {table} "
                "BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END"
            )
    connection.close()


def make_folder(path: Path) -> None:
    path.mkdir()


def make_unreachable(path: Path) -> None:
    path.parent.rmdir()


@pytest.mark.parametrize("spoil", [make_no_database, make_full, make_folder, make_unreachable])
def test_a_file_that_cannot_be_kept_is_told_once_and_the_run_goes_on(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    path = tmp_path / "session" / "checkpoints.sqlite"
    path.parent.mkdir()
    spoil(path)

    (told,) = asyncio.run(use(path))

    assert str(path) in told
    assert "\n" not in told


def test_a_file_that_can_be_kept_says_nothing_and_holds_the_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.sqlite"

    assert asyncio.run(use(path)) == []

    with sqlite3.connect(path) as connection:
        (count,) = connection.execute("select count(*) from checkpoints").fetchone()
    connection.close()
    assert count == 2
