"""The one door to logs: lines with ids go to a file, secrets never do, and only a headless run shows any."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from core.clock import Clock, SystemClock
from core.telemetry.logs.file import KEEP, LogFile, default_log_path, remove_old_logs
from core.telemetry.logs.line import HIDDEN, json_line, text_line

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
LEVELS: tuple[Level, ...] = get_args(Level)  # from the least severe on
MEGABYTE = 1_000_000

# loguru takes what `format` answers for a template; user text is only ever put in as a value.
_TEMPLATE = f"{{extra[{HIDDEN}]}}\n"

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
        _write(_level_name(record.levelno), message, {"logger": record.name}, exception)


class _State:
    """What `setup_logging` has set up in this process."""

    interceptor: _Interceptor | None = None
    file: LogFile | None = None
    is_on = False
    lowest = LEVELS.index("INFO")
    with_content = False
    on_fault: Callable[[BaseException], None] | None = None
    raise_exceptions = logging.raiseExceptions


def setup_logging(
    *,
    level: str = "INFO",
    json_format: bool = True,
    log_file: Path | None = None,
    colored_console: bool = False,
    content: bool = False,
    rotation_megabytes: int = 10,
    retention_files: int = KEEP,
    clock: Clock | None = None,
) -> str | None:
    """Start logging to a file of this process in the user's log folder, or to `log_file`; may be called again.

    Args:
        level: the least severe lines that are kept; `set_log_level` changes it later.
        json_format: one JSON object a line, else plain text.
        log_file: a file of the user's choice; as other processes may write it too, rotated ones are not packed.
        colored_console: show the lines on standard error as well; never while an app owns the terminal.
        content: keep prompts and answers too.
        rotation_megabytes: size at which a new file is begun.
        retention_files: rotated files, and logs of earlier processes, that stay.
        clock: dates the file's name.

    Returns:
        A warning if the file cannot be written, which costs nothing but the log; else None.

    Raises:
        ValueError: there is no such level.
    """
    stop_logging()
    set_log_level(level)
    time = clock or SystemClock()
    path = log_file or default_log_path(time)
    _intercept_libraries()
    _State.with_content = content
    if colored_console:
        _show_on_console()
    try:
        file = LogFile(path, rotate_bytes=rotation_megabytes * MEGABYTE, keep=retention_files, is_ours=log_file is None)
    except OSError as error:
        reason = error.strerror or str(error)
        return f"no log is written: {path} cannot be opened ({reason}) - set LOG_FILE to a file you may write"
    if log_file is None:
        remove_old_logs(path.parent, time, keep=retention_files)
    to_line = json_line if json_format else text_line

    def line(record: Any) -> str:  # loguru's record, typed in its stub only
        record["extra"][HIDDEN] = to_line(record)
        return _TEMPLATE

    _add_sink(file, line)
    _State.file = file
    return None


def stop_logging() -> None:
    """Close the log; lines are dropped until `setup_logging` is called again."""
    from loguru import logger

    logger.remove()
    _State.file = None
    _State.is_on = False
    if _State.interceptor is not None:
        logging.getLogger().removeHandler(_State.interceptor)
        logging.captureWarnings(capture=False)
        logging.raiseExceptions = _State.raise_exceptions
        _State.interceptor = None


def set_log_level(level: str) -> None:
    """Keep lines of this level and above from now on; ValueError when there is no such level."""
    name = level.upper()
    if name not in LEVELS:
        raise ValueError(f"there is no log level {level!r} - the levels are {', '.join(LEVELS)}")
    _State.lowest = LEVELS.index(name)


def current_log_file() -> Path | None:
    """Return the file that is being written, None while there is no log."""
    return _State.file.path if _State.file else None


def listen_for_faults(on_fault: Callable[[BaseException], None] | None) -> None:
    """Hand every exception that `log` is given at level ERROR, a fault of our own, to a reporter too; None ends that."""
    _State.on_fault = on_fault


def log(
    level: Level,
    message: str,
    /,
    *,
    exception: BaseException | None = None,
    content: Mapping[str, object] | None = None,
    **fields: object,
) -> None:
    """Write one line: what happened as a short fixed message, the facts as fields (`attempt=2`).

    The fields agent_id, task_id, workflow_id, correlation_id and duration_ms get keys of their own. Words of users
    and models belong into `content`, which is left out unless the settings ask for it. Does nothing before
    `setup_logging`.
    """
    if exception is not None and level == "ERROR" and _State.on_fault is not None:
        _State.on_fault(exception)
    _write(level, message, {**fields, **content} if content and _State.with_content else fields, exception, depth=2)


def _write(
    level: Level, message: str, fields: dict[str, Any], exception: BaseException | None, *, depth: int = 1
) -> None:
    if not _State.is_on or LEVELS.index(level) < _State.lowest:
        return
    from loguru import logger

    logger.bind(**fields).opt(depth=depth, exception=exception).log(level, message)


def _add_sink(sink: Any, line: Any) -> None:  # what loguru takes
    from loguru import logger

    logger.add(
        sink,
        level=0,  # `_write` has chosen already, so the level can change without closing anything
        format=line,
        colorize=False,
        backtrace=False,
        diagnose=False,
        enqueue=False,
        catch=False,  # loguru would report a failure on the terminal; our sinks never fail
    )
    _State.is_on = True


def _show_on_console() -> None:
    from core.telemetry.logs.console import Console

    console = Console(sys.stderr)

    def line(record: Any) -> str:  # loguru's record, typed in its stub only
        record["extra"][HIDDEN] = console.line(record)
        return _TEMPLATE

    _add_sink(console.write, line)


def _intercept_libraries() -> None:
    root = logging.getLogger()
    _State.interceptor = _Interceptor(logging.WARNING)
    root.addHandler(_State.interceptor)
    for name in NOISY_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    _State.raise_exceptions = logging.raiseExceptions
    logging.raiseExceptions = False  # a library's faulty log call must not print over the app


def _level_name(number: int) -> Level:
    if number >= logging.ERROR:
        return "ERROR"
    return "WARNING" if number >= logging.WARNING else "INFO"
