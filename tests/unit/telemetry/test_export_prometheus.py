"""The page for Prometheus: it parses, says nothing twice, and its numbers are those of the metrics."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from core.metrics_catalogue import METRICS, MetricKind
from core.telemetry.export.prometheus import TotalsCollector
from core.telemetry.metrics.registry import Registry

Step = tuple[str, MetricKind, dict[str, str], float]


def page(registry: Registry) -> str:
    collectors = CollectorRegistry()
    collectors.register(TotalsCollector(lambda: registry))
    return generate_latest(collectors).decode()


def families(registry: Registry) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(page(registry))}


@st.composite
def steps(draw: st.DrawFn) -> Step:
    metric = draw(st.sampled_from(list(METRICS.values())))
    words = st.sampled_from(["", "a", "b", 'quo"te', "back\\slash", "new\nline", "ü"])
    tags = {tag: draw(words) for tag in sorted(metric.tags) if draw(st.booleans())}
    return metric.name, metric.kind, tags, draw(st.floats(0, 1e6))


@given(st.lists(steps(), max_size=30))
def test_any_page_parses_and_says_nothing_twice(recorded: list[Step]) -> None:
    registry = Registry()
    for name, kind, tags, value in recorded:
        registry.record(name, kind, value, tags)

    found = families(registry)

    samples = [(sample.name, *sorted(sample.labels.items())) for family in found.values() for sample in family.samples]
    assert len(samples) == len(set(samples))
    counts = Counter(name for name, kind, _, _ in recorded if kind == "timing")
    for name, count in counts.items():
        flat = f"{name.replace('.', '_')}_seconds"
        assert sum(sample.value for sample in found[flat].samples if sample.name == f"{flat}_count") == count


def test_names_kinds_and_units_are_prometheus_own() -> None:
    registry = Registry()
    registry.record("llm.requests", "counter", 2, {"agent": "developer", "model": "m", "outcome": "ok"})
    registry.record("llm.request", "timing", 1500.0, {"agent": "developer", "model": "m", "outcome": "ok"})
    registry.record("queue.depth", "gauge", 3, None)

    lines = page(registry).splitlines()

    labels = 'agent="developer",model="m",outcome="ok"'
    assert f"llm_requests_total{{{labels}}} 2.0" in lines
    bucket = 'llm_request_seconds_bucket{agent="developer",le="%s",model="m",outcome="ok"}'
    assert [f"{bucket % end} {count}" in lines for end, count in (("1.28", 0.0), ("2.56", 1.0), ("+Inf", 1.0))] == [
        True
    ] * 3
    assert f"llm_request_seconds_sum{{{labels}}} 1.5" in lines
    assert "queue_depth 3.0" in lines


def test_no_two_metrics_share_a_name() -> None:
    registry = Registry()
    for metric in METRICS.values():
        registry.record(metric.name, metric.kind, 1, None)

    names = [line.split()[2] for line in page(registry).splitlines() if line.startswith("# TYPE")]

    assert len(names) == len(set(names)) == len(METRICS)


def test_reading_twice_gives_the_same_counts() -> None:
    registry = Registry()
    registry.record("llm.retries", "counter", 1, {"agent": "a"})

    first, again = (families(registry)["llm_retries"].samples for _ in range(2))

    assert first == again
