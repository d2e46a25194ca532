"""The numbers themselves: totals since the start, and an exact sliding window of the last samples of every series."""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypedDict

from core.clock import Clock, SystemClock
from core.metrics_catalogue import METRICS, Metric, MetricKind
from core.telemetry.metrics.series import SeriesKey, SeriesTotals, series_name

WINDOW_SECONDS = 300.0
MAX_SAMPLES = 4096  # per series; older ones leave first
MAX_TAG_VALUES = 50  # per tag key of a metric; a server that invents names must not fill the memory
MAX_OWN_SERIES = 1000  # of names outside the catalogue; a script that puts a number into a name must not fill it either
OTHER = "_other"

Tags = Mapping[str, str]


class TimingSummary(TypedDict):
    """What the window of a timing holds, in milliseconds; None for what an empty window has no value of."""

    count: int
    sum: float
    min: float | None
    max: float | None
    p50: float | None
    p95: float | None
    p99: float | None


class OwnMetrics(TypedDict):
    """What was recorded under names of the caller's own, by the names of the series."""

    counters: dict[str, float]
    gauges: dict[str, float]
    histograms: dict[str, TimingSummary]


class MetricsSnapshot(TypedDict):
    """All metrics as JSON values by the names of their series: "llm.errors{agent=developer,kind=stall}"."""

    counters: dict[str, float]
    gauges: dict[str, float]
    histograms: dict[str, TimingSummary]
    own: OwnMetrics
    window_s: float
    uptime_s: float


class MetricsRecorder(Protocol):
    """What takes measurements: a `Registry` or, when metrics are off, a `NullRegistry`."""

    def monotonic(self) -> float:
        """Return the seconds by which durations are measured."""
        ...

    def record(self, name: str, kind: MetricKind, value: float, tags: Tags | None) -> None:
        """Take one value: the step of a counter, the level of a gauge, the milliseconds of a timing."""
        ...

    def snapshot(self) -> MetricsSnapshot:
        """Return everything; timings as summaries of the window."""
        ...

    def quantiles(self, name: str, qs: Sequence[float], **match: str) -> tuple[float | None, ...]:
        """Return exact quantiles of the window; None for each while it is empty."""
        ...

    def total(self, name: str, **match: str) -> float:
        """Return the sum of all values since the start."""
        ...

    def totals(self) -> Sequence[SeriesTotals]:
        """Return every series of the catalogue with its totals since the start."""
        ...


@dataclass(slots=True)
class _Series:
    bucket_bounds_ms: tuple[float, ...] = ()
    buckets: list[int] = field(default_factory=list)
    count: int = 0
    total: float = 0.0
    last: float = 0.0
    window: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=MAX_SAMPLES))
    # The last summary of the window, and the window's state then: most series do not change between two snapshots.
    summary: TimingSummary | None = None
    summary_of: tuple[int, int] = (-1, -1)

    def forget_before(self, oldest: float) -> None:
        while self.window and self.window[0][0] < oldest:
            self.window.popleft()


class Registry:
    """Keeps series; safe to feed from any thread.

    Names outside the catalogue are the caller's own: they are kept apart, at most `MAX_OWN_SERIES` of them, and no
    exporter and no alert reads them. The caller may also count under the name of a timing, which changes nothing of it.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._started = self._clock.monotonic()
        self._lock = threading.Lock()
        self._series: dict[str, dict[SeriesKey, _Series]] = {}
        self._counted_timings: dict[str, dict[SeriesKey, _Series]] = {}
        self._own: dict[tuple[MetricKind, str], dict[SeriesKey, _Series]] = {}
        self._own_count = 0
        self._tag_values: dict[tuple[str, str], set[str]] = {}

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def record(self, name: str, kind: MetricKind, value: float, tags: Tags | None) -> None:
        tags = tags or {}
        metric = _checked(name, kind, value, tags)
        with self._lock:
            key = tuple((tag, self._capped(name, tag, str(tags[tag]))) for tag in sorted(tags, key=str))
            series = self._own_series(kind, name, key) if metric is None else self._series_of(metric, kind, key)
            if series is None:
                return
            series.count += 1
            series.total += value
            series.last = value
            if series.bucket_bounds_ms:
                series.buckets[bisect_left(series.bucket_bounds_ms, value)] += 1
            series.window.append((self._clock.monotonic(), value))

    def snapshot(self) -> MetricsSnapshot:
        counters = dict.fromkeys(_still_zero("counter", self._series), 0.0)
        gauges = dict.fromkeys(_still_zero("gauge", self._series), 0.0)
        histograms: dict[str, TimingSummary] = {}
        own: OwnMetrics = {"counters": {}, "gauges": {}, "histograms": {}}
        with self._lock:
            oldest = self._oldest()
            for name, by_tags in self._series.items():
                _put(METRICS[name].kind, name, by_tags, oldest, counters, gauges, histograms)
            for name, by_tags in self._counted_timings.items():
                _put("counter", name, by_tags, oldest, counters, gauges, histograms)
            for (kind, name), by_tags in self._own.items():
                _put(kind, name, by_tags, oldest, own["counters"], own["gauges"], own["histograms"])
        return {
            "counters": counters,
            "gauges": gauges,
            "histograms": histograms,
            "own": own,
            "window_s": WINDOW_SECONDS,
            "uptime_s": self._clock.monotonic() - self._started,
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
            known = [
                SeriesTotals(name, key, series.count, series.total, series.last, tuple(series.buckets))
                for name, by_tags in self._series.items()
                for key, series in by_tags.items()
            ]
            zeros = [*_still_zero("counter", self._series), *_still_zero("gauge", self._series)]
            return [*known, *(SeriesTotals(name, (), 0, 0.0, 0.0) for name in zeros)]

    def _series_of(self, metric: Metric, kind: MetricKind, key: SeriesKey) -> _Series:
        by_tags = (self._series if metric.kind == kind else self._counted_timings).setdefault(metric.name, {})
        series = by_tags.get(key)
        if series is None:
            series = by_tags[key] = _new_series(metric) if metric.kind == kind else _Series()
        return series

    def _own_series(self, kind: MetricKind, name: str, key: SeriesKey) -> _Series | None:
        series = self._own.get((kind, name), {}).get(key)
        if series is None and self._own_count < MAX_OWN_SERIES:
            series = self._own.setdefault((kind, name), {})[key] = _Series()
            self._own_count += 1
        return series

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
        return self._clock.monotonic() - WINDOW_SECONDS


class NullRegistry:
    """Takes everything and keeps nothing: ENABLE_METRICS=false."""

    def monotonic(self) -> float:
        return time.monotonic()

    def record(self, name: str, kind: MetricKind, value: float, tags: Tags | None) -> None:
        _checked(name, kind, value, tags or {})  # a mistake shows up whether metrics are on or off

    def snapshot(self) -> MetricsSnapshot:
        return {
            "counters": {},
            "gauges": {},
            "histograms": {},
            "own": {"counters": {}, "gauges": {}, "histograms": {}},
            "window_s": WINDOW_SECONDS,
            "uptime_s": 0.0,
        }

    def quantiles(self, name: str, qs: Sequence[float], **match: str) -> tuple[float | None, ...]:
        del name, match
        return (None,) * len(qs)

    def total(self, name: str, **match: str) -> float:
        del name, match
        return 0.0

    def totals(self) -> Sequence[SeriesTotals]:
        return ()


def _checked(name: object, kind: MetricKind, value: object, tags: object) -> Metric | None:
    """Return the row of a metric, None for a name of the caller's own; raises ValueError for what cannot be recorded."""
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"{name!r} is no name of a metric - give it a text, such as 'my.own.thing'")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"metric {name!r} cannot take {value!r} - give it a finite number")
    if kind != "gauge" and value < 0:
        raise ValueError(f"metric {name!r} cannot take {value!r} - a {kind} takes no negative number")
    if not isinstance(tags, Mapping):
        raise ValueError(  # noqa: TRY004 - every mistake is the same error
            f"metric {name!r} cannot take the tags {tags!r} - they are a mapping, such as {{'agent': 'qa'}}"
        )
    metric = METRICS.get(name)
    if metric is None:
        return None
    if metric.kind != kind and (metric.kind, kind) != ("timing", "counter"):
        raise ValueError(f"metric {name!r} is a {metric.kind}, not a {kind}")
    if not metric.tags.issuperset(tags):
        unknown = ", ".join(sorted(set(map(str, tags)) - metric.tags))
        raise ValueError(
            f"metric {name!r} has no tag {unknown} - its tags are {', '.join(sorted(metric.tags)) or 'none'}"
        )
    return metric


def _still_zero(kind: MetricKind, recorded: Container[str]) -> Iterator[str]:
    """Yield the metrics of a kind that nothing was recorded of, and whose 0 is a fact."""
    for metric in METRICS.values():
        if metric.kind == kind and metric.starts_at_zero and metric.name not in recorded:
            yield metric.name


def _put(
    kind: MetricKind,
    name: str,
    by_tags: Mapping[SeriesKey, _Series],
    oldest: float,
    counters: dict[str, float],
    gauges: dict[str, float],
    histograms: dict[str, TimingSummary],
) -> None:
    for key, series in by_tags.items():
        match kind:
            case "counter":
                counters[series_name(name, key)] = series.total
            case "gauge":
                gauges[series_name(name, key)] = series.last
            case "timing":
                histograms[series_name(name, key)] = _summary(series, oldest)


def _new_series(metric: Metric) -> _Series:
    bounds_ms = tuple(seconds * 1000 for seconds in metric.bucket_bounds_seconds)
    return _Series(bounds_ms, [0] * (len(bounds_ms) + 1) if bounds_ms else [])


def _summary(series: _Series, oldest: float) -> TimingSummary:
    series.forget_before(oldest)
    state = (series.count, len(series.window))
    if series.summary is None or series.summary_of != state:
        series.summary, series.summary_of = _summary_of(sorted(value for _, value in series.window)), state
    return series.summary.copy()


def _summary_of(window: Sequence[float]) -> TimingSummary:
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
