"""The numbers of one engine: they count for the process too, and no other engine of it sees them."""

from __future__ import annotations

from collections.abc import Sequence

from core.clock import Clock
from core.metrics_catalogue import MetricKind
from core.telemetry.metrics.api import current_registry, process_registry
from core.telemetry.metrics.registry import MetricsRecorder, MetricsSnapshot, NullRegistry, Registry, Tags
from core.telemetry.metrics.series import SeriesTotals


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
