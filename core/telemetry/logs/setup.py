"""Starts and stops the log, and writes its lines: with ids, without secrets, to a file and a headless run's terminal.

Our lines go to our own sinks alone. The loguru of the process belongs to the caller: what is logged there is kept in
our file too, but nothing of ours reaches the caller's sinks, which mask no secrets.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from core.arguments import checked_path
from core.clock import Clock, SystemClock
from core.kinds import LogLevel
from core.log_levels import LEVELS, level_of_number, log_level
from core.system.path_state import LOG_HINT, no_log_message
from core.telemetry.logs.line import ID_NAMES, Ids, LogRecord, json_line, text_line
from core.telemetry.logs.sinks import KEEP, Console, LogFile, default_log_path, remove_old_logs

if TYPE_CHECKING:
    from loguru import Message

MEGABYTE = 1_000_000

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
        _write(level_of_number(record.levelno), record.name, message, {}, exception)


@dataclass(slots=True, eq=False)
class _Output:
    """One place that lines go to, and what a line looks like there."""

    sink: LogFile | Console
    to_line: Callable[[LogRecord, Ids], str]


@dataclass(slots=True)
class _ActiveLog:
    """What `setup_logging` has started in this process."""

    interceptor: _Interceptor | None = None
    quieted: list[logging.Logger] = field(default_factory=list)
    callers_loguru: int | None = None  # the number of our handler there
    file: LogFile | None = None
    outputs: tuple[_Output, ...] = ()
    lowest: int = LEVELS.index("INFO")
    with_content: bool = False
    on_fault: list[Callable[[BaseException], None]] = field(default_factory=list)
    raise_exceptions: bool = logging.raiseExceptions
    lock: threading.RLock = field(default_factory=threading.RLock)


_active = _ActiveLog()


def _renew_lock() -> None:
    _active.lock = threading.RLock()  # a thread that was writing does not exist in the forked process


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


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
    _active.lowest = lowest
    _intercept_libraries()
    _active.with_content = content
    if colored_console:
        console = Console(sys.stderr)
        _active.outputs = (_Output(console, console.line),)
    try:
        file = LogFile(
            path, rotate_bytes=max(1, rotation_megabytes) * MEGABYTE, keep=retention_files, is_ours=log_file is None
        )
    except OSError as error:
        return f"{no_log_message(path, error.strerror or str(error))} - {LOG_HINT}"
    if log_file is None:
        remove_old_logs(path.parent, time, keep=retention_files)
    _active.file = file
    _active.outputs = (*_active.outputs, _Output(file, json_line if json_format else text_line))
    _listen_to_callers_loguru()
    return None


def stop_logging() -> None:
    """Close the log; lines are dropped until `setup_logging` is called again."""
    if _active.callers_loguru is not None:
        from loguru import logger

        with suppress(ValueError):  # the caller has removed all handlers of the process
            logger.remove(_active.callers_loguru)
        _active.callers_loguru = None
    with _active.lock:
        outputs, _active.outputs, _active.file = _active.outputs, (), None
        for output in outputs:
            output.sink.stop()
    if _active.interceptor is not None:
        logging.getLogger().removeHandler(_active.interceptor)
        while _active.quieted:
            _active.quieted.pop().setLevel(logging.NOTSET)
        logging.captureWarnings(capture=False)
        logging.raiseExceptions = _active.raise_exceptions
        _active.interceptor = None


def set_log_level(level: str | int) -> None:
    """Keep lines of this level and above from now on; ValueError when there is no such level."""
    _active.lowest = LEVELS.index(log_level(level))


def is_logged(level: LogLevel) -> bool:
    """Whether a line of this level would be kept now."""
    return bool(_active.outputs) and LEVELS.index(level) >= _active.lowest


def current_log_file() -> Path | None:
    """Return the file that is being written, None while there is no log."""
    return _active.file.path if _active.file else None


@contextmanager
def listening_for_faults(on_fault: Callable[[BaseException], None]) -> Iterator[None]:
    """Pass every exception that `log` takes at level ERROR, a fault of our own, on to this function during the block."""
    _active.on_fault.append(on_fault)
    try:
        yield
    finally:
        _active.on_fault.remove(on_fault)


def set_correlation_id(correlation_id: object) -> str:
    """Make this the id of what the current task does from now on, and the tasks it starts; return it as text.

    Log lines carry it, and so do runs with their events and requests. An empty one, or None, ends that: every run has
    an id of its own again.
    """
    text = "" if correlation_id is None else str(correlation_id).strip()
    others = {name: value for name, value in _ids.get().items() if name != "correlation_id"}
    _ids.set(MappingProxyType({**others, "correlation_id": text} if text else others))
    return text


def current_correlation_id() -> str:
    """Return the id that was set for the current task; "" if none was."""
    return _ids.get().get("correlation_id", "")


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
    if exception is not None and level == "ERROR":
        for on_fault in tuple(_active.on_fault):
            on_fault(exception)
    if not is_logged(level):
        return
    module = str(sys._getframe(1).f_globals.get("__name__", ""))
    _write(level, module, message, {**fields, **content} if content and _active.with_content else fields, exception)


def _write(
    level: LogLevel,
    logger: str,
    message: str,
    fields: Mapping[str, object],
    exception: BaseException | None,
    *,
    to_console: bool = True,
) -> None:
    if not is_logged(level):
        return
    record = LogRecord(datetime.now(UTC), level, logger, message, fields, exception)
    ids = _ids.get()
    with _active.lock:
        for output in _active.outputs:
            if to_console or isinstance(output.sink, LogFile):
                output.sink.write(f"{output.to_line(record, ids)}\n")


def _listen_to_callers_loguru() -> None:
    from loguru import logger

    _active.callers_loguru = logger.add(
        _take_callers_line,
        level=0,  # `_write` compares the level, so that it can change without closing anything
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
    _write(
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
    _active.interceptor = _Interceptor(logging.WARNING)
    root.addHandler(_active.interceptor)
    for name in NOISY_LIBRARIES:
        library = logging.getLogger(name)
        if library.level == logging.NOTSET:  # else the caller has decided
            library.setLevel(logging.WARNING)
            _active.quieted.append(library)
    logging.captureWarnings(capture=True)
    _active.raise_exceptions = logging.raiseExceptions
    logging.raiseExceptions = False  # a library's faulty log call must not print over the app
