"""A file put into the output folder for a run, told and counted once."""

from __future__ import annotations

import asyncio
from functools import partial

from core.events import FileWritten
from core.telemetry.metrics import increment
from core.workflow.definition import FileRole
from core.workflow.graph import ArtifactRef
from core.workflow.run import Run


async def deliver_file(
    run: Run,
    path: str,
    text: str,
    *,
    role: FileRole,
    author: str,
    round_number: int,
    ignored: tuple[str, ...] = (),
) -> ArtifactRef:
    """Write a finished file, tell it, and return its reference.

    Raises:
        ArtifactError: the path or the content was refused; nothing was changed.
        WorkspaceError: the disk failed; the old file is intact.
    """
    write = partial(
        run.folder.write,
        path,
        text,
        role=role,
        agent_id=author,
        round=round_number,
        status="ok",
        ignored=ignored,
        planned_as=run.planned_names.get(path, ""),
    )
    written = await asyncio.to_thread(write)
    run.delivered.add(written.path)
    increment("files.written", tags={"agent": author})
    run.deps.emit(
        FileWritten(
            **run.stamp(),
            path=written.path,
            sha256=written.sha256,
            bytes=written.bytes,
            version=written.version,
            agent_id=author,
            kept=written.kept,
            ignored=written.ignored,
            planned_as=written.planned_as,
        )
    )
    return ArtifactRef(
        path=written.path,
        sha256=written.sha256,
        bytes=written.bytes,
        role=role,
        agent=author,
        round=round_number,
    )
