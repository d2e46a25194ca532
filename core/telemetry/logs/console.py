"""The log on the terminal of a headless run, in colours; the app never has one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TextIO

from core.telemetry.logs.line import text_lines

RESET = "\x1b[0m"
DIM = "\x1b[2m"
COLORS = {"DEBUG": "\x1b[36m", "INFO": "\x1b[32m", "WARNING": "\x1b[33m", "ERROR": "\x1b[1;31m"}


class Console:
    """Writes lines to a stream; one whose reader has gone takes no more, and nobody is told."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._in_colors = "NO_COLOR" not in os.environ and (stream.isatty() or "FORCE_COLOR" in os.environ)

    def line(self, record: Mapping[str, Any]) -> str:  # a loguru record
        """Return what is shown of a record; an exception follows in lines of its own, indented."""
        head, *exception = text_lines(record)
        if self._in_colors:
            timestamp, level, rest = head.split(" ", 2)
            head = f"{DIM}{timestamp}{RESET} {COLORS.get(level, '')}{level:<7}{RESET} {rest.lstrip()}"
        return "\n".join([head, *(f"    {line}" for line in exception)])

    def write(self, line: str) -> None:
        try:
            self._stream.write(line)
            self._stream.flush()
        except (OSError, ValueError):  # closed, or nobody reads it
            return
