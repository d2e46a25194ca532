"""What takes measurements, and the one that takes them and keeps nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from core.metrics_catalogue import MetricKind, declared_metric

WINDOW_SECONDS = 300.0

Tags = Mapping[str, str]
SeriesKey = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SeriesTotals:
    """One series since the start.

    `total` is the sum of all values, of a timing in milliseconds; `buckets` are the numbers of durations between the
    metric's bucket bounds, not added up; empty unless it is a timing.
    """

    name: str
    tags: SeriesKey
    count: int
    total: float
    last: float
    buckets: tuple[int, ...] = ()


class Recorder(Protocol):
    """What takes measurements; a `Registry` or, when metrics are off, a `NullRegistry`."""

    def monotonic(self) -> float:
        """Return the seconds by which durations are measured."""
        ...

    def record(self, name: str, kind: MetricKind, value: float, tags: Tags | None) -> None:
        """Take one value: the step of a counter, the level of a gauge, the milliseconds of a timing."""
        ...

    def snapshot(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        ...

    def quantiles(self, name: str, qs: Sequence[float], **match: str) -> tuple[float | None, ...]:
        """Return exact quantiles of the window; None for each while it is empty."""
        ...

    def total(self, name: str, **match: str) -> float:
        """Return the sum of all values since the start."""
        ...

    def totals(self) -> Sequence[SeriesTotals]:
        """Return every series with its totals since the start."""
        ...


class NullRegistry:
    """Takes everything and keeps nothing: ENABLE_METRICS=false."""

    def monotonic(self) -> float:
        return time.monotonic()

    def record(self, name: str, kind: MetricKind, value: float, tags: Tags | None) -> None:
        del value
        # A wrong name shows up whether metrics are on or off.
        declared_metric(name, kind, frozenset(tags or {}))

    def snapshot(self) -> dict[str, Any]:
        return {"counters": {}, "gauges": {}, "histograms": {}, "window_s": WINDOW_SECONDS, "uptime_s": 0.0}

    def quantiles(self, name: str, qs: Sequence[float], **match: str) -> tuple[float | None, ...]:
        del name, match
        return (None,) * len(qs)

    def total(self, name: str, **match: str) -> float:
        del name, match
        return 0.0

    def totals(self) -> Sequence[SeriesTotals]:
        return ()
