"""What a log line looks like: one JSON object or one line of text that no message can forge or break."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from core.kinds import LogLevel
from core.text.redaction import redact, redact_value
from core.text.sanitize import escape_controls

Ids = Mapping[str, str]
ID_NAMES = ("correlation_id", "agent_id", "task_id", "workflow_id")
MAX_TEXT = 16_384  # characters of one message, value or traceback; the rest is cut off


@dataclass(frozen=True, slots=True)
class LogRecord:
    """What a line says, before anything is left out or cut.

    Attributes:
        logger: the module, or the library's logger, that says it.
        fields: the free fields, and those ids that were given for this line alone.
    """

    at: datetime
    level: LogLevel
    logger: str
    message: str
    fields: Mapping[str, object]
    exception: BaseException | None = None


def json_line(record: LogRecord, ids: Ids) -> str:
    """Return a record as one JSON object with the fixed keys; free fields stand under "extra"."""
    line, extra, exception = _parts(record, ids)
    line["extra"] = extra
    if exception is not None:
        line["exception"] = exception
    return json_text(line)


def json_text(value: object) -> str:
    """Return a value as it stands in a line."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return escape_controls(text, lambda character: json.dumps(character)[1:-1])


def text_line(record: LogRecord, ids: Ids) -> str:
    """Return a record as one line of text."""
    return "\\n".join(text_lines(record, ids))


def text_lines(record: LogRecord, ids: Ids) -> list[str]:
    """Return a record as a line of text; the lines of its exception follow."""
    line, extra, exception = _parts(record, ids)
    shown_ids = [f"{name}={line[name]}" for name in ID_NAMES if line[name] is not None]
    fields = [f"{name}={value}" for name, value in extra.items()]
    if line["duration_ms"] is not None:
        fields.append(f"duration_ms={line['duration_ms']}")
    parts = [line["timestamp"], f"{line['level']:<7}", line["logger"], line["message"], *shown_ids, *fields]
    texts = [" ".join(map(str, parts)), *(exception or "").splitlines()]
    return [escape_controls(text) for text in texts]


def _parts(record: LogRecord, ids: Ids) -> tuple[dict[str, object], dict[str, object], str | None]:
    """Return the fixed fields of a line, its free fields and its traceback."""
    fields = {**ids, **record.fields}
    line: dict[str, object] = {
        "timestamp": record.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.level,
        "logger": _short(redact(record.logger)),
        "message": _short(redact(record.message)),
        **{name: _short(redact_value(fields.pop(name, None))) for name in ID_NAMES},
        "duration_ms": redact_value(fields.pop("duration_ms", None)),
    }
    extra = {name: _short(value) for name, value in _as_mapping(redact_value(fields)).items()}
    return line, extra, _traceback(record.exception)


def _traceback(exception: BaseException | None) -> str | None:
    if exception is None:
        return None
    lines = traceback.format_exception(exception)  # without local variables: they hold keys and prompts
    return str(_short(redact("".join(lines))))


def _as_mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _short(value: object) -> object:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return f"{value[:MAX_TEXT]}... ({len(value) - MAX_TEXT} characters more)"
    if isinstance(value, Mapping):
        return {name: _short(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_short(item) for item in value]
    return value
