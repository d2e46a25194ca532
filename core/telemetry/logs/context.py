"""The ids that every log line of a task carries, without being passed from call to call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

ID_NAMES = ("correlation_id", "agent_id", "task_id", "workflow_id")

_ids: ContextVar[Mapping[str, str]] = ContextVar("log_ids", default=MappingProxyType({}))


def current_ids() -> Mapping[str, str]:
    """Return the ids of this task; tasks and threads started by it inherit them."""
    return _ids.get()


def set_correlation_id(correlation_id: str) -> str:
    """Put this id on all further log lines of the current task and of those it starts; return it."""
    _ids.set(MappingProxyType({**_ids.get(), "correlation_id": correlation_id}))
    return correlation_id


@contextmanager
def log_ids(**ids: str) -> Iterator[None]:
    """Put agent_id, task_id, workflow_id or correlation_id on the log lines of a block."""
    unknown = set(ids) - set(ID_NAMES)
    if unknown:
        raise ValueError(f"no log line has {', '.join(sorted(unknown))} - the ids are {', '.join(ID_NAMES)}")
    token = _ids.set(MappingProxyType({**_ids.get(), **ids}))
    try:
        yield
    finally:
        _ids.reset(token)
