"""Where log lines go: a file that is rotated and packed, and the terminal of a headless run. A failure here is silent.

Loguru's own file sink would not do (as of 0.7.3), because
- it prints a failing write or rotation on the terminal, or (catch=False) raises it into whoever logs, which may be
  another library or the user's program: a full disk must reach neither;
- processes that share a LOG_FILE lose lines when two of them rotate it at once, because one renames its new file over
  the rotated file of the other;
- its retention deletes every file that matches name.*.suffix, although the user's folder may hold others;
- its compression runs within the call that logs, for longer than a frame, and makes a file that everybody may read.
"""

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
from typing import TextIO

from core.clock import Clock
from core.system.file_lock import try_lock
from core.telemetry.logs.line import Ids, LogRecord, text_lines

ROTATE_BYTES = 10_000_000
KEEP = 10  # files: rotated ones of a log, and logs of earlier processes
MIN_AGE = timedelta(days=1)  # a younger log may belong to a process that still runs
PACKING_SECONDS = 2.0  # how long `stop` waits for a file that is being packed

_RESET = "\x1b[0m"
_DIM = "\x1b[2m"
_COLORS: dict[str, str] = {"DEBUG": "\x1b[36m", "INFO": "\x1b[32m", "WARNING": "\x1b[33m", "ERROR": "\x1b[1;31m"}


class LogFile:
    """Appends lines; a line that cannot be written, for example because the disk is full, is dropped.

    Args:
        path: the file; opened at once to see that it can be, and left behind only if a line was written.
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
        self._rotate_bytes = rotate_bytes
        self._keep = keep
        self._is_ours = is_ours
        self._packing: threading.Thread | None = None
        self._torn = False
        self._is_stopped = False
        self._descriptor: int | None = None
        self._try_to_open()

    def write(self, line: str) -> None:
        # After a write that was cut short the next line begins on a line of its own.
        data = (b"\n" if self._torn else b"") + line.encode("utf-8", errors="backslashreplace")
        try:
            if self._is_stopped:
                return
            if self._descriptor is None:
                self._descriptor = self._open()
            state = os.fstat(self._descriptor)
            if not state.st_nlink and stat.S_ISREG(state.st_mode):
                self._begin_anew()
            elif state.st_size + len(data) > self._rotate_bytes:
                self._rotate(self._descriptor)
            written = os.write(self._descriptor, data)
        except OSError:
            return
        self._torn = written != len(data)

    def stop(self) -> None:
        """Close the file."""
        self._is_stopped = True
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
        if self._packing is not None:
            self._packing.join(PACKING_SECONDS)

    def _try_to_open(self) -> None:
        """Leave no file behind that was not there: most starts have nothing to say, and it comes with the first line."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            self._descriptor = self._open()
        else:
            with suppress(OSError):
                self.path.unlink()

    def _open(self) -> int:
        # Readable by the user alone: a log holds paths and names, and prompts if the settings say so.
        # Non-blocking: opening a pipe without a reader would hang the app.
        self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
        return os.open(self.path, flags, 0o600)

    def _rotate(self, descriptor: int) -> None:
        if self._packing is not None and self._packing.is_alive():
            return  # the file being packed must keep its name; until then this one grows
        if sys.platform != "win32" and try_lock(descriptor) is False:  # an open file gets no other name there
            return  # another process is rotating it
        if self._has_lost_its_name(descriptor):
            self._begin_anew()  # another process has rotated it
            return
        for suffix in ("", ".gz"):
            with suppress(OSError):
                self._numbered(self._keep, suffix).unlink(missing_ok=True)
            for number in range(self._keep - 1, 0, -1):
                with suppress(OSError):
                    self._numbered(number, suffix).replace(self._numbered(number + 1, suffix))
        with suppress(OSError):  # Windows does not rename an open file; then the log grows
            self.path.replace(self._numbered(1))
        self._begin_anew()
        if self._is_ours:
            # In a thread, because packing takes longer than a frame; a daemon, because the exit does not wait for it.
            self._packing = threading.Thread(target=_pack, args=(self._numbered(1),), name="log", daemon=True)
            self._packing.start()

    def _has_lost_its_name(self, descriptor: int) -> bool:
        try:
            return not os.path.samestat(self.path.stat(), os.fstat(descriptor))
        except FileNotFoundError:
            return True

    def _begin_anew(self) -> None:
        """Write to the file of that name from now on: ours was rotated, or somebody has deleted it."""
        before, self._descriptor = self._descriptor, self._open()
        if before is not None:
            os.close(before)  # which also ends a lock

    def _numbered(self, number: int, suffix: str = "") -> Path:
        return rotated(self.path, number, suffix)


class Console:
    """Writes lines to a stream, in colours if it takes any; once its reader has gone, lines are dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._in_colors = "NO_COLOR" not in os.environ and (stream.isatty() or "FORCE_COLOR" in os.environ)

    def line(self, record: LogRecord, ids: Ids) -> str:
        """Return what is shown of a record; an exception follows in lines of its own, indented."""
        head, *exception = text_lines(record, ids)
        if self._in_colors:
            timestamp, level, rest = head.split(" ", 2)
            head = f"{_DIM}{timestamp}{_RESET} {_COLORS.get(level, '')}{level:<7}{_RESET} {rest.lstrip()}"
        return "\n".join([head, *(f"    {line}" for line in exception)])

    def write(self, line: str) -> None:
        with suppress(OSError, ValueError):  # closed, or nobody reads it
            self._stream.write(line)
            self._stream.flush()

    def stop(self) -> None:
        """Leave the stream open: it is not ours."""


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
