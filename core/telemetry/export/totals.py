"""The totals that all exporters read: without secrets, and no series twice."""

from __future__ import annotations

from core.telemetry.metrics.process import record_process_gauges
from core.telemetry.metrics.registry import MetricsRecorder
from core.telemetry.metrics.series import SeriesKey, SeriesTotals
from core.text.redaction import redact


def read_totals(recorder: MetricsRecorder) -> list[SeriesTotals]:
    """Return the totals of all series, those of the process measured now.

    Series that cannot be told apart any more once their tags are masked are added up.
    """
    record_process_gauges(recorder)
    safe: dict[str, str] = {}
    merged: dict[tuple[str, SeriesKey], SeriesTotals] = {}
    for series in recorder.totals():
        # Prometheus makes no difference between an empty tag and none.
        tags = tuple((tag, _masked(value, safe)) for tag, value in series.tags if value)
        known = merged.get((series.name, tags))
        merged[series.name, tags] = _named(series, tags) if known is None else _added(known, series)
    return list(merged.values())


def _masked(value: str, safe: dict[str, str]) -> str:
    """Return a value without secrets; values repeat often, so each is masked once."""
    if value not in safe:
        safe[value] = redact(value)
    return safe[value]


def _named(series: SeriesTotals, tags: SeriesKey) -> SeriesTotals:
    return SeriesTotals(series.name, tags, series.count, series.total, series.last, series.buckets)


def _added(one: SeriesTotals, other: SeriesTotals) -> SeriesTotals:
    buckets = tuple(first + second for first, second in zip(one.buckets, other.buckets, strict=True))
    return SeriesTotals(one.name, one.tags, one.count + other.count, one.total + other.total, other.last, buckets)
