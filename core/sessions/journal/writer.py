"""Writes a run's journal from one thread of its own, whole lines only; the event loop only hands the events over."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from core.events import CallCancelled, CallFailed, CallFinished, Event, RunFinished, StepFinished
from core.sessions.journal.lines import JournalLines, PendingEvents, schema_line
from core.telemetry.logs import log

BLOCK_BYTES = 65_536
FLUSH_SECONDS = 0.25
FLUSH_CHARS = 65_536
MAX_PENDING_CHARS = 8_388_608  # a disk that is this far behind has stopped
CLOSE_SECONDS = 5.0

_AT_ONCE = (CallFinished, CallFailed, CallCancelled, StepFinished, RunFinished)
_DURABLE = (StepFinished, RunFinished)


class Journal:
    """Keeps what it is fed; use it as an async context manager. A disk that fails costs the journal, not the run.

    Args:
        path: the file; an existing one is continued.
        on_trouble: called once, from within `feed`, with a sentence, when the journal cannot be kept.
    """

    def __init__(self, path: Path, *, on_trouble: Callable[[str], None]) -> None:
        self._path = path
        self._on_trouble = on_trouble
        self._changed = threading.Condition(threading.Lock())
        self._pending = PendingEvents()
        self._at_once = False
        self._closing = False
        self._trouble = ""
        self._is_reported = False
        self._fed = 0
        self._written = 0
        # A daemon: a disk that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        closed = asyncio.get_running_loop().run_in_executor(None, self._close)
        while not closed.done():
            # The run has ended: a cancel that comes now has nothing to end, and must not change how it ended.
            with suppress(asyncio.CancelledError):
                await asyncio.shield(closed)

    def feed(self, event: Event) -> None:
        """Take one event; returns at once and never raises."""
        with self._changed:
            self._fed += 1
            if not self._trouble and not self._closing:
                self._take(event)
            trouble = self._trouble
        if trouble and not self._is_reported:
            self._is_reported = True
            self._on_trouble(trouble)

    def _take(self, event: Event) -> None:
        pending = self._pending
        is_first = not pending.chars
        pending.add(event)
        if pending.chars > MAX_PENDING_CHARS:
            pending.take()
            self._trouble = f"the run's journal {self._path} cannot be kept: the disk has stopped taking it"
        if not self._at_once and (isinstance(event, _AT_ONCE) or pending.chars >= FLUSH_CHARS):
            self._at_once = True
            self._changed.notify()
        elif is_first:
            self._changed.notify()

    def _close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            log("WARNING", "the journal was left to a disk that does not answer", path=str(self._path))

    def _work(self) -> None:
        try:
            self._keep()
        except OSError as error:
            self._stop(f"the run's journal {self._path} cannot be written: {error.strerror or error}")
        except Exception as error:  # noqa: BLE001 - a fault of our own costs the journal, not the run
            log("ERROR", "the journal failed on a fault of our own", exception=error, path=str(self._path))
            self._stop(f"the run's journal {self._path} failed: the log has the details")
        if self._trouble:
            log("WARNING", "the journal is incomplete", path=str(self._path), reason=self._trouble)
            self._mark_incomplete()

    def _keep(self) -> None:
        lines = JournalLines()
        with JournalFile(self._path) as file:
            if file.is_empty:
                file.append(schema_line())
            while (batch := self._next()) is not None:
                events, count = batch
                file.append(b"".join(line for event in events for line in lines.of(event)))
                self._written += count
                if any(isinstance(event, _DURABLE) for event in events):
                    file.sync()
            if not self._trouble:
                file.append(b"".join(lines.rest()))

    def _next(self) -> tuple[list[Event], int] | None:
        """Wait for events worth a write, and say how many were joined to these; None when there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending.chars or self._closing or self._trouble)
            self._changed.wait_for(lambda: self._at_once or self._closing or self._trouble, FLUSH_SECONDS)
            self._at_once = False
            count = self._pending.events
            return (self._pending.take(), count) if count else None

    def _stop(self, trouble: str) -> None:
        with self._changed:
            self._trouble = self._trouble or trouble
            self._pending.take()

    def _mark_incomplete(self) -> None:
        """Wait for the end of the run and write as the last line that something is missing before it."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing)
            lost = self._fed - self._written
            mark = {"type": "journal_incomplete", "lost_events": lost, "why": self._trouble}
        with suppress(OSError), JournalFile(self._path) as file:
            file.append(json.dumps(mark).encode("ascii") + b"\n")


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

    @property
    def is_empty(self) -> bool:
        return self._whole_bytes == 0

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
