"""Checkpoints of a run in one SQLite file: every finished step is kept, and deleting a run is removing its folder."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import WorkspaceError
from core.workflow.tracing import switch_tracing_off

if TYPE_CHECKING:
    from aiosqlite import Connection
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver


@asynccontextmanager
async def open_checkpoints(path: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """Yield a saver on the file, created when missing; WorkspaceError when SQLite cannot use it, then or later."""
    switch_tracing_off()
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    try:
        connection = await _connected(path)
        try:
            # WAL with NORMAL survives a kill of the process; FULL adds an fsync a step against power loss only.
            await connection.execute("PRAGMA journal_mode=WAL")
            await connection.execute("PRAGMA synchronous=NORMAL")
            saver = AsyncSqliteSaver(connection)
            await saver.setup()
            yield saver
        finally:
            await connection.close()
    except sqlite3.Error as error:
        raise WorkspaceError(
            f"the checkpoints {path} cannot be used: {error}", hint="check the folder's rights and free space"
        ) from error


async def _connected(path: Path) -> Connection:
    """Connect; when cancelled meanwhile, wait: the library's thread tells its result to a loop that could be closed."""
    import aiosqlite

    async def connect() -> Connection:
        return await aiosqlite.connect(path)

    opening = asyncio.create_task(connect())
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        with suppress(sqlite3.Error):
            await (await opening).close()
        raise
