"""Owns a sandboxed process tree: starts it, takes its output, watches its limits, and leaves nothing of it behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from core.execution.sandbox.command import Limits
from core.execution.sandbox.process_tree import THREADS_PER_PROCESS, ProcessTree, TreeUsage
from core.kinds import CommandEnd

LOOK_SECONDS = 0.1
LOOKS_PER_DISK_LOOK = 5
FAR_BEYOND = 8  # times the output limit: until there it is thrown away, from there on the command is ended
CHUNK_BYTES = 65_536

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Ended:
    """What the supervisor saw: `limit` is the one that ended the command, `returncode` that of the process it started."""

    limit: CommandEnd | None
    returncode: int
    stdout: bytes
    stderr: bytes
    seconds: float
    output_was_cut: bool


class Lifeline(ABC):
    """How one rung finds and ends the processes of a command."""

    @abstractmethod
    async def begin(self, pid: int) -> int | None:
        """Let the command start in the process `pid`.

        Returns:
            the process whose descendants are its tree; None when it did not come to be.
        """

    @abstractmethod
    async def kill(self) -> None:
        """End the whole tree and return when it is gone; harmless when it is gone already."""


class _Sink:
    """Takes the output of both pipes, keeps its beginning, and knows how much there was."""

    def __init__(self, limit: int, overflowed: asyncio.Event) -> None:
        self._limit = limit
        self._overflowed = overflowed
        self._total = 0
        self._kept = 0

    @property
    def was_cut(self) -> bool:
        return self._total > self._kept

    async def take(self, reader: asyncio.StreamReader) -> bytes:
        kept = bytearray()
        while chunk := await reader.read(CHUNK_BYTES):
            self._total += len(chunk)
            part = chunk[: self._limit - self._kept]
            kept += part
            self._kept += len(part)
            if self._total > FAR_BEYOND * self._limit:
                self._overflowed.set()
        return bytes(kept)


async def supervise(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    stdin: bytes,
    limits: Limits,
    pass_fds: Sequence[int],
    lifeline: Lifeline,
    temporary: Path | None = None,
) -> Ended:
    """Run a sandbox's process to its end or to a limit; its whole tree is gone afterwards, however this ends.

    OSError means that the process could not be started. `temporary` is a folder outside of `folder` that it may fill too.
    """
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    try:
        # A start that is cancelled kills the sandbox's process and not what that has started, which keeps the pipes open.
        process, was_cancelled = await _finished(
            asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=dict(environment),
                cwd=folder,
                pass_fds=pass_fds,
                start_new_session=True,
            )
        )
    finally:
        for descriptor in pass_fds:
            os.close(descriptor)
    assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018  # both are pipes
    overflowed = asyncio.Event()
    sink = _Sink(limits.output_bytes, overflowed)
    readers = [asyncio.create_task(sink.take(pipe)) for pipe in (process.stdout, process.stderr)]
    feeder = asyncio.create_task(_feed(process, stdin))
    limit: CommandEnd | None = None
    try:
        # Not to be cancelled half-way: what has begun has to be known, or it cannot be ended.
        root_pid = await _to_the_end(lifeline.begin(process.pid))
        if was_cancelled:
            raise asyncio.CancelledError
        if root_pid is not None:
            filled = [folder] if temporary is None else [folder, temporary]
            limit = await _first_end(process, root_pid, filled, limits, overflowed)
    finally:
        # A second cancellation must not leave the tree alive: the ending is a task of its own, waited for to its end.
        await _to_the_end(_end(process, lifeline, [*readers, feeder]))
    stdout, stderr = (reader.result() for reader in readers)
    returncode = process.returncode if process.returncode is not None else -1
    return Ended(limit, returncode, stdout, stderr, loop.time() - started_at, sink.was_cut)


async def _first_end(
    process: asyncio.subprocess.Process,
    root_pid: int,
    filled: Sequence[Path],
    limits: Limits,
    overflowed: asyncio.Event,
) -> CommandEnd | None:
    """Wait until the process ends or a limit is exceeded, and return that limit."""
    ways: dict[asyncio.Task[CommandEnd | None], None] = {
        asyncio.create_task(_exit_of(process)): None,
        asyncio.create_task(_overflow(overflowed)): None,
        asyncio.create_task(_exceeded(ProcessTree(root_pid), filled, limits)): None,
    }
    try:
        done, _ = await asyncio.wait(ways, timeout=limits.wall_seconds, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            return "wall_time"
        return next((limit for way in ways if way in done and (limit := way.result())), None)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.wait(ways)


async def _exit_of(process: asyncio.subprocess.Process) -> CommandEnd | None:
    await process.wait()
    return None


async def _overflow(overflowed: asyncio.Event) -> CommandEnd | None:
    await overflowed.wait()
    return "output"


async def _exceeded(tree: ProcessTree, filled: Sequence[Path], limits: Limits) -> CommandEnd | None:
    """Look at the tree again and again until it uses more than it may."""
    looks = 0
    room = limits.disk_bytes + await asyncio.to_thread(_size_of, filled)
    while True:
        usage = await asyncio.to_thread(tree.usage, limits.processes)
        if usage.memory_bytes > limits.memory_bytes and usage.processes > 1:
            usage = replace(usage, memory_bytes=await asyncio.to_thread(tree.shared_memory_counted_once))
        if limit := _limit_exceeded(usage, limits):
            return limit
        if looks % LOOKS_PER_DISK_LOOK == 0 and await asyncio.to_thread(_size_of, filled) > room:
            return "disk"
        looks += 1
        await asyncio.sleep(LOOK_SECONDS)


def _limit_exceeded(usage: TreeUsage, limits: Limits) -> CommandEnd | None:
    checks: tuple[tuple[CommandEnd, bool], ...] = (
        ("processes", usage.processes > limits.processes or usage.threads > limits.processes * THREADS_PER_PROCESS),
        ("memory", usage.memory_bytes > limits.memory_bytes),
        ("cpu_time", usage.cpu_seconds > limits.cpu_seconds),
        ("disk", usage.written_bytes > limits.disk_bytes),
    )
    return next((limit for limit, is_exceeded in checks if is_exceeded), None)


def _size_of(folders: Sequence[Path]) -> int:
    """Return the room that the files of folders take; what vanishes meanwhile counts nothing."""
    total = 0
    pending = [str(folder) for folder in folders]
    while pending:
        with contextlib.suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
    return total


async def _feed(process: asyncio.subprocess.Process, stdin: bytes) -> None:
    if process.stdin is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it need not read what it is given
        process.stdin.write(stdin)
        await process.stdin.drain()
    process.stdin.close()


async def _end(
    process: asyncio.subprocess.Process, lifeline: Lifeline, tasks: Sequence[asyncio.Task[bytes] | asyncio.Task[None]]
) -> None:
    await lifeline.kill()
    if process.returncode is None:
        # Not process.kill(): it takes the exit status away from the one who waits for it.
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    # Nobody holds the other end of a pipe any more, so that reading ends.
    await asyncio.wait(tasks)


async def _to_the_end(work: Coroutine[None, None, Result]) -> Result:
    """Wait for work that has to be finished; a cancellation meanwhile is kept until it is."""
    result, was_cancelled = await _finished(work)
    if was_cancelled:
        raise asyncio.CancelledError
    return result


async def _finished(work: Coroutine[None, None, Result]) -> tuple[Result, bool]:
    """Wait for work that has to be finished; return what it gives, and whether there was a cancellation meanwhile."""
    task = asyncio.ensure_future(work)
    was_cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            was_cancelled = True
        except Exception:  # noqa: BLE001  # it is raised below
            break
    return task.result(), was_cancelled
