"""Starts and stops the log, which goes to a file and a headless run's terminal, and takes the lines of libraries.

Our lines go to our own sinks alone. The loguru of the process belongs to the caller: what is logged there is kept in
our file too, but nothing of ours reaches the caller's sinks, which mask no secrets.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from core.arguments import checked_path
from core.clock import Clock, SystemClock
from core.log_levels import LEVELS, level_of_number, log_level
from core.system.path_state import LOG_HINT, no_log_message
from core.telemetry.logs.line import json_line, text_line
from core.telemetry.logs.sinks import KEEP, Console, LogFile, default_log_path, remove_old_logs
from core.telemetry.logs.writing import Output, active, write

if TYPE_CHECKING:
    from loguru import Message

MEGABYTE = 1_000_000

# These log every request, with its whole address, at INFO, or much that is of no use.
NOISY_LIBRARIES = (
    "httpx2", "httpcore2", "httpx", "httpcore", "openai", "urllib3", "asyncio", "opentelemetry", "sentry_sdk",
    "langgraph", "langsmith",
)  # fmt: skip


class _Interceptor(logging.Handler):
    """Passes the lines of the libraries, which use the standard logging, on to our file."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = str(record.msg)
        exception = record.exc_info[1] if record.exc_info else None
        write(level_of_number(record.levelno), record.name, message, {}, exception)


def setup_logging(
    level: str | int = "INFO",
    *,
    json_format: bool = True,
    log_file: Path | str | None = None,
    colored_console: bool = False,
    content: bool = False,
    rotation_megabytes: int = 10,
    retention_files: int = KEEP,
    clock: Clock | None = None,
) -> str | None:
    """Start logging to a file of this process in the user's log folder, or to `log_file`; may be called again.

    Args:
        level: the least severe lines that are kept, in any case; names and numbers of the standard logging do too.
            `set_log_level` changes it later.
        json_format: one JSON object a line, else plain text.
        log_file: a file of the user's choice; as other processes may write it too, rotated ones are not packed.
        colored_console: show the lines on standard error as well; not to be used while an app draws on the terminal.
        content: keep prompts and answers too.
        rotation_megabytes: size at which a new file is begun.
        retention_files: rotated files, and logs of earlier processes, that stay.
        clock: dates the file's name.

    Returns:
        A warning if the file cannot be written, and there is no log then; else None.

    Raises:
        ValueError: there is no such level.
        UsageError: log_file is no path.
    """
    lowest = LEVELS.index(log_level(level))
    time = clock or SystemClock()
    path = default_log_path(time) if log_file is None else _expanded(checked_path("log_file", log_file))
    stop_logging()
    active.lowest = lowest
    _intercept_libraries()
    active.with_content = content
    if colored_console:
        console = Console(sys.stderr)
        active.outputs = (Output(console, console.line),)
    try:
        file = LogFile(
            path, rotate_bytes=max(1, rotation_megabytes) * MEGABYTE, keep=retention_files, is_ours=log_file is None
        )
    except OSError as error:
        return f"{no_log_message(path, error.strerror or str(error))} - {LOG_HINT}"
    if log_file is None:
        remove_old_logs(path.parent, time, keep=retention_files)
    active.file = file
    active.outputs = (*active.outputs, Output(file, json_line if json_format else text_line))
    _listen_to_callers_loguru()
    return None


def stop_logging() -> None:
    """Close the log; lines are dropped until `setup_logging` is called again."""
    if active.callers_loguru is not None:
        from loguru import logger

        with suppress(ValueError):  # the caller has removed all handlers of the process
            logger.remove(active.callers_loguru)
        active.callers_loguru = None
    with active.lock:
        outputs, active.outputs, active.file = active.outputs, (), None
        for output in outputs:
            output.sink.stop()
    if active.interceptor is not None:
        logging.getLogger().removeHandler(active.interceptor)
        while active.quieted:
            active.quieted.pop().setLevel(logging.NOTSET)
        logging.captureWarnings(capture=False)
        logging.raiseExceptions = active.raise_exceptions
        active.interceptor = None


def set_log_level(level: str | int) -> None:
    """Keep lines of this level and above from now on; ValueError when there is no such level."""
    active.lowest = LEVELS.index(log_level(level))


def current_log_file() -> Path | None:
    """Return the file that is being written, None while there is no log."""
    return active.file.path if active.file else None


def _listen_to_callers_loguru() -> None:
    from loguru import logger

    active.callers_loguru = logger.add(
        _take_callers_line,
        level=0,  # `write` compares the level, so that it can change without closing anything
        format=lambda _record: "",  # the record is read, not the text
        backtrace=False,
        diagnose=False,
        enqueue=False,
        catch=False,  # loguru would report a failure on the terminal; our sinks never fail
    )


def _take_callers_line(message: Message) -> None:
    """Keep a line that the caller has logged with loguru; the terminal has it from the caller's own sink."""
    record = message.record
    exception = record["exception"].value if record["exception"] is not None else None
    fields = {str(name): value for name, value in record["extra"].items()}
    write(
        level_of_number(record["level"].no),
        record["name"] or "",
        record["message"],
        fields,
        exception,
        to_console=False,
    )


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # nobody's home folder is known
        return path


def _intercept_libraries() -> None:
    root = logging.getLogger()
    active.interceptor = _Interceptor(logging.WARNING)
    root.addHandler(active.interceptor)
    for name in NOISY_LIBRARIES:
        library = logging.getLogger(name)
        if library.level == logging.NOTSET:  # else the caller has decided
            library.setLevel(logging.WARNING)
            active.quieted.append(library)
    logging.captureWarnings(capture=True)
    active.raise_exceptions = logging.raiseExceptions
    logging.raiseExceptions = False  # a library's faulty log call must not print over the app
