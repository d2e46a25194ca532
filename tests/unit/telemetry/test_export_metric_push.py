"""Reports of metrics: each tells what was added, none loses anything, and a failed one is made up for."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    Sum,
)
from opentelemetry.sdk.resources import Resource

from core.telemetry.export.metric_push import MetricPush
from core.telemetry.metrics.registry import MetricsRecorder, NullRegistry, Registry
from tests.support.clock import VirtualClock

ONLY_AT_THE_END = 3600.0
OFTEN = 0.005


class KeptReports(MetricExporter):
    """Keeps what it is given; answers what the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: list[dict[str, Metric]] = []
        self.arrived: list[dict[str, Metric]] = []
        self.answer = MetricExportResult.SUCCESS
        self.is_shut_down = False
        self._came = threading.Condition()

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        [resource] = metrics_data.resource_metrics
        with self._came:
            self.reports.append({metric.name: metric for metric in resource.scope_metrics[0].metrics})
            if self.answer is MetricExportResult.SUCCESS:
                self.arrived.append(self.reports[-1])
            self._came.notify_all()
            return self.answer

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        self.is_shut_down = True

    def until(self, condition: Callable[[], bool]) -> None:
        with self._came:
            assert self._came.wait_for(condition, timeout=30)

    def sums(self, name: str) -> list[float]:
        """Return the values of a counter in all reports that arrived and tell it."""
        found = [report[name].data for report in self.arrived if name in report]
        return [point.value for data in found if isinstance(data, Sum) for point in data.data_points]


@dataclass
class Harness:
    """A push under test, and both of its ends."""

    exporter: KeptReports = field(default_factory=KeptReports)
    clock: VirtualClock = field(default_factory=VirtualClock)
    registry: MetricsRecorder = field(default_factory=Registry)
    pushes: list[MetricPush] = field(default_factory=list)

    def start(self, *, is_delta: bool = True, interval_seconds: float = ONLY_AT_THE_END) -> MetricPush:
        push = MetricPush(
            self.exporter,
            lambda: self.registry,
            Resource({}),
            is_delta=is_delta,
            interval_seconds=interval_seconds,
            clock=self.clock,
        )
        self.pushes.append(push)
        return push

    def count(self, steps: float = 1) -> None:
        self.registry.record("llm.retries", "counter", steps, {"agent": "a"})


@pytest.fixture
def harness() -> Iterator[Harness]:
    harness = Harness()
    yield harness
    for push in harness.pushes:
        push.close()


RETRIES = "quintet.llm.retries"


def test_the_end_brings_what_no_report_has_told_yet(harness: Harness) -> None:
    push = harness.start()
    harness.count(3)

    push.close()

    assert harness.exporter.sums(RETRIES) == [3]
    assert harness.exporter.is_shut_down


def test_what_was_recorded_before_the_start_is_not_told(harness: Harness) -> None:
    harness.count(7)
    push = harness.start()
    harness.count(2)

    push.close()

    assert harness.exporter.sums(RETRIES) == [2]


def test_delta_reports_add_up_to_the_whole(harness: Harness) -> None:
    push = harness.start(interval_seconds=OFTEN)
    for reports in range(1, 6):
        harness.count(reports)
        harness.exporter.until(functools.partial(lambda wanted: len(harness.exporter.sums(RETRIES)) == wanted, reports))

    push.close()

    assert sum(harness.exporter.sums(RETRIES)) == 15
    assert len(harness.exporter.sums(RETRIES)) == 5  # a report in which nothing happened does not tell the counter


def test_a_report_that_did_not_arrive_is_part_of_the_next(harness: Harness) -> None:
    harness.exporter.answer = MetricExportResult.FAILURE
    push = harness.start(interval_seconds=OFTEN)
    harness.count(4)
    harness.exporter.until(lambda: any(RETRIES in report for report in harness.exporter.reports))
    harness.exporter.answer = MetricExportResult.SUCCESS
    harness.count(1)

    push.close()

    assert sum(harness.exporter.sums(RETRIES)) == 5


def test_cumulative_reports_repeat_the_whole(harness: Harness) -> None:
    push = harness.start(is_delta=False, interval_seconds=OFTEN)
    harness.count(2)
    harness.exporter.until(lambda: 2 in harness.exporter.sums(RETRIES))
    harness.count(3)

    push.close()

    assert harness.exporter.sums(RETRIES)[-1] == 5


def test_metrics_that_were_switched_off_and_on_begin_anew(harness: Harness) -> None:
    push = harness.start(is_delta=False)
    harness.count(9)
    harness.registry = Registry()
    harness.count(1)

    push.close()

    assert harness.exporter.sums(RETRIES) == [1]


def test_nothing_is_sent_while_metrics_are_off(harness: Harness) -> None:
    harness.registry = NullRegistry()

    harness.start().close()

    assert harness.exporter.reports == []


def test_a_report_names_its_period_and_its_kinds(harness: Harness) -> None:
    push = harness.start()
    harness.registry.record("llm.request", "timing", 1500.0, {"agent": "a", "model": "m", "outcome": "ok"})
    harness.registry.record("llm.request", "timing", 90_000.0, {"agent": "a", "model": "m", "outcome": "ok"})
    harness.registry.record("queue.depth", "gauge", 2, None)
    harness.clock.advance(60)

    push.close()

    [report] = harness.exporter.reports
    duration, depth = report["gen_ai.client.inference.duration"], report["quintet.queue.depth"]
    assert isinstance(duration.data, Histogram)
    assert isinstance(depth.data, Gauge)
    [point] = duration.data.data_points
    assert duration.data.aggregation_temporality is AggregationTemporality.DELTA
    assert (point.count, point.sum, duration.unit) == (2, 91.5, "s")
    assert [count for count in point.bucket_counts if count] == [1, 1]
    assert point.bucket_counts[-1] == 1  # above the last bound
    assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
    assert point.time_unix_nano - point.start_time_unix_nano == 60_000_000_000
    assert [level.value for level in depth.data.data_points] == [2]


def test_a_fault_of_an_exporter_does_not_end_the_reports(harness: Harness) -> None:
    class FaultyAtFirst(KeptReports):
        def export(
            self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
        ) -> MetricExportResult:
            super().export(metrics_data)
            if len(self.reports) == 1:
                raise RuntimeError("out of order")
            return MetricExportResult.SUCCESS

    harness.exporter = FaultyAtFirst()
    push = harness.start(interval_seconds=OFTEN)
    harness.count(1)

    harness.exporter.until(lambda: len(harness.exporter.reports) >= 2)
    push.close()

    assert harness.exporter.sums(RETRIES)[:1] == [1]
