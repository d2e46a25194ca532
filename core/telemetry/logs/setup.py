"""Starts and stops the log, and writes its lines: with ids, without secrets, to a file and a headless run's terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, get_args

from core.clock import Clock, SystemClock
from core.kinds import LogLevel
from core.telemetry.logs.line import ID_NAMES, LINE_FIELD, Ids, json_line, text_line
from core.telemetry.logs.sinks import KEEP, Console, LogFile, default_log_path, remove_old_logs

if TYPE_CHECKING:
    from loguru import Record

LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)  # from the least severe on
MEGABYTE = 1_000_000

# What a format function returns is a template for loguru; texts are put in as a value, so that their braces stay.
_TEMPLATE = f"{{extra[{LINE_FIELD}]}}\n"

# These log every request, with its whole address, at INFO, or much that is of no use.
NOISY_LIBRARIES = (
    "httpx2", "httpcore2", "httpx", "httpcore", "openai", "urllib3", "asyncio", "opentelemetry", "sentry_sdk",
    "langgraph", "langsmith",
)  # fmt: skip


_ids: ContextVar[Ids] = ContextVar("log_ids", default=MappingProxyType({}))


class _Interceptor(logging.Handler):
    """Passes the lines of the libraries, which use the standard logging, on to our file."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = str(record.msg)
        exception = record.exc_info[1] if record.exc_info else None
        _write(_level_name(record.levelno), message, {"logger": record.name}, exception)


@dataclass(slots=True)
class _ActiveLog:
    """What `setup_logging` has started in this process."""

    interceptor: _Interceptor | None = None
    file: LogFile | None = None
    has_sink: bool = False
    lowest: int = LEVELS.index("INFO")
    with_content: bool = False
    on_fault: Callable[[BaseException], None] | None = None
    raise_exceptions: bool = logging.raiseExceptions


_active = _ActiveLog()


def setup_logging(
    *,
    level: str = "INFO",
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
        level: the least severe lines that are kept; `set_log_level` changes it later.
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
    """
    stop_logging()
    set_log_level(level)
    time = clock or SystemClock()
    path = default_log_path(time) if log_file is None else Path(log_file)
    _intercept_libraries()
    _active.with_content = content
    if colored_console:
        console = Console(sys.stderr)
        _add_sink(console, console.line)
    try:
        file = LogFile(path, rotate_bytes=rotation_megabytes * MEGABYTE, keep=retention_files, is_ours=log_file is None)
    except OSError as error:
        reason = error.strerror or str(error)
        return f"no log is written: {path} cannot be opened ({reason}) - set LOG_FILE to a file you may write"
    if log_file is None:
        remove_old_logs(path.parent, time, keep=retention_files)
    _add_sink(file, json_line if json_format else text_line)
    _active.file = file
    return None


def stop_logging() -> None:
    """Close the log; lines are dropped until `setup_logging` is called again."""
    from loguru import logger

    logger.remove()
    _active.file = None
    _active.has_sink = False
    if _active.interceptor is not None:
        logging.getLogger().removeHandler(_active.interceptor)
        logging.captureWarnings(capture=False)
        logging.raiseExceptions = _active.raise_exceptions
        _active.interceptor = None


def set_log_level(level: str) -> None:
    """Keep lines of this level and above from now on; ValueError when there is no such level."""
    name = level.upper()
    if name not in LEVELS:
        raise ValueError(f"there is no log level {level!r} - the levels are {', '.join(LEVELS)}")
    _active.lowest = LEVELS.index(name)


def current_log_file() -> Path | None:
    """Return the file that is being written, None while there is no log."""
    return _active.file.path if _active.file else None


def listen_for_faults(on_fault: Callable[[BaseException], None] | None) -> None:
    """Pass every exception that `log` takes at level ERROR, a fault of our own, on to this function; None ends that."""
    _active.on_fault = on_fault


def set_correlation_id(correlation_id: str) -> str:
    """Put this id on all further log lines of the current task and of those it starts; return it."""
    _ids.set(MappingProxyType({**_ids.get(), "correlation_id": correlation_id}))
    return correlation_id


@contextmanager
def log_ids(**ids: str) -> Iterator[None]:
    """Put agent_id, task_id, workflow_id or correlation_id on the log lines of a block, its tasks and its threads."""
    unknown = set(ids) - set(ID_NAMES)
    if unknown:
        raise ValueError(f"no log line has {', '.join(sorted(unknown))} - the ids are {', '.join(ID_NAMES)}")
    token = _ids.set(MappingProxyType({**_ids.get(), **ids}))
    try:
        yield
    finally:
        _ids.reset(token)


def log(
    level: LogLevel,
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
    if exception is not None and level == "ERROR" and _active.on_fault is not None:
        _active.on_fault(exception)
    _write(level, message, {**fields, **content} if content and _active.with_content else fields, exception, depth=2)


def _write(
    level: LogLevel, message: str, fields: dict[str, object], exception: BaseException | None, *, depth: int = 1
) -> None:
    if not _active.has_sink or LEVELS.index(level) < _active.lowest:
        return
    from loguru import logger

    logger.bind(**fields).opt(depth=depth, exception=exception).log(level, message)


def _add_sink(sink: LogFile | Console, to_line: Callable[[Record, Ids], str]) -> None:
    from loguru import logger

    def line(record: Record) -> str:
        record["extra"][LINE_FIELD] = to_line(record, _ids.get())
        return _TEMPLATE

    logger.add(
        sink,
        level=0,  # `_write` has compared the level already, so that it can change without closing anything
        format=line,
        colorize=False,
        backtrace=False,
        diagnose=False,
        enqueue=False,
        catch=False,  # loguru would report a failure on the terminal; our sinks never fail
    )
    _active.has_sink = True


def _intercept_libraries() -> None:
    root = logging.getLogger()
    _active.interceptor = _Interceptor(logging.WARNING)
    root.addHandler(_active.interceptor)
    for name in NOISY_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    _active.raise_exceptions = logging.raiseExceptions
    logging.raiseExceptions = False  # a library's faulty log call must not print over the app


def _level_name(number: int) -> LogLevel:
    if number >= logging.ERROR:
        return "ERROR"
    return "WARNING" if number >= logging.WARNING else "INFO"
