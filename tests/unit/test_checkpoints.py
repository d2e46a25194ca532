"""The checkpoints' file: opened and closed without leaving anything behind."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from core.workflow.checkpoints import open_checkpoints


async def use(path: Path) -> None:
    async with open_checkpoints(path):
        pass


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancelled_opening_leaves_no_thread_behind(tmp_path: Path, turns: int) -> None:
    await use(tmp_path / "warm.sqlite")  # the imports would take up the first turns
    before = threading.active_count()
    task = asyncio.create_task(use(tmp_path / "checkpoints.sqlite"))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert threading.active_count() <= before
