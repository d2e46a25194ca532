"""Checkpoints in memory and in a file: a disk that fails costs the file, not the run. Imported late: LangGraph is heavy."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver


class LastingCheckpoints(InMemorySaver):
    """Keeps every checkpoint of this process in memory, and in the file as long as that can be written.

    Args:
        file: the saver of the file, None when there is none.
        on_trouble: called once, with a sentence, when the file cannot be written any more.
    """

    def __init__(self, file: AsyncSqliteSaver | None, on_trouble: Callable[[str], None]) -> None:
        super().__init__()
        self._file = file
        self._on_trouble = on_trouble

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
            self._on_trouble(str(error))
