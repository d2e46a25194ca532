"""Writes the lines of the log, with ids and without secrets: those of our own code, and each event at level DEBUG."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from core.events import (
    AlertFired,
    AlertResolved,
    AttemptFailed,
    BudgetReached,
    CallCancelled,
    CallFailed,
    CallFinished,
    Event,
    ReasoningReceived,
    RunFinished,
    RunStarted,
    TokensReceived,
    event_to_json,
)
from core.kinds import LogLevel
from core.log_levels import LEVELS
from core.telemetry.logs.line import ID_NAMES, Ids, LogRecord
from core.telemetry.logs.sinks import Console, LogFile

_TOO_MANY = (TokensReceived, ReasoningReceived)
# These have lines of a higher level, where they come from.
_LOGGED_ELSEWHERE = (
    RunStarted,
    RunFinished,
    CallFinished,
    CallFailed,
    CallCancelled,
    AlertFired,
    AlertResolved,
    BudgetReached,
)
_WORDS = frozenset({"task", "text", "partial", "report"})

_ids: ContextVar[Ids] = ContextVar("log_ids", default=MappingProxyType({}))


@dataclass(slots=True, eq=False)
class Output:
    """One place that lines go to, and what a line looks like there."""

    sink: LogFile | Console
    to_line: Callable[[LogRecord, Ids], str]


@dataclass(slots=True)
class ActiveLog:
    """What `setup_logging` has started in this process."""

    interceptor: logging.Handler | None = None
    quieted: list[logging.Logger] = field(default_factory=list)
    callers_loguru: int | None = None  # the number of our handler there
    file: LogFile | None = None
    outputs: tuple[Output, ...] = ()
    lowest: int = LEVELS.index("INFO")
    with_content: bool = False
    on_fault: list[Callable[[BaseException], None]] = field(default_factory=list)
    raise_exceptions: bool = logging.raiseExceptions
    lock: threading.RLock = field(default_factory=threading.RLock)


active = ActiveLog()


def _renew_lock() -> None:
    active.lock = threading.RLock()  # a thread that was writing does not exist in the forked process


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def is_logged(level: LogLevel) -> bool:
    """Whether a line of this level would be kept now."""
    return bool(active.outputs) and LEVELS.index(level) >= active.lowest


@contextmanager
def listening_for_faults(on_fault: Callable[[BaseException], None]) -> Iterator[None]:
    """Pass every exception that `log` takes at level ERROR, a fault of our own, on to this function during the block."""
    active.on_fault.append(on_fault)
    try:
        yield
    finally:
        active.on_fault.remove(on_fault)


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
        for on_fault in tuple(active.on_fault):
            on_fault(exception)
    if not is_logged(level):
        return
    module = str(sys._getframe(1).f_globals.get("__name__", ""))
    write(level, module, message, {**fields, **content} if content and active.with_content else fields, exception)


def log_event(event: Event) -> None:
    """Write the line of an event, if lines of level DEBUG are kept."""
    if isinstance(event, _TOO_MANY) or not is_logged("DEBUG") or isinstance(event, _LOGGED_ELSEWHERE):
        return
    values = event_to_json(event)
    message = str(values.pop("type")).replace("_", " ")
    at = values.pop("at")
    if isinstance(event, AttemptFailed):
        # "attempt failed" is the line of the fault; this one is about what comes of it.
        message = "attempt decided"
        values["decision"] = f"retry in {event.wait_seconds:.2f} s" if event.will_retry else "no further attempt here"
    for moment, left in (("until", "left_seconds"), ("retry_at", "retry_in_seconds")):
        if isinstance(values.get(moment), float):  # on a clock that tells a reader nothing
            values[left] = round(values.pop(moment) - at, 3)
    values = {name: value for name, value in values.items() if value != "" or name not in ID_NAMES}
    content = {name: values.pop(name) for name in [*values] if name in _WORDS}
    log("DEBUG", message, content=content, **values)


def write(
    level: LogLevel,
    logger: str,
    message: str,
    fields: Mapping[str, object],
    exception: BaseException | None,
    *,
    to_console: bool = True,
) -> None:
    """Give a line to the outputs, if lines of this level are kept."""
    if not is_logged(level):
        return
    record = LogRecord(datetime.now(UTC), level, logger, message, fields, exception)
    ids = _ids.get()
    with active.lock:
        for output in active.outputs:
            if to_console or isinstance(output.sink, LogFile):
                output.sink.write(f"{output.to_line(record, ids)}\n")
