"""The one door to logs: lines with ids go to a file, secrets never do, and nothing ever reaches the terminal."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Literal

from core.clock import Clock, SystemClock
from core.telemetry.log_context import log_ids, set_correlation_id
from core.telemetry.log_file import LogFile, default_log_path, remove_old_logs

__all__ = ["current_log_file", "log", "log_ids", "set_correlation_id", "setup_logging", "stop_logging"]

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

# These log every request, with its whole address, at INFO.
NOISY_LIBRARIES = ("httpx2", "httpcore2", "httpx", "httpcore", "openai", "urllib3", "asyncio", "langgraph", "langsmith")


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
    raise_exceptions = logging.raiseExceptions


def setup_logging(
    *,
    level: str = "INFO",
    json_format: bool = True,
    log_file: Path | None = None,
    clock: Clock | None = None,
) -> str | None:
    """Start logging to a file of this process in the user's log folder, or to `log_file`.

    Returns a warning, and logs nothing, if the file cannot be written; the app works without a log. May be called
    again, for example with another level.
    """
    from loguru import logger

    from core.telemetry.log_line import HIDDEN, json_line, text_line

    stop_logging()
    time = clock or SystemClock()
    path = log_file or default_log_path(time)
    _intercept_libraries()
    try:
        file = LogFile(path)
    except OSError as error:
        reason = error.strerror or str(error)
        return f"no log is written: {path} cannot be opened ({reason}) - set LOG_FILE to a file you may write"
    if log_file is None:
        remove_old_logs(path.parent, time)
    to_line = json_line if json_format else text_line

    def add_line(record: Any) -> None:  # loguru's record, typed in its stub only
        record["extra"][HIDDEN] = to_line(record)

    # loguru takes a callable's answer for the template; user text is only ever put in as a value.
    logger.configure(patcher=add_line)
    logger.add(
        file,
        level=level.upper(),
        format=lambda _record: f"{{extra[{HIDDEN}]}}\n",
        colorize=False,
        backtrace=False,
        diagnose=False,
        enqueue=False,
        catch=False,  # loguru would report a failure on the terminal; the file never fails
    )
    _State.file = file
    return None


def stop_logging() -> None:
    """Close the log; lines are dropped until `setup_logging` is called again."""
    from loguru import logger

    logger.remove()
    _State.file = None
    if _State.interceptor is not None:
        logging.getLogger().removeHandler(_State.interceptor)
        logging.captureWarnings(capture=False)
        logging.raiseExceptions = _State.raise_exceptions
        _State.interceptor = None


def current_log_file() -> Path | None:
    """Return the file that is being written, None while there is no log."""
    return _State.file.path if _State.file else None


def log(
    level: Level,
    message: str,
    /,
    *,
    exception: BaseException | None = None,
    **fields: object,
) -> None:
    """Write one line: what happened as a short fixed message, the facts as fields (`attempt=2`).

    The fields agent_id, task_id, workflow_id, correlation_id and duration_ms get keys of their own. Does nothing
    before `setup_logging`. No prompts and answers above DEBUG.
    """
    _write(level, message, fields, exception, depth=2)


def _write(
    level: str, message: str, fields: dict[str, Any], exception: BaseException | None, *, depth: int = 1
) -> None:
    if _State.file is None:
        return
    from loguru import logger

    logger.bind(**fields).opt(depth=depth, exception=exception).log(level, message)


def _intercept_libraries() -> None:
    root = logging.getLogger()
    _State.interceptor = _Interceptor(logging.WARNING)
    root.addHandler(_State.interceptor)
    for name in NOISY_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    _State.raise_exceptions = logging.raiseExceptions
    logging.raiseExceptions = False  # a library's faulty log call must not print over the app


def _level_name(number: int) -> str:
    if number >= logging.ERROR:
        return "ERROR"
    return "WARNING" if number >= logging.WARNING else "INFO"
