"""What exporters read: totals that agree with the metrics, buckets that hold every duration, and no secret."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from core.metrics_catalogue import METRICS
from core.telemetry.export.totals import read_totals
from core.telemetry.metrics.registry import NullRegistry, Registry
from core.telemetry.metrics.series import SeriesTotals
from core.text.redaction import MASK, register_secret

DURATIONS = st.floats(0, 1e8, allow_nan=False)


def series_of(registry: Registry, name: str) -> list[SeriesTotals]:
    return [series for series in read_totals(registry) if series.name == name]


@given(st.lists(DURATIONS, min_size=1, max_size=50))
def test_every_duration_is_in_the_bucket_it_belongs_to(durations_ms: list[float]) -> None:
    registry = Registry()
    for duration in durations_ms:
        registry.record("agent.task", "timing", duration, None)

    [series] = series_of(registry, "agent.task")
    assert series.count == sum(series.buckets) == len(durations_ms)
    for bound, up_to_it in zip(METRICS["agent.task"].bucket_bounds_seconds, accumulate(series.buckets), strict=False):
        assert up_to_it == sum(duration <= bound * 1000 for duration in durations_ms)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=30))
def test_totals_are_those_of_the_metrics(steps: list[tuple[str, int]]) -> None:
    registry = Registry()
    expected: Counter[str] = Counter()
    for agent, step in steps:
        registry.record("llm.retries", "counter", step, {"agent": agent})
        expected[agent] += step

    totals = {dict(series.tags).get("agent", ""): series.total for series in series_of(registry, "llm.retries")}
    assert totals == (expected or {"": 0})
    assert registry.total("llm.retries") == sum(expected.values())


def test_old_samples_leave_the_window_but_not_the_totals() -> None:
    registry = Registry()
    for _ in range(5000):
        registry.record("llm.request", "timing", 1.0, None)

    [series] = series_of(registry, "llm.request")
    assert (series.count, series.total) == (5000, 5000.0)


def test_only_timings_have_buckets() -> None:
    registry = Registry()
    registry.record("queue.depth", "gauge", 3, None)

    assert series_of(registry, "queue.depth") == [SeriesTotals("queue.depth", (), 1, 3.0, 3.0, ())]


def test_series_that_differ_in_a_secret_only_become_one() -> None:
    register_secret("first-secret-1")
    register_secret("other-secret-2")
    registry = Registry()
    for model, duration in (("first-secret-1", 10.0), ("other-secret-2", 30.0)):
        registry.record("llm.request", "timing", duration, {"model": model})

    [series] = series_of(registry, "llm.request")
    assert series.tags == (("model", MASK),)
    assert (series.count, series.total, sum(series.buckets)) == (2, 40.0, 2)


def test_a_tag_without_a_value_is_no_tag() -> None:
    registry = Registry()
    registry.record("llm.retries", "counter", 1, {"agent": "a", "kind": ""})
    registry.record("llm.retries", "counter", 1, {"agent": "a"})

    assert [(series.tags, series.total) for series in series_of(registry, "llm.retries")] == [((("agent", "a"),), 2)]


def test_memory_and_processor_time_are_measured_when_they_are_read() -> None:
    [memory] = series_of(Registry(), "process.memory")

    assert memory.last > 1_000_000


def test_there_is_nothing_to_read_when_metrics_are_off() -> None:
    assert read_totals(NullRegistry()) == []


def test_the_buckets_of_every_timing_grow() -> None:
    for metric in METRICS.values():
        bounds = metric.bucket_bounds_seconds
        assert bool(bounds) is (metric.kind == "timing")
        assert list(bounds) == sorted(set(bounds))
