"""Functions that write to, and read from, the current registry of metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from core.clock import Clock
from core.metrics_catalogue import METRICS, MetricKind
from core.telemetry.metrics.process import record_process_gauges
from core.telemetry.metrics.registry import MetricsRecorder, MetricsSnapshot, NullRegistry, Registry, Tags
from core.telemetry.metrics.series import SeriesTotals

_process_wide: MetricsRecorder = Registry()
_scoped: ContextVar[MetricsRecorder | None] = ContextVar("metrics_registry", default=None)
_engines: ContextVar[MetricsRecorder | None] = ContextVar("engines_metrics", default=None)


def increment(name: str, value: float = 1, tags: Tags | None = None) -> None:
    """Add to a counter.

    Names outside core/metrics_catalogue.py are the caller's own. Under the name of a timing, such as llm.request, the
    caller's count stands beside the timing.

    Raises:
        ValueError: a value, a kind or a tag that the metric does not take.
    """
    _recorder().record(name, "counter", value, tags)


def gauge(name: str, value: float, tags: Tags | None = None) -> None:
    """Set the level of a gauge; names and errors as of `increment`."""
    _recorder().record(name, "gauge", value, tags)


def timing(name: str, duration_ms: float, tags: Tags | None = None) -> None:
    """Record one duration in milliseconds; names and errors as of `increment`."""
    _recorder().record(name, "timing", duration_ms, tags)


@contextmanager
def timer_context(name: str, tags: Tags | None = None) -> Iterator[None]:
    """Time a block; where the metric has an `outcome` tag it becomes ok, error or cancelled unless given."""
    clock = _recorder().monotonic
    started = clock()
    outcome = "ok"
    try:
        yield
    except asyncio.CancelledError:
        outcome = "cancelled"
        raise
    except BaseException:
        outcome = "error"
        raise
    finally:
        all_tags = dict(tags or {})
        if name in METRICS and "outcome" in METRICS[name].tags:
            all_tags.setdefault("outcome", outcome)
        timing(name, (clock() - started) * 1000, all_tags)


def quantiles(name: str, qs: Sequence[float], **match: str) -> tuple[float | None, ...]:
    """Return exact quantiles of the sliding window, in the metric's unit; None for each while it is empty."""
    return current_registry().quantiles(name, qs, **match)


def total(name: str, **match: str) -> float:
    """Return what was added since the start; `match` keeps the series with these tag values."""
    return current_registry().total(name, **match)


def get_metrics() -> MetricsSnapshot:
    """Return all metrics of the process, all its engines together, as JSON values.

    These are counters, gauges, histograms (of the window), window_s, uptime_s, and under own what was recorded under
    names outside the catalogue. Series are named "llm.errors{agent=developer,kind=stall}".
    """
    registry = current_registry()
    if not isinstance(registry, NullRegistry):
        record_process_gauges(registry)
    return registry.snapshot()


def current_registry() -> MetricsRecorder:
    """Return the registry of the innermost `use_registry` of this task, else that of the process."""
    return _scoped.get() or _process_wide


def process_registry() -> MetricsRecorder:
    """Return the registry that is current outside of every `use_registry`."""
    return _process_wide


def _recorder() -> MetricsRecorder:
    return _engines.get() or current_registry()


@contextmanager
def record_for_engine(recorder: MetricsRecorder) -> Iterator[None]:
    """Let what is recorded in a block, and in the tasks started in it, count for an engine too; reading is not changed."""
    token = _engines.set(recorder)
    try:
        yield
    finally:
        _engines.reset(token)


def set_metrics_enabled(enabled: bool) -> None:
    """Switch the process's metrics on, empty, or off."""
    global _process_wide  # noqa: PLW0603 - threads do not inherit a ContextVar, and metrics come from all of them
    if enabled != isinstance(_process_wide, Registry):
        _process_wide = Registry() if enabled else NullRegistry()


@contextmanager
def use_registry(registry: MetricsRecorder) -> Iterator[None]:
    """Make a registry the current one for a block and for the tasks started in it."""
    token = _scoped.set(registry)
    try:
        yield
    finally:
        _scoped.reset(token)


class EngineMetrics:
    """Keeps what an engine records, and passes it on to the registry that was current when the engine was made.

    When the metrics of the process are switched off or on, those of the engine follow, and begin anew.

    Args:
        enabled: ENABLE_METRICS of the engine's settings; False keeps nothing and passes nothing on.
        clock: the engine's own.
    """

    def __init__(self, *, enabled: bool, clock: Clock) -> None:
        self._clock = clock
        self._parent = current_registry()
        self._follows_process = self._parent is process_registry()
        self._own: MetricsRecorder = self._new(enabled=enabled)

    def current(self) -> MetricsRecorder:
        """Return the registry that holds the engine's numbers now."""
        if self._follows_process and self._parent is not process_registry():
            self._parent = process_registry()
            self._own = self._new(enabled=True)
        return self._own

    def monotonic(self) -> float:
        return self._own.monotonic()

    def record(self, name: str, kind: MetricKind, value: float, tags: Tags | None) -> None:
        own = self.current()
        own.record(name, kind, value, tags)
        if isinstance(own, Registry):
            self._parent.record(name, kind, value, tags)

    def snapshot(self) -> MetricsSnapshot:
        return self.current().snapshot()

    def quantiles(self, name: str, qs: Sequence[float], **match: str) -> tuple[float | None, ...]:
        return self.current().quantiles(name, qs, **match)

    def total(self, name: str, **match: str) -> float:
        return self.current().total(name, **match)

    def totals(self) -> Sequence[SeriesTotals]:
        return self.current().totals()

    def _new(self, *, enabled: bool) -> MetricsRecorder:
        return Registry(self._clock) if enabled and isinstance(self._parent, Registry) else NullRegistry()
