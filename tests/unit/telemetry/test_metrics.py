"""Metrics: exact numbers over a sliding window, and no name that the catalogue does not know."""

from __future__ import annotations

import ast
import asyncio
import contextvars
import json
import math
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.metrics_catalogue import METRICS
from core.telemetry import metrics
from core.telemetry.metrics.api import EngineMetrics
from core.telemetry.metrics.registry import (
    MAX_OWN_SERIES,
    MAX_SAMPLES,
    MAX_TAG_VALUES,
    OTHER,
    MetricsRecorder,
    NullRegistry,
    Registry,
)
from tests.support.clock import VirtualClock
from tests.support.repository import ROOT

RECORDING = {"increment", "gauge", "timing", "timer_context"}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture(autouse=True)
def registry(clock: VirtualClock) -> Iterator[Registry]:
    registry = Registry(clock)
    with metrics.use_registry(registry):
        yield registry


def test_counters_add_up_per_set_of_tags() -> None:
    metrics.increment("llm.retries", tags={"agent": "developer", "kind": "stall"})
    metrics.increment("llm.retries", tags={"kind": "stall", "agent": "developer"})
    metrics.increment("llm.retries", 3, {"agent": "qa_engineer", "kind": "cut"})

    counters = metrics.get_metrics()["counters"]
    assert {name: count for name, count in counters.items() if count} == {
        "llm.retries{agent=developer,kind=stall}": 2,
        "llm.retries{agent=qa_engineer,kind=cut}": 3,
    }
    assert metrics.total("llm.retries") == 5
    assert metrics.total("llm.retries", kind="stall") == 2


def test_a_gauge_is_its_last_value() -> None:
    metrics.gauge("queue.depth", 4)
    metrics.gauge("queue.depth", 1)

    assert metrics.get_metrics()["gauges"]["queue.depth"] == 1


def test_a_snapshot_is_plain_json_with_the_documented_keys(clock: VirtualClock) -> None:
    metrics.timing("llm.request", 20, {"agent": "a", "outcome": "ok"})
    metrics.timing("llm.request", 10, {"agent": "a", "outcome": "ok"})
    clock.advance(12.5)

    snapshot = metrics.get_metrics()

    assert list(snapshot) == ["counters", "gauges", "histograms", "own", "window_s", "uptime_s"]
    assert snapshot["histograms"] == {
        "llm.request{agent=a,outcome=ok}": {
            "count": 2, "sum": 30, "min": 10, "max": 20, "p50": 10, "p95": 20, "p99": 20,
        }
    }  # fmt: skip
    assert (snapshot["window_s"], snapshot["uptime_s"]) == (300, 12.5)
    assert json.loads(json.dumps(snapshot)) == snapshot


def test_memory_and_processor_time_are_measured_when_somebody_looks() -> None:
    gauges = metrics.get_metrics()["gauges"]

    assert gauges["process.memory"] > 1_000_000
    assert gauges["process.cpu"] >= 0
    assert gauges["process.uptime"] > 0


@given(values=st.lists(st.floats(0, 1e6), min_size=1, max_size=200), q=st.floats(0, 1))
def test_a_quantile_is_a_value_that_occurred_with_enough_values_below(values: list[float], q: float) -> None:
    with metrics.use_registry(Registry(VirtualClock())):
        for value in values:
            metrics.timing("llm.first_token", value)
        (found,) = metrics.quantiles("llm.first_token", [q])

    assert found in values
    assert sum(value <= found for value in values) >= q * len(values) - 1e-9
    assert sum(value < found for value in values) <= q * len(values) or q == 0


def test_percentiles_equal_a_sorted_reference() -> None:
    for value in range(1000, 0, -1):
        metrics.timing("llm.request", value)

    assert metrics.quantiles("llm.request", (0.5, 0.95, 0.99)) == (500, 950, 990)


def test_an_empty_window_has_no_quantiles() -> None:
    assert metrics.quantiles("llm.request", (0.5, 0.95)) == (None, None)


def test_values_leave_the_window_when_they_are_old(clock: VirtualClock) -> None:
    metrics.timing("llm.request", 100)
    metrics.increment("llm.retries")
    clock.advance(299)
    metrics.timing("llm.request", 200)
    assert metrics.quantiles("llm.request", (0.5,)) == (100,)

    clock.advance(2)
    assert metrics.quantiles("llm.request", (0.5,)) == (200,)
    clock.advance(300)

    assert metrics.quantiles("llm.request", (0.5,)) == (None,)
    assert metrics.get_metrics()["histograms"]["llm.request"] == {
        "count": 0, "sum": 0, "min": None, "max": None, "p50": None, "p95": None, "p99": None,
    }  # fmt: skip
    assert metrics.total("llm.retries") == 1


def test_two_looks_at_the_same_window_are_equal_and_a_change_is_seen(clock: VirtualClock) -> None:
    def look() -> Any:
        return metrics.get_metrics()["histograms"]["llm.request"]

    metrics.timing("llm.request", 100)
    first = look()
    assert look() == first
    first["count"] = 99  # a reader's own copy
    assert look()["count"] == 1
    clock.advance(200)
    metrics.timing("llm.request", 300)
    assert (look()["count"], look()["max"]) == (2, 300)
    clock.advance(200)
    assert (look()["count"], look()["min"]) == (1, 300)


def test_a_window_holds_so_many_samples_and_no_more() -> None:
    for value in range(MAX_SAMPLES + 10):
        metrics.timing("llm.request", value)

    assert metrics.quantiles("llm.request", (0.0, 1.0)) == (10, MAX_SAMPLES + 9)


@pytest.mark.parametrize(
    ("outcome", "error"),
    [("ok", None), ("error", KeyError), ("cancelled", asyncio.CancelledError)],
)
def test_a_timer_records_how_its_block_ended(
    clock: VirtualClock, outcome: str, error: type[BaseException] | None
) -> None:
    def timed() -> None:
        with metrics.timer_context("agent.task", {"agent": "developer"}):
            clock.advance(1.5)
            if error is not None:
                raise error

    if error is None:
        timed()
    else:
        with pytest.raises(error):
            timed()

    assert metrics.quantiles("agent.task", (0.5,), outcome=outcome) == (1500,)


def test_a_timer_keeps_an_outcome_that_is_given_and_adds_none_where_there_is_none() -> None:
    with metrics.timer_context("agent.task", {"outcome": "partial"}):
        pass
    with metrics.timer_context("llm.first_token"):
        pass

    assert set(metrics.get_metrics()["histograms"]) == {"agent.task{outcome=partial}", "llm.first_token"}


def test_what_has_counted_nothing_is_there_with_its_zero_unless_that_is_not_known() -> None:
    snapshot = metrics.get_metrics()

    for name in ("llm.requests", "llm.errors", "llm.retries", "alerts.fired", "files.rejected"):
        assert snapshot["counters"][name] == 0
    for name in ("breaker.state", "breaker.open_seconds", "pool.waiting", "queue.depth", "agents.active"):
        assert snapshot["gauges"][name] == 0
    assert "llm.cost" not in snapshot["counters"]
    assert "llm.tokens_per_second" not in snapshot["gauges"]
    assert set(snapshot["counters"]) | set(snapshot["gauges"]) <= set(METRICS)

    metrics.increment("llm.errors", tags={"agent": "developer", "kind": "stall"})
    errors = [name for name in metrics.get_metrics()["counters"] if name.startswith("llm.errors")]
    assert errors == ["llm.errors{agent=developer,kind=stall}"]


def test_names_of_the_callers_own_are_kept_apart() -> None:
    metrics.increment("my.own.thing")
    metrics.increment("my.own.thing", 2)
    metrics.increment("my.own.thing", tags={"any": "tag", "other": "x"})
    metrics.gauge("my.own.thing", -3)
    metrics.timing("ladezeit über alles", 12.5)
    with metrics.timer_context("my.block"):
        pass

    own = metrics.get_metrics()["own"]
    assert own["counters"] == {"my.own.thing": 3, "my.own.thing{any=tag,other=x}": 1}
    assert own["gauges"] == {"my.own.thing": -3}
    assert own["histograms"]["ladezeit über alles"]["p95"] == 12.5
    assert own["histograms"]["my.block"]["count"] == 1
    assert "my.own" not in str({**metrics.get_metrics(), "own": None})


def test_no_exporter_and_no_alert_reads_the_callers_own_names(registry: Registry) -> None:
    before = registry.totals()
    metrics.increment("my.own.thing")
    metrics.increment("llm.request")

    assert registry.totals() == before


def test_only_so_many_names_of_the_callers_own_are_kept() -> None:
    for number in range(MAX_OWN_SERIES + 10):
        metrics.increment(f"request-{number}")
    metrics.increment("request-0")

    counters = metrics.get_metrics()["own"]["counters"]
    assert len(counters) == MAX_OWN_SERIES
    assert counters["request-0"] == 2


def test_the_caller_may_count_under_the_name_of_a_timing_and_changes_nothing_of_it() -> None:
    metrics.timing("llm.request", 20, {"agent": "developer", "outcome": "ok"})
    metrics.increment("llm.request", tags={"agent": "developer"})
    metrics.increment("llm.request", tags={"agent": "developer"})

    snapshot = metrics.get_metrics()
    assert snapshot["counters"]["llm.request{agent=developer}"] == 2
    assert snapshot["counters"]["llm.requests"] == 0  # what Quintet has counted itself
    assert snapshot["histograms"]["llm.request{agent=developer,outcome=ok}"]["count"] == 1
    assert metrics.quantiles("llm.request", (0.5,)) == (20,)


@pytest.mark.parametrize("registry", [Registry(), NullRegistry()])
@pytest.mark.parametrize(
    ("name", "value", "tags", "words"),
    [
        ("", 1, None, "'' is no name of a metric"),
        (None, 1, None, "None is no name"),
        (7, 1, None, "7 is no name"),
        ("my.own", "3", None, "'my.own' cannot take '3' - give it a finite number"),
        ("my.own", None, None, "cannot take None"),
        ("my.own", True, None, "cannot take True"),
        ("my.own", math.nan, None, "cannot take nan"),
        ("my.own", -1, None, "cannot take -1 - a counter takes no negative number"),
        ("my.own", 1, "developer", "cannot take the tags 'developer' - they are a mapping"),
        ("llm.request", 1, {"team": "x"}, "has no tag team - its tags are agent, model, outcome"),
    ],
)
def test_a_mistake_of_the_caller_is_named(
    registry: MetricsRecorder, name: Any, value: Any, tags: Any, words: str
) -> None:
    with metrics.use_registry(registry), pytest.raises(ValueError, match=re.escape(words)):
        metrics.increment(name, value, tags)


def test_two_engines_keep_their_numbers_apart_and_the_process_has_both(clock: VirtualClock) -> None:
    one, other = EngineMetrics(enabled=True, clock=clock), EngineMetrics(enabled=True, clock=clock)
    off = EngineMetrics(enabled=False, clock=clock)
    for engine, retries in ((one, 1), (other, 2), (off, 4)):
        with metrics.record_for_engine(engine):
            metrics.increment("llm.retries", retries)
            metrics.increment("my.own", retries)
            metrics.timing("llm.request", retries)
    metrics.increment("llm.retries", 8)

    assert [engine.total("llm.retries") for engine in (one, other, off)] == [1, 2, 0]
    assert [engine.quantiles("llm.request", (1.0,)) for engine in (one, other, off)] == [(1,), (2,), (None,)]
    assert metrics.total("llm.retries") == 11
    assert metrics.get_metrics()["own"]["counters"] == {"my.own": 3}


def test_the_metrics_of_an_engine_follow_those_of_the_process(clock: VirtualClock) -> None:
    context = contextvars.Context()  # outside of this test's own registry
    wanted, unwanted = (context.run(EngineMetrics, enabled=enabled, clock=clock) for enabled in (True, False))

    def totals() -> list[float]:
        for engine in (wanted, unwanted):
            engine.record("llm.retries", "counter", 1, None)
        return [engine.total("llm.retries") for engine in (wanted, unwanted)]

    try:
        assert totals() == [1, 0]
        metrics.set_metrics_enabled(False)
        assert totals() == [0, 0]
        metrics.set_metrics_enabled(True)
        assert totals() == [1, 1]
    finally:
        metrics.set_metrics_enabled(False)
        metrics.set_metrics_enabled(True)


def test_an_undeclared_tag_or_another_kind_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match=r"'llm.retries' has no tag task_id"):
        metrics.increment("llm.retries", tags={"task_id": "1"})
    with pytest.raises(ValueError, match=r"'llm.retries' is a counter, not a gauge"):
        metrics.gauge("llm.retries", 1)
    with pytest.raises(ValueError, match=r"'llm.nothing'"):
        metrics.quantiles("llm.nothing", (0.5,))


@pytest.mark.parametrize("value", [-1, math.nan, math.inf])
def test_a_counter_takes_no_value_that_would_spoil_its_sum(value: float) -> None:
    with pytest.raises(ValueError, match=r"'llm.retries' cannot take"):
        metrics.increment("llm.retries", value)


def test_a_flood_of_tag_values_ends_up_in_one_series() -> None:
    for number in range(MAX_TAG_VALUES + 30):
        metrics.increment("llm.errors", tags={"kind": f"k{number}"})
    metrics.increment("llm.errors", tags={"kind": "k0"})

    assert metrics.total("llm.errors", kind=OTHER) == 30
    assert metrics.total("llm.errors", kind="k0") == 2
    counters = metrics.get_metrics()["counters"]
    assert len([name for name in counters if name.startswith("llm.errors")]) == MAX_TAG_VALUES + 1


def test_metrics_that_are_off_take_everything_and_keep_nothing() -> None:
    with metrics.use_registry(NullRegistry()):
        metrics.increment("llm.retries", 5)
        metrics.gauge("queue.depth", 5)
        with metrics.timer_context("agent.task"):
            pass

        assert metrics.get_metrics() == {
            "counters": {}, "gauges": {}, "histograms": {}, "own": {"counters": {}, "gauges": {}, "histograms": {}},
            "window_s": 300.0, "uptime_s": 0.0,
        }  # fmt: skip
        assert metrics.quantiles("agent.task", (0.5, 0.9)) == (None, None)
        assert metrics.total("llm.retries") == 0
        with pytest.raises(ValueError, match="no tag team"):
            metrics.increment("llm.retries", tags={"team": "x"})


def test_metrics_of_the_process_can_be_switched_off_and_on() -> None:
    try:
        metrics.set_metrics_enabled(False)
        assert isinstance(metrics.process_registry(), NullRegistry)
    finally:
        metrics.set_metrics_enabled(True)
    registry = metrics.process_registry()
    metrics.set_metrics_enabled(True)

    assert isinstance(registry, Registry)
    assert metrics.process_registry() is registry


def test_threads_lose_no_count(registry: Registry) -> None:
    def count() -> None:
        for _ in range(1000):
            registry.record("llm.retries", "counter", 1, {"agent": "a"})

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert registry.total("llm.retries") == 4000


async def test_tasks_write_to_the_registry_they_were_started_with(registry: Registry) -> None:
    async def work() -> None:
        metrics.increment("llm.retries")

    other = Registry()
    with metrics.use_registry(other):
        task = asyncio.create_task(work())
    with metrics.use_registry(registry):
        await work()
    await task

    assert (other.total("llm.retries"), registry.total("llm.retries")) == (1, 1)


def test_every_metric_in_the_source_is_declared() -> None:
    recorded = {
        call.args[0].value
        for package in ("core", "tui")
        for file in (ROOT / package).rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant)
        if getattr(call.func, "attr", getattr(call.func, "id", "")) in RECORDING
    }

    assert recorded <= set(METRICS)


def test_every_row_of_the_catalogue_says_what_it_means() -> None:
    assert [metric.name for metric in METRICS.values() if not metric.description or not metric.unit] == []
