"""File descriptors that a sandbox is handed, and waiting for one without a thread."""

from __future__ import annotations

import asyncio
import os

CHUNK_BYTES = 65_536


def holding(data: bytes) -> int:
    """Return a descriptor of a file that exists nowhere else, from which these bytes can be read."""
    descriptor = os.memfd_create("sandbox")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


async def readable(descriptor: int) -> None:
    """Wait until a descriptor can be read; that of a process can be when it has ended."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, _wake, ready)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)


async def read_lines(descriptor: int) -> list[bytes]:
    """Return the whole lines that come next, none when nothing comes any more."""
    lines = b""
    while not lines.endswith(b"\n"):
        await readable(descriptor)
        part = os.read(descriptor, CHUNK_BYTES)
        if not part:
            break
        lines += part
    return lines.splitlines()


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
