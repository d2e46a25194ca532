"""Checkpoints in memory and in a file, closed without leaving anything behind; and no tracing, which would send tasks out."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiosqlite import Connection
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import (
        BaseCheckpointSaver,
        ChannelVersions,
        Checkpoint,
        CheckpointMetadata,
        CheckpointTuple,
    )
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

_TRACING_VARIABLES = ("LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING", "LANGCHAIN_TRACING")


@asynccontextmanager
async def open_checkpoints(path: Path, on_trouble: Callable[[str], None]) -> AsyncIterator[BaseCheckpointSaver[str]]:
    """Yield a saver on the file, created when missing.

    `on_trouble` is called once, with a sentence, when SQLite cannot use it, then or later; the saver goes on in memory.
    """
    switch_tracing_off()
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    def tell(reason: object) -> None:
        on_trouble(f"the checkpoints {path} cannot be kept: {reason}")

    connection: Connection | None = None
    file: AsyncSqliteSaver | None = None
    try:
        try:
            connection = await _connected(path)
            # WAL with NORMAL survives a kill of the process; FULL adds an fsync a step against power loss only.
            await connection.execute("PRAGMA journal_mode=WAL")
            await connection.execute("PRAGMA synchronous=NORMAL")
            file = AsyncSqliteSaver(connection)
            await file.setup()
        except sqlite3.Error as error:
            file = None
            tell(error)
        yield _lasting(file, tell)
    finally:
        if connection is not None:
            with suppress(sqlite3.Error):
                await connection.close()


def _lasting(file: AsyncSqliteSaver | None, on_trouble: Callable[[str], None]) -> BaseCheckpointSaver[str]:
    """Return a saver that keeps checkpoints in memory, and in the file, if there is one: a disk that fails costs no run."""
    from langgraph.checkpoint.memory import InMemorySaver  # late, as all of LangGraph: it is heavy

    class LastingCheckpoints(InMemorySaver):
        """Keeps every checkpoint of this process in memory, and in the file as long as that can be written."""

        def __init__(self) -> None:
            super().__init__()
            self._file = file

        async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
            found = await super().aget_tuple(config)
            if found is not None or self._file is None:
                return found
            try:
                return await self._file.aget_tuple(config)
            except sqlite3.Error as error:
                self._give_up(error)
                return None

        async def aput(
            self,
            config: RunnableConfig,
            checkpoint: Checkpoint,
            metadata: CheckpointMetadata,
            new_versions: ChannelVersions,
        ) -> RunnableConfig:
            if self._file is not None:
                try:
                    await self._file.aput(config, checkpoint, metadata, new_versions)
                except sqlite3.Error as error:
                    self._give_up(error)
            return await super().aput(config, checkpoint, metadata, new_versions)

        async def aput_writes(
            self,
            config: RunnableConfig,
            writes: Sequence[tuple[str, Any]],  # what nodes returned
            task_id: str,
            task_path: str = "",
        ) -> None:
            if self._file is not None:
                try:
                    await self._file.aput_writes(config, writes, task_id, task_path)
                except sqlite3.Error as error:
                    self._give_up(error)
            await super().aput_writes(config, writes, task_id, task_path)

        def _give_up(self, error: sqlite3.Error) -> None:
            if self._file is not None:
                self._file = None
                on_trouble(str(error))

    return LastingCheckpoints()


async def _connected(path: Path) -> Connection:
    """Connect; when cancelled meanwhile, wait: the library's thread reports to a loop that could be closed by then."""
    import aiosqlite

    # Tried here first: when it cannot open a file, aiosqlite leaves a thread that may outlive the loop.
    await asyncio.to_thread(_open_and_close, path)

    async def connect() -> Connection:
        return await aiosqlite.connect(path)

    opening = asyncio.create_task(connect())
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        with suppress(sqlite3.Error):
            await (await opening).close()
        raise


def _open_and_close(path: Path) -> None:
    sqlite3.connect(path).close()


def switch_tracing_off() -> None:
    """Forbid LangSmith tracing, which would send tasks out; to be called before LangGraph is imported.

    Both ways are needed: the environment is read while modules are imported, and an explicit configuration comes
    before the environment, so it also holds when a variable is set later.
    """
    for name in _TRACING_VARIABLES:
        os.environ[name] = "false"
    import langsmith

    langsmith.configure(enabled=False)
