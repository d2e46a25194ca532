"""Reads log files back, filtered, and each time only what is new since the last time."""

from __future__ import annotations

import gzip
import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from core.kinds import LogLevel
from core.telemetry.logs import LEVELS
from core.telemetry.logs.line import json_text
from core.telemetry.logs.sinks import rotated

MAX_ENTRIES = 5000  # of one reading, the newest

_TEXT_LINE = re.compile(r"(?P<timestamp>\d{4}-\d\d-\d\dT\S+Z) (?P<level>[A-Z]+) +(?P<logger>\S+) (?P<message>.*)")


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of a log; a line of plain text keeps its ids and fields within the message."""

    timestamp: str
    level: LogLevel
    logger: str
    message: str
    correlation_id: str | None = None
    agent_id: str | None = None
    task_id: str | None = None
    workflow_id: str | None = None
    duration_ms: float | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    exception: str | None = None


@dataclass(frozen=True, slots=True)
class _LineFilter:
    lowest: int
    agent_id: str | None
    correlation_id: str | None
    text: str

    def may_hold(self, line: bytes) -> bool:
        """Rule lines out without parsing them: parsing JSON takes ten times as long."""
        ids = filter(None, (self.agent_id, self.correlation_id))
        return all(json_text(wanted)[1:-1].encode() in line for wanted in ids)

    def takes(self, entry: LogEntry, line: str) -> bool:
        return (
            LEVELS.index(entry.level) >= self.lowest
            and _has_id("agent_id", self.agent_id, entry.agent_id, line)
            and _has_id("correlation_id", self.correlation_id, entry.correlation_id, line)
            and (not self.text or self.text in _searched(entry, line))
        )


def read_log_lines(
    path: Path,
    *,
    level: str | None = None,
    agent_id: str | None = None,
    text: str | None = None,
    correlation_id: str | None = None,
    after_offset: int = 0,
) -> tuple[list[LogEntry], int]:
    """Return the entries after an offset, oldest first, and the offset for the next call.

    Lines that are cut short are left out; one that is being written is read the next time. When the file has been
    rotated since, the rest of the old one comes first. A file that is not there has no entries.

    Args:
        path: the log.
        level: this one and what is more severe.
        agent_id: lines of this agent only.
        text: what the line says must hold this, in any case.
        correlation_id: lines of this task only.
        after_offset: 0, or what the last call returned.

    Returns:
        At most the 5000 newest entries, and an offset in bytes.

    Raises:
        OSError: the file is there but cannot be read.
        ValueError: there is no such level.
    """
    lowest = LEVELS.index(cast("LogLevel", level.upper())) if level else 0
    wanted = _LineFilter(lowest, agent_id, correlation_id, (text or "").casefold())
    found: deque[LogEntry] = deque(maxlen=MAX_ENTRIES)
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return [], 0
    if size == after_offset:
        return [], after_offset
    if size < after_offset:
        with suppress(OSError, EOFError), closing(_open_rotated(path)) as file:
            _read_from(file, after_offset, wanted, found)
        after_offset = 0
    with path.open("rb") as file:
        next_offset = _read_from(file, after_offset, wanted, found)
    return list(found), next_offset


def _open_rotated(path: Path) -> BinaryIO:
    try:
        return rotated(path, 1).open("rb")
    except FileNotFoundError:
        return cast("BinaryIO", gzip.open(rotated(path, 1, ".gz"), "rb"))


def _read_from(file: BinaryIO, offset: int, wanted: _LineFilter, found: deque[LogEntry]) -> int:
    file.seek(offset)
    for line in _whole_lines(file):
        offset += len(line)
        if not wanted.may_hold(line):
            continue
        shown = line.decode("utf-8", "replace").rstrip("\n")
        entry = _entry_of(shown)
        if entry is not None and wanted.takes(entry, shown):
            found.append(entry)
    return offset


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
    for line in file:
        if not line.endswith(b"\n"):
            return
        yield line


def _entry_of(line: str) -> LogEntry | None:
    if not line.startswith("{"):
        plain = _TEXT_LINE.fullmatch(line)
        return _entry(plain.groupdict()) if plain is not None else None
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    return _entry(fields) if isinstance(fields, dict) else None


def _entry(fields: dict[str, Any]) -> LogEntry | None:  # JSON values
    texts = all(isinstance(fields.get(name), str) for name in ("timestamp", "logger", "message"))
    if not texts or fields.get("level") not in LEVELS or not isinstance(fields.get("extra", {}), dict):
        return None
    return LogEntry(**{name: fields[name] for name in LogEntry.__dataclass_fields__ if name in fields})


def _has_id(name: str, wanted: str | None, given: str | None, line: str) -> bool:
    if wanted is None or line.startswith("{"):
        return wanted in (None, given)
    return f" {name}={wanted} " in f"{line} "


def _searched(entry: LogEntry, line: str) -> str:
    """Return the text that is searched: values without the escapes of JSON, and no names of keys."""
    if not line.startswith("{"):
        return line.casefold()
    ids = (entry.correlation_id, entry.agent_id, entry.task_id, entry.workflow_id)
    extra = (f"{name}={value}" for name, value in entry.extra.items())
    return " ".join([entry.logger, entry.message, *filter(None, ids), *extra, entry.exception or ""]).casefold()
