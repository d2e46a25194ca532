"""Answers that were given before, in one SQLite file that several processes may share.

A file that cannot be used never breaks a call: the cache then answers nothing, after one warning in the log.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from core.clock import Clock
from core.llm.endpoint import Endpoint
from core.llm.request import CallRequest
from core.telemetry.logs import log

SCHEMA_VERSION = 1  # raised when a key or an answer means something else than before
TIME_TO_LIVE = timedelta(days=1)
MAX_BYTES = 64 * 1024 * 1024
EVICTED_SHARE = 0.1  # of MAX_BYTES, so that not every put has to evict
PUTS_BETWEEN_CHECKS = 256  # adding up the sizes costs several times a put
BUSY_TIMEOUT_MS = 2000

_APPLICATION_ID = 0x51544331  # "QTC1": tells our files from those of other programs
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_SIDE_FILES = ("", "-wal", "-shm")

_ANSWER_TYPES = {
    "text": str,
    "reasoning": str,
    "finish_reason": str,
    "input_tokens": int,
    "output_tokens": int,
    "estimated": bool,
}

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedAnswer:
    """A whole answer as it was given; `estimated` marks token counts that the server did not report."""

    text: str
    reasoning: str
    finish_reason: str
    input_tokens: int
    output_tokens: int
    estimated: bool


def cache_key(request: CallRequest, endpoint: Endpoint) -> str | None:
    """Return the key of everything that decides the answer; None if the same request may be answered differently.

    Neither the API key, the ids of the call nor the way it is sent take part.
    """
    if request.temperature != 0:
        return None
    fields = {
        "version": SCHEMA_VERSION,
        "server": endpoint.server_name,
        "model": endpoint.model,
        "messages": [[message.role, message.text] for message in request.messages],
        "prefill": request.prefill,
        "continue_with": request.continue_with,
        "max_tokens": request.max_tokens,
        "stop": request.stop,
        "prompt": request.prompt_name,
    }
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


class ResponseCache:
    """Keeps answers for a day, the least recently used ones going first when there are too many.

    All file work is done by one thread, which starts with the first use and ends with `close`.
    """

    def __init__(
        self, path: Path, clock: Clock, *, max_bytes: int = MAX_BYTES, busy_timeout_ms: int = BUSY_TIMEOUT_MS
    ) -> None:
        self.path = path
        self._clock = clock
        self._max_bytes = max_bytes
        self._busy_timeout_ms = busy_timeout_ms
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="response-cache")
        self._closed = False
        # Used in the thread alone:
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._puts = 0
        self._is_off = False
        self._has_warned = False

    async def get(self, key: str) -> CachedAnswer | None:
        """Return the answer; None if there is none, or none younger than a day."""
        return await self._in_thread(lambda connection: self._read(connection, key))

    async def put(self, key: str, answer: CachedAnswer) -> None:
        """Keep a whole answer; ValueError if it is not one, which is an error of the caller's."""
        if answer.finish_reason != "stop":
            raise ValueError(f"an answer that ended with {answer.finish_reason!r} is not whole and may not be kept")
        await self._in_thread(lambda connection: self._write(connection, key, answer))

    async def close(self) -> None:
        """Close the file and end the thread, also when cancelled; what was put before is kept."""
        if self._closed:
            return
        self._closed = True
        closing = asyncio.get_running_loop().run_in_executor(self._writer, self._disconnect)
        self._writer.shutdown(wait=False)
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await closing  # the thread tells its result to this loop, which might be closed by then
            raise
        self._writer.shutdown()

    async def _in_thread(self, work: Callable[[sqlite3.Connection], _T]) -> _T | None:
        if self._closed:
            return None
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._guarded, work)

    def _guarded(self, work: Callable[[sqlite3.Connection], _T]) -> _T | None:
        """Do the work; a broken file is set aside once and replaced, any other fault ends the use of the cache."""
        for _ in range(2):
            if self._is_off:
                return None
            try:
                return work(self._connected())
            except (sqlite3.Error, OSError) as error:
                self._disconnect()
                if self._has_warned or not _is_broken(error):
                    self._switch_off(str(error), "check the file's rights and free space, or set LLM_CACHE=false")
                else:
                    self._set_aside(str(error))
            except _ForeignFileError:
                self._disconnect()
                self._switch_off("it belongs to another program", "move it elsewhere, or set LLM_CACHE=false")
        return None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None:
            return self._connection
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Made here, because SQLite would make it readable for others; its side files get the rights of this one.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o600))
        self._inode = self.path.stat().st_ino
        connection = self._connection = sqlite3.connect(
            self.path, timeout=self._busy_timeout_ms / 1000, isolation_level=None
        )
        _claim(connection)
        self.path.chmod(0o600)
        with suppress(sqlite3.OperationalError):  # locked by another process that is just doing the same
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS r (k TEXT PRIMARY KEY, v TEXT, at REAL, used REAL, n INTEGER) WITHOUT ROWID"
        )
        # With the size in it, so that adding up does not read the answers.
        connection.execute("CREATE INDEX IF NOT EXISTS r_used ON r (used, n)")
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _read(self, connection: sqlite3.Connection, key: str) -> CachedAnswer | None:
        now, age = self._clock.now().timestamp(), TIME_TO_LIVE.total_seconds()
        # The wall clock may have been set back: an answer of the future is of no known age.
        row = connection.execute("SELECT v FROM r WHERE k = ? AND abs(? - at) < ?", (key, now, age)).fetchone()
        if row is None:
            return None
        connection.execute("UPDATE r SET used = ? WHERE k = ?", (now, key))
        return _answer(row[0])

    def _write(self, connection: sqlite3.Connection, key: str, answer: CachedAnswer) -> None:
        now = self._clock.now().timestamp()
        value = json.dumps(asdict(answer))
        connection.execute("INSERT OR REPLACE INTO r VALUES (?, ?, ?, ?, ?)", (key, value, now, now, len(value)))
        # With the first put as well: most processes make fewer.
        if self._puts % PUTS_BETWEEN_CHECKS == 0:
            self._make_room(connection, now)
        self._puts += 1

    def _make_room(self, connection: sqlite3.Connection, now: float) -> None:
        age = TIME_TO_LIVE.total_seconds()
        connection.execute("DELETE FROM r WHERE abs(? - at) >= ?", (now, age))
        total_bytes = connection.execute("SELECT coalesce(sum(n), 0) FROM r").fetchone()[0]
        if total_bytes <= self._max_bytes:
            return
        surplus_bytes = total_bytes - self._max_bytes * (1 - EVICTED_SHARE)
        connection.execute(
            "DELETE FROM r WHERE k IN (SELECT k FROM"
            " (SELECT k, sum(n) OVER (ORDER BY used, k) - n AS older_bytes FROM r) WHERE older_bytes < ?)",
            (surplus_bytes,),
        )

    def _set_aside(self, why: str) -> None:
        """Rename a broken file, unless another process has done that and put a new one in its place."""
        aside = self.path.with_name(f"{self.path.name}.broken-{self._clock.now():%Y%m%d-%H%M%S}")
        try:
            if self.path.stat().st_ino != self._inode:
                return
            for suffix in _SIDE_FILES:
                with suppress(FileNotFoundError):
                    Path(f"{self.path}{suffix}").rename(f"{aside}{suffix}")
        except OSError as error:
            self._switch_off(f"{why}; {error}", "remove it, or set LLM_CACHE=false")
            return
        self._warn("response cache was broken", why, f"a new one is used; {aside} can be removed")

    def _switch_off(self, why: str, hint: str) -> None:
        self._is_off = True
        self._warn("response cache is off", why, hint)

    def _warn(self, message: str, why: str, hint: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            log("WARNING", message, file=str(self.path), reason=why, hint=hint)


class _ForeignFileError(Exception):
    """The file is a database, but not one of ours."""


def _claim(connection: sqlite3.Connection) -> None:
    """Mark a new file as ours; the database of another program is refused before anything in it is changed."""
    if _is_ours(connection):
        return
    # In one transaction: between two looks another process of ours may claim the same file, and fill it.
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not _is_ours(connection):
            connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
    finally:
        connection.execute("COMMIT")


def _is_ours(connection: sqlite3.Connection) -> bool:
    """Tell a file of ours from a new one, or, within a transaction, from that of another program.

    Raises:
        _ForeignFileError: it belongs to another program. Outside of a transaction tables alone prove nothing: a process of
            ours may just have made them.
    """
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    if application_id == _APPLICATION_ID:
        return True
    has_tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] > 0
    if application_id or (has_tables and connection.in_transaction):
        raise _ForeignFileError
    return False


def _is_broken(error: Exception) -> bool:
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN


def _answer(value: object) -> CachedAnswer | None:
    """Return a stored answer; None if somebody has changed it into something else."""
    try:
        fields = json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if not isinstance(fields, dict) or {name: type(field) for name, field in fields.items()} != _ANSWER_TYPES:
        return None
    return CachedAnswer(**fields)
