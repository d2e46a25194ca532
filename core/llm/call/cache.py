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
from pathlib import Path
from typing import TypeVar, get_type_hints

from core.clock import Clock
from core.llm.endpoint import Endpoint
from core.llm.request import CallRequest
from core.telemetry.logs import log

SCHEMA_VERSION = 3  # raised when a key or an answer means something else than before
LIFETIME_SECONDS = 24 * 60 * 60.0
MAX_BYTES = 64 * 1024 * 1024
BUSY_TIMEOUT_MS = 2000

_APPLICATION_ID = 0x51544331  # "QTC1" in the file's header: this database is ours

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
    messages = [[message.role, message.text] for message in request.messages]
    asked = [messages, request.prefill, request.continue_with, request.max_tokens, request.stop, request.prompt_name]
    deciding = [SCHEMA_VERSION, endpoint.server_name, endpoint.model, *asked]
    return hashlib.sha256(json.dumps(deciding).encode()).hexdigest()


class ResponseCache:
    """Keeps answers for a day, and begins anew when its file is full: that is some twenty thousand answers.

    All file work is done by one thread, which starts with the first use and ends with `close`.
    """

    def __init__(
        self, path: Path, clock: Clock, *, max_bytes: int = MAX_BYTES, busy_timeout_ms: int = BUSY_TIMEOUT_MS
    ) -> None:
        self._path = path
        self._clock = clock
        self._max_bytes = max_bytes
        self._busy_timeout_ms = busy_timeout_ms
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="response-cache")
        self._connection: sqlite3.Connection | None = None  # used in the thread alone
        self._is_off = False
        self._is_closed = False

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
        if self._is_closed:
            return
        self._is_closed = True
        closing = asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        try:
            await asyncio.shield(closing)
        finally:
            self._thread.shutdown()

    async def _in_thread(self, work: Callable[[sqlite3.Connection], _T]) -> _T | None:
        if self._is_closed:
            return None
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._guarded, work)

    def _guarded(self, work: Callable[[sqlite3.Connection], _T]) -> _T | None:
        if self._is_off:
            return None
        try:
            return work(self._connected())
        except (sqlite3.Error, OSError) as error:
            self._is_off = True
            self._disconnect()
            hint = "check its rights and the free space, move it if it is broken or not ours, or set LLM_CACHE=false"
            log("WARNING", "response cache is off", file=str(self._path), reason=str(error), hint=hint)
            return None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None:
            return self._connection
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Made here, because SQLite would make it readable for others; its side files get the rights of this one.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = self._connection = sqlite3.connect(
            self._path, timeout=self._busy_timeout_ms / 1000, isolation_level=None
        )
        _claim(connection)
        self._path.chmod(0o600)
        with suppress(sqlite3.OperationalError):  # locked by another process that is just doing the same
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={max(1, self._max_bytes // page_bytes)}")
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _read(self, connection: sqlite3.Connection, key: str) -> CachedAnswer | None:
        # The wall clock may have been set back: an answer of the future is of no known age.
        row = connection.execute(
            "SELECT v FROM r WHERE k = ? AND abs(? - at) < ?", (key, self._clock.now().timestamp(), LIFETIME_SECONDS)
        ).fetchone()
        return _decoded(row[0]) if row is not None else None

    def _write(self, connection: sqlite3.Connection, key: str, answer: CachedAnswer) -> None:
        now = self._clock.now().timestamp()
        connection.execute("DELETE FROM r WHERE at <= ? OR at >= ?", (now - LIFETIME_SECONDS, now + LIFETIME_SECONDS))
        insert = "INSERT OR REPLACE INTO r (k, v, at) VALUES (?, ?, ?)", (key, json.dumps(asdict(answer)), now)
        try:
            connection.execute(*insert)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise
            connection.execute("DELETE FROM r")
            connection.execute(*insert)


def _claim(connection: sqlite3.Connection) -> None:
    """Make the tables of a new file; the database of another program is refused before anything in it is changed."""
    connection.execute("BEGIN IMMEDIATE")  # another process of ours may claim the same file at this moment
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    if application_id != _APPLICATION_ID:
        if application_id or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise sqlite3.DatabaseError("it belongs to another program")
        connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
    connection.execute("CREATE TABLE IF NOT EXISTS r (k TEXT PRIMARY KEY, v TEXT, at REAL) WITHOUT ROWID")
    connection.execute("CREATE INDEX IF NOT EXISTS r_at ON r (at)")
    connection.execute("COMMIT")


def _decoded(value: object) -> CachedAnswer | None:
    """Return a stored answer; None if somebody has changed it into something else."""
    try:
        fields = json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if not isinstance(fields, dict) or {name: type(field) for name, field in fields.items()} != _ANSWER_TYPES:
        return None
    return CachedAnswer(**fields)


_ANSWER_TYPES = get_type_hints(CachedAnswer)
