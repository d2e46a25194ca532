"""The numbers themselves: totals since the start, and an exact sliding window of the last samples of every series."""

from __future__ import annotations

import math
import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.clock import Clock, SystemClock
from core.metrics_catalogue import METRICS, Metric, MetricKind, declared_metric
from core.telemetry.metrics.recorder import WINDOW_SECONDS, SeriesKey, SeriesTotals, Tags

MAX_SAMPLES = 4096  # per series; older ones leave first
MAX_TAG_VALUES = 50  # per tag key of a metric; a server that invents names must not fill the memory
OTHER = "_other"


Reading = dict[str, float | int | None]


@dataclass(slots=True)
class _Series:
    bounds: tuple[float, ...] = ()  # of the buckets, in milliseconds
    buckets: list[int] = field(default_factory=list)
    count: int = 0
    total: float = 0.0
    last: float = 0.0
    window: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=MAX_SAMPLES))
    # What was last read of the window, and the state it had: most series stay as they are from one look to the next.
    reading: Reading = field(default_factory=dict)
    read: tuple[int, int] = (-1, -1)

    def forget_before(self, oldest: float) -> None:
        while self.window and self.window[0][0] < oldest:
            self.window.popleft()


class Registry:
    """Keeps every series of one process; safe to feed from any thread."""

    def __init__(self, clock: Clock | None = None, *, window_seconds: float = WINDOW_SECONDS) -> None:
        self._clock = clock or SystemClock()
        self._window_seconds = window_seconds
        self._started = self._clock.monotonic()
        self._lock = threading.Lock()
        self._series: dict[str, dict[SeriesKey, _Series]] = {}
        self._tag_values: dict[tuple[str, str], set[str]] = {}

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def record(self, name: str, kind: MetricKind, value: float, tags: Tags | None) -> None:
        tags = tags or {}
        metric = declared_metric(name, kind, frozenset(tags))
        if not math.isfinite(value) or (kind == "counter" and value < 0):
            raise ValueError(f"metric {name!r} cannot take {value!r}")
        with self._lock:
            key = tuple((tag, self._capped(name, tag, str(tags[tag]))) for tag in sorted(tags))
            by_tags = self._series.setdefault(name, {})
            series = by_tags.get(key)
            if series is None:
                series = by_tags[key] = _new_series(metric)
            series.count += 1
            series.total += value
            series.last = value
            if series.bounds:
                series.buckets[bisect_left(series.bounds, value)] += 1
            series.window.append((self._clock.monotonic(), value))

    def snapshot(self) -> dict[str, Any]:
        with self._lock:
            kinds: dict[str, dict[str, Any]] = {"counter": {}, "gauge": {}, "timing": {}}
            oldest = self._oldest()
            for name, by_tags in self._series.items():
                kind = METRICS[name].kind
                for key, series in by_tags.items():
                    kinds[kind][_series_name(name, key)] = _reading(kind, series, oldest)
            return {
                "counters": kinds["counter"],
                "gauges": kinds["gauge"],
                "histograms": kinds["timing"],
                "window_s": self._window_seconds,
                "uptime_s": self._uptime(),
            }

    def quantiles(self, name: str, qs: Sequence[float], **match: str) -> tuple[float | None, ...]:
        with self._lock:
            ordered = sorted(self._window(name, match))
        return tuple(_quantile(ordered, q) for q in qs)

    def total(self, name: str, **match: str) -> float:
        with self._lock:
            return sum(series.total for series in self._matching(name, match))

    def totals(self) -> Sequence[SeriesTotals]:
        with self._lock:
            return [
                SeriesTotals(name, key, series.count, series.total, series.last, tuple(series.buckets))
                for name, by_tags in self._series.items()
                for key, series in by_tags.items()
            ]

    def _window(self, name: str, match: Tags) -> Iterator[float]:
        oldest = self._oldest()
        for series in self._matching(name, match):
            series.forget_before(oldest)
            yield from (value for _, value in series.window)

    def _matching(self, name: str, match: Tags) -> list[_Series]:
        if name not in METRICS:
            raise ValueError(f"metric {name!r} is not in core/metrics_catalogue.py")
        wanted = set(match.items())
        return [series for key, series in self._series.get(name, {}).items() if wanted <= set(key)]

    def _capped(self, name: str, tag: str, value: str) -> str:
        seen = self._tag_values.setdefault((name, tag), set())
        if value in seen:
            return value
        if len(seen) >= MAX_TAG_VALUES:
            return OTHER
        seen.add(value)
        return value

    def _oldest(self) -> float:
        return self._clock.monotonic() - self._window_seconds

    def _uptime(self) -> float:
        return self._clock.monotonic() - self._started


def _new_series(metric: Metric) -> _Series:
    bounds = tuple(seconds * 1000 for seconds in metric.bucket_bounds_seconds)
    return _Series(bounds, [0] * (len(bounds) + 1) if bounds else [])


def _series_name(name: str, key: SeriesKey) -> str:
    return name if not key else name + "{" + ",".join(f"{tag}={value}" for tag, value in key) + "}"


def _reading(kind: MetricKind, series: _Series, oldest: float) -> float | Reading:
    if kind == "counter":
        return series.total
    if kind == "gauge":
        return series.last
    series.forget_before(oldest)
    state = (series.count, len(series.window))
    if series.read != state:
        series.read, series.reading = state, _summary(sorted(value for _, value in series.window))
    return dict(series.reading)


def _summary(window: Sequence[float]) -> Reading:
    return {
        "count": len(window),
        "sum": math.fsum(window),
        "min": window[0] if window else None,
        "max": window[-1] if window else None,
        "p50": _quantile(window, 0.50),
        "p95": _quantile(window, 0.95),
        "p99": _quantile(window, 0.99),
    }


def _quantile(ordered: Sequence[float], q: float) -> float | None:
    """Return a value that really occurred; an empty window has none, and 0 would be a lie."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)]
