"""The checkpoints' file: opened and closed without leaving anything behind."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from core.errors import WorkspaceError
from core.workflow.graph import open_checkpoints

ENDS_WITHIN_SECONDS = 5.0


async def use(path: Path) -> None:
    async with open_checkpoints(path):
        pass


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


async def test_a_file_that_is_no_database_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.sqlite"
    path.write_bytes(b"no database" * 1000)

    with pytest.raises(WorkspaceError, match="cannot be used") as caught:
        await use(path)

    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


async def test_a_database_that_fails_later_is_told_in_the_same_words(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="database or disk is full"):
        async with open_checkpoints(tmp_path / "checkpoints.sqlite"):
            raise sqlite3.OperationalError("database or disk is full")
