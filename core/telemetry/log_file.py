"""The file that log lines go to: it rotates, keeps few files, and never fails loudly."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from core.clock import Clock

ROTATE_BYTES = 10_000_000
KEEP = 10  # files: rotated ones of a log, and logs of earlier processes
MIN_AGE = timedelta(days=1)  # a younger log may belong to a process that still runs


class LogFile:
    """Appends lines; a line that cannot be written, say because the disk is full, is dropped and counted."""

    def __init__(self, path: Path, *, rotate_bytes: int = ROTATE_BYTES) -> None:
        """Open the file at once; raises OSError if it cannot be written."""
        self.path = path
        self.dropped = 0
        self._rotate_bytes = rotate_bytes
        self._torn = False
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = self._open()

    def write(self, line: str) -> None:
        # A write that went half through must not swallow the next line as well.
        data = (b"\n" if self._torn else b"") + line.encode("utf-8", errors="backslashreplace")
        try:
            if os.fstat(self._descriptor).st_size + len(data) > self._rotate_bytes:
                self._rotate()
            written = os.write(self._descriptor, data)
        except OSError:
            self.dropped += 1
            return
        self._torn = written != len(data)
        self.dropped += self._torn

    def stop(self) -> None:
        """Close the file; loguru calls this when the sink is removed."""
        with suppress(OSError):
            os.close(self._descriptor)

    def _open(self) -> int:
        # Only for the user: a log holds paths and names, and prompts at level DEBUG.
        # Not blocking: opening a pipe that nobody reads would hang the app.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
        return os.open(self.path, flags, 0o600)

    def _rotate(self) -> None:
        for number in range(KEEP - 1, 0, -1):
            with suppress(OSError):
                self._numbered(number).replace(self._numbered(number + 1))
        with suppress(OSError):  # Windows renames no open file; then the log grows on
            self.path.replace(self._numbered(1))
        fresh = self._open()
        os.close(self._descriptor)
        self._descriptor = fresh

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


def default_log_path(clock: Clock) -> Path:
    """Return this process's own log file in the user's log folder."""
    from platformdirs import user_log_path

    folder = user_log_path("quintet", appauthor=False)
    return folder / f"quintet-{os.getpid()}-{clock.now():%Y-%m-%d}.jsonl"


def remove_old_logs(folder: Path, clock: Clock) -> None:
    """Delete the logs of earlier processes, but for the ten newest and those of the last day."""
    oldest = (clock.now() - MIN_AGE).timestamp()
    with suppress(OSError):
        logs = [(path.stat().st_mtime, path) for path in folder.glob("quintet-*.jsonl*")]
        for modified, path in sorted(logs, reverse=True)[KEEP:]:
            if modified < oldest:
                path.unlink(missing_ok=True)
