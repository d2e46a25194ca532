"""The file that log lines go to: it rotates, packs and keeps few files, and never fails loudly."""

from __future__ import annotations

import gzip
import os
import shutil
import stat
import sys
import threading
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from core.clock import Clock

ROTATE_BYTES = 10_000_000
KEEP = 10  # files: rotated ones of a log, and logs of earlier processes
MIN_AGE = timedelta(days=1)  # a younger log may belong to a process that still runs
PACKING_SECONDS = 2.0  # how long the end of the program waits for a file to be packed


class LogFile:
    """Appends lines; a line that cannot be written, say because the disk is full, is dropped and counted.

    Args:
        path: the file; opened at once.
        rotate_bytes: size at which it becomes `path.1` and a new one is begun.
        keep: rotated files that stay; the oldest goes.
        is_ours: no other process writes it, so rotated files may be packed: `path.1.gz`.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(
        self, path: Path, *, rotate_bytes: int = ROTATE_BYTES, keep: int = KEEP, is_ours: bool = False
    ) -> None:
        self.path = path
        self.dropped = 0
        self._rotate_bytes = rotate_bytes
        self._keep = keep
        self._is_ours = is_ours
        self._packing: threading.Thread | None = None
        self._torn = False
        self._descriptor = self._open()

    def write(self, line: str) -> None:
        # A write that went half through must not swallow the next line as well.
        data = (b"\n" if self._torn else b"") + line.encode("utf-8", errors="backslashreplace")
        try:
            state = os.fstat(self._descriptor)
            if not state.st_nlink and stat.S_ISREG(state.st_mode):
                self._begin_anew()
            elif state.st_size + len(data) > self._rotate_bytes:
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
        if self._packing is not None:
            self._packing.join(PACKING_SECONDS)

    def _open(self) -> int:
        # Only for the user: a log holds paths and names, and prompts if that is asked for.
        # Not blocking: opening a pipe that nobody reads would hang the app.
        self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
        return os.open(self.path, flags, 0o600)

    def _rotate(self) -> None:
        if self._packing is not None and self._packing.is_alive():
            return  # the file grows on for a moment; the one that is being packed must keep its name
        if not _lock(self._descriptor):
            return  # another process is just about it
        if self._has_lost_its_name():
            self._begin_anew()  # another process has done it
            return
        for suffix in ("", ".gz"):
            with suppress(OSError):
                self._numbered(self._keep, suffix).unlink(missing_ok=True)
            for number in range(self._keep - 1, 0, -1):
                with suppress(OSError):
                    self._numbered(number, suffix).replace(self._numbered(number + 1, suffix))
        with suppress(OSError):  # Windows renames no open file; then the log grows on
            self.path.replace(self._numbered(1))
        self._begin_anew()
        if self._is_ours:
            # In a thread: packing takes longer than a frame. A daemon: the program's end does not wait for it.
            self._packing = threading.Thread(target=_pack, args=(self._numbered(1),), name="log", daemon=True)
            self._packing.start()

    def _has_lost_its_name(self) -> bool:
        try:
            return not os.path.samestat(self.path.stat(), os.fstat(self._descriptor))
        except FileNotFoundError:
            return True

    def _begin_anew(self) -> None:
        """Write to the file of that name from now on: ours was rotated, or somebody has deleted it."""
        fresh = self._open()
        os.close(self._descriptor)  # which also ends a lock
        self._descriptor = fresh

    def _numbered(self, number: int, suffix: str = "") -> Path:
        return rotated(self.path, number, suffix)


if sys.platform == "win32":

    def _lock(descriptor: int) -> bool:
        del descriptor
        return True  # no file that another process has open can be renamed there

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        """Tell whether no other process rotates this file; none begins to, then, until we close it."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # a file system without locks
        return True


def rotated(path: Path, number: int, suffix: str = "") -> Path:
    """Return the name of a rotated log; 1 is the newest, the suffix of a packed one is .gz."""
    return path.with_name(f"{path.name}.{number}{suffix}")


def default_log_path(clock: Clock) -> Path:
    """Return this process's own log file in the user's log folder."""
    from platformdirs import user_log_path

    folder = user_log_path("quintet", appauthor=False)
    return folder / f"quintet-{os.getpid()}-{clock.now():%Y-%m-%d}.jsonl"


def remove_old_logs(folder: Path, clock: Clock, *, keep: int = KEEP) -> None:
    """Delete the logs of earlier processes, but for the newest and those of the last day."""
    oldest = (clock.now() - MIN_AGE).timestamp()
    with suppress(OSError):
        logs = [(path.stat().st_mtime, path) for path in folder.glob("quintet-*.jsonl*")]
        for modified, path in sorted(logs, reverse=True)[keep:]:
            if modified < oldest:
                path.unlink(missing_ok=True)


def _pack(path: Path) -> None:
    part = path.with_name(f"{path.name}.gz.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with path.open("rb") as plain, os.fdopen(descriptor, "wb") as raw, gzip.open(raw, "wb") as packed:
            shutil.copyfileobj(plain, packed)
        part.replace(path.with_name(f"{path.name}.gz"))
        path.unlink()
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
