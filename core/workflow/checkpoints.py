"""Checkpoints of a run in one SQLite file: every finished step is kept, and deleting a run is removing its folder."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import WorkspaceError
from core.workflow.tracing import switch_tracing_off

if TYPE_CHECKING:
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver


@asynccontextmanager
async def open_checkpoints(path: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """Yield a saver on the file, created when missing; WorkspaceError when SQLite cannot use it."""
    switch_tracing_off()
    import aiosqlite
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    try:
        connection = await aiosqlite.connect(path)
    except sqlite3.Error as error:
        raise WorkspaceError(
            f"the checkpoints {path} cannot be opened: {error}", hint="check the folder's rights and free space"
        ) from error
    try:
        # WAL with NORMAL survives a kill of the process; FULL adds an fsync a step, which guards against power loss only.
        await connection.execute("PRAGMA journal_mode=WAL")
        await connection.execute("PRAGMA synchronous=NORMAL")
        saver = AsyncSqliteSaver(connection)
        await saver.setup()
        yield saver
    finally:
        await connection.close()
