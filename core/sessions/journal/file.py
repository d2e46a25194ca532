"""The journal's file: whole lines only, for its owner alone."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

BLOCK_BYTES = 65_536


class JournalFile:
    """Appends whole lines; use it as a context manager. What a process that died has left half-written is cut off.

    Raises:
        OSError: the file cannot be opened or written; it holds whole lines all the same.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(path, flags, 0o600)
        self._whole_bytes = _end_of_last_line(self._descriptor)
        self._cut()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def append(self, lines: bytes) -> None:
        left = memoryview(lines)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            with suppress(OSError):
                self._cut()
            raise
        self._whole_bytes += len(lines)

    def sync(self) -> None:
        """Return when the disk has it: this survives a power failure, not only a kill."""
        os.fsync(self._descriptor)

    def _cut(self) -> None:
        os.ftruncate(self._descriptor, self._whole_bytes)


def _end_of_last_line(descriptor: int) -> int:
    end = os.lseek(descriptor, 0, os.SEEK_END)
    while end > 0:
        start = max(0, end - BLOCK_BYTES)
        os.lseek(descriptor, start, os.SEEK_SET)
        newline = os.read(descriptor, end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
