"""Sends the metrics to an OTLP server every minute, and once more at the end, from a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from core.clock import Clock
from core.metrics_catalogue import METRICS
from core.telemetry.export.names import OtelSeries, otel_series
from core.telemetry.export.totals import read_totals
from core.telemetry.logs import log
from core.telemetry.metrics.registry import MetricsRecorder
from core.telemetry.metrics.series import SeriesKey, SeriesTotals

_Baseline = Mapping[tuple[str, SeriesKey], SeriesTotals]


@dataclass(frozen=True, slots=True)
class _Period:
    """What a report covers; times are nanoseconds of the wall clock."""

    started: int
    ended: int
    temporality: AggregationTemporality


class MetricPush:
    """Reads totals, and sends what was added: since its start, or with `is_delta` since the last report that arrived.

    What was recorded before is left out: another `MetricPush` of this process may have sent it.
    """

    def __init__(
        self,
        exporter: MetricExporter,
        recorder: Callable[[], MetricsRecorder],
        resource: Resource,
        *,
        is_delta: bool,
        interval_seconds: float,
        clock: Clock,
    ) -> None:
        self._exporter = exporter
        self._recorder = recorder
        self._resource = resource
        self._is_delta = is_delta
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._closing = threading.Event()
        self._known = recorder()
        self._baseline = _by_key(read_totals(self._known))
        self._since = self._nanoseconds()
        self._thread = threading.Thread(target=self._run, name="metrics push", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Send the rest and end; returns when that is done or has failed."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._closing.wait(self._interval_seconds)
            try:
                self._push()
            except Exception as error:  # noqa: BLE001 - the outer edge of this thread: the next report may be better
                log("WARNING", "metrics could not be sent", exception=error)
        self._exporter.shutdown()

    def _push(self) -> None:
        recorder = self._recorder()
        if recorder is not self._known:  # metrics were switched off and on: counting began anew
            self._known, self._baseline, self._since = recorder, {}, self._nanoseconds()
        totals = read_totals(recorder)
        temporality = AggregationTemporality.DELTA if self._is_delta else AggregationTemporality.CUMULATIVE
        period = _Period(self._since, self._nanoseconds(), temporality)
        metrics = to_metrics([_since(series, self._baseline) for series in totals], period)
        if not metrics:
            return
        scope = ScopeMetrics(InstrumentationScope("quintet"), metrics, "")
        sent = self._exporter.export(MetricsData([ResourceMetrics(self._resource, [scope], "")]))
        if self._is_delta and sent is MetricExportResult.SUCCESS:
            self._baseline, self._since = _by_key(totals), period.ended

    def _nanoseconds(self) -> int:
        return int(self._clock.now().timestamp() * 1e9)


def to_metrics(totals: Sequence[SeriesTotals], period: _Period) -> list[Metric]:
    """Return totals as OTLP's metrics; counters and timings to which nothing was added are left out."""
    named: dict[tuple[str, str], list[tuple[SeriesTotals, OtelSeries]]] = {}
    for series in totals:
        otel = otel_series(series.name, dict(series.tags))
        if otel is not None and (series.count or METRICS[series.name].kind == "gauge"):
            named.setdefault((otel.name, series.name), []).append((series, otel))
    return [_metric(name, ours, series, period) for (name, ours), series in named.items()]


def _metric(name: str, ours: str, series: list[tuple[SeriesTotals, OtelSeries]], period: _Period) -> Metric:
    declared = METRICS[ours]
    data: Sum | Gauge | Histogram
    match declared.kind:
        case "counter":
            data = Sum(
                [_number(one.total, otel, period) for one, otel in series], period.temporality, is_monotonic=True
            )
        case "gauge":
            data = Gauge([_number(one.last, otel, period) for one, otel in series])
        case "timing":
            data = Histogram([_histogram(one, otel, period) for one, otel in series], period.temporality)
    return Metric(name, declared.description, series[0][1].unit, data)


def _number(value: float, otel: OtelSeries, period: _Period) -> NumberDataPoint:
    return NumberDataPoint(dict(otel.attributes), period.started, period.ended, value)


def _histogram(series: SeriesTotals, otel: OtelSeries, period: _Period) -> HistogramDataPoint:
    return HistogramDataPoint(
        attributes=dict(otel.attributes),
        start_time_unix_nano=period.started,
        time_unix_nano=period.ended,
        count=series.count,
        sum=series.total / 1000,
        bucket_counts=series.buckets,
        explicit_bounds=METRICS[series.name].bucket_bounds_seconds,
        min=None,  # type: ignore[arg-type]  # not known of a period; the encoder leaves it out
        max=None,  # type: ignore[arg-type]  # as above
    )


def _since(series: SeriesTotals, baseline: _Baseline) -> SeriesTotals:
    before = baseline.get((series.name, series.tags))
    if before is None:
        return series
    return replace(
        series,
        count=series.count - before.count,
        total=series.total - before.total,
        buckets=tuple(now - then for now, then in zip(series.buckets, before.buckets, strict=True)),
    )


def _by_key(totals: Sequence[SeriesTotals]) -> _Baseline:
    return {(series.name, series.tags): series for series in totals}
