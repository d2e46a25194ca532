"""One entry of a log as a row of the screen, and as its whole JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from textual.content import Content

from core.text.sanitize import many_lines, one_line

if TYPE_CHECKING:
    from core.telemetry.logs.reader import LogEntry

LEVEL_STYLES = {"DEBUG": "$foreground 60%", "INFO": "", "WARNING": "$text-warning", "ERROR": "bold $text-error"}
AGENT_COLUMNS = 6
TIME_OF_DAY = slice(11, 23)  # of 2026-11-22T12:00:00.123Z
MOST_CHARACTERS = 400  # wider than any terminal
DIM = "$foreground 60%"


def log_row(entry: LogEntry, agent: str) -> Content:
    """Return time, level, agent, message and fields in one line; nothing of it is markup or moves the cursor."""
    style = LEVEL_STYLES.get(entry.level, "")
    fields = " ".join(f"{name}={value}" for name, value in entry.extra.items())
    if entry.duration_ms is not None:
        fields = f"{entry.duration_ms:.0f} ms {fields}"
    return Content.assemble(
        (one_line(entry.timestamp, 40)[TIME_OF_DAY] + " ", DIM),
        (f"{entry.level:<8}", style),
        (f"{one_line(agent or '-', AGENT_COLUMNS - 1):<{AGENT_COLUMNS}}", DIM),
        (one_line(entry.message, MOST_CHARACTERS), style),
        ("  " + one_line(fields, MOST_CHARACTERS), DIM),
        ("  ⏎ traceback" if entry.exception else "", "$text-error"),
    )


def log_json(entry: LogEntry) -> str:
    """Return everything that the entry holds as JSON for people; a traceback follows with its own line breaks."""
    fields = asdict(entry)
    traceback = fields.pop("exception")
    text = json.dumps(fields, indent=2, ensure_ascii=False, default=str)
    return many_lines(f"{text}\n\n{traceback}" if traceback else text, 100_000)
