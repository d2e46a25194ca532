"""Every metric, one row each: recording, alerts, exporters and the documentation read this table.

In our own code a name without a row is a programming error; other names belong to the caller of the stable API.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

MetricKind = Literal["counter", "gauge", "timing"]
AlertUnit = Literal["share", "seconds", "count", "bytes", "USD"]
OtelOperation = Literal["chat", "invoke_agent", "invoke_workflow"]

CALL_BUCKETS_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
# As OpenTelemetry's GenAI conventions advise; agents and workflows take longer than calls.
AGENT_BUCKETS_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
WORKFLOW_BUCKETS_SECONDS = (1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One row.

    Alerts may watch what a counter grew by in the last five minutes, percentiles of a timing in that time, and the
    highest of a gauge's series.

    Attributes:
        name: as it is recorded; Prometheus has it with `_` for `.`.
        tags: the only tag keys that may be given.
        unit: of the values; timings are recorded in milliseconds.
        description: what is measured, for exporters and for the list of what alerts may watch.
        alert_description: what alerts watch of it, where that is not all of it.
        alert_outcomes: values of the tag `outcome` that alerts look at, of a timing at most one; empty means all.
        alert_extremes: for a gauge of which the lowest and the highest series may be watched: what each of them is.
        otel_name: the name in OpenTelemetry's GenAI conventions, in which a tag may stand in braces; empty where they
            have none, and it is `quintet.` and our name.
        otel_operation: the operation that the conventions put beside it.
        bucket_bounds_seconds: of a timing; the upper ends of the buckets, each included. One more takes the rest.
    """

    name: str
    kind: MetricKind
    tags: frozenset[str]
    unit: str
    description: str
    alert_description: str = ""
    alert_outcomes: frozenset[str] = frozenset()
    alert_extremes: tuple[str, str] | None = None
    otel_name: str = ""
    otel_operation: OtelOperation | None = None
    bucket_bounds_seconds: tuple[float, ...] = ()

    @property
    def starts_at_zero(self) -> bool:
        """Whether it is known to be 0 before anything was recorded: a cost, a speed and a memory are not."""
        match self.kind:
            case "counter":
                return self.unit != "USD"
            case "gauge":
                return self.alert_extremes is None and not self.name.startswith("process.")
            case "timing":
                return False


@dataclass(frozen=True, slots=True)
class CallRate:
    """What a counter grew by for each call that ended in the last five minutes; only alerts watch it.

    Attributes:
        counter: the metric that is counted; of it, with `outcome`, the series with this value of the tag.
        highest: the most that the rate can be.
    """

    name: str
    description: str
    counter: str
    outcome: str = ""
    highest: float = 1.0


@dataclass(frozen=True, slots=True)
class AlertNumber:
    """One number that alerts may watch; `unit` is what a limit for it is given in."""

    unit: AlertUnit
    description: str
    highest: float = math.inf


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# fmt: off
_ROWS = (
    Metric("llm.requests", "counter", _words("agent model outcome"), "calls",
           "calls that ended: ok, error or cancelled",
           alert_description="calls that were answered or failed", alert_outcomes=_words("ok error")),
    Metric("llm.errors", "counter", _words("agent kind"), "attempts", "attempts that failed"),
    Metric("llm.timeouts", "counter", _words("agent kind"), "attempts", "attempts that ended at a time limit"),
    Metric("llm.retries", "counter", _words("agent kind"), "attempts", "attempts made again"),
    Metric("llm.context_truncations", "counter", _words("agent"), "calls",
           "prompts that were cut to fit the context window"),
    Metric("llm.continuations", "counter", _words("agent"), "requests",
           "requests that went on with an answer cut off at its length"),
    Metric("llm.fallbacks", "counter", _words("agent kind"), "calls", "changes to another endpoint"),
    Metric("llm.tokens", "counter", _words("agent direction estimated"), "tokens", "tokens sent and received",
           otel_name="gen_ai.client.inference.usage.{direction}_tokens", otel_operation="chat"),
    Metric("llm.cost", "counter", _words("agent model"), "USD", "price of the calls, as far as it is known"),
    Metric("cache.hit", "counter", frozenset(), "calls", "calls answered from the response cache"),
    Metric("cache.miss", "counter", frozenset(), "calls", "calls that the response cache could not answer"),
    Metric("breaker.transitions", "counter", _words("endpoint to"), "changes", "changes of breakers' states"),
    Metric("agent.tasks_started", "counter", _words("agent"), "tasks", "tasks that agents began"),
    Metric("agent.tasks_ended", "counter", _words("agent outcome"), "tasks", "tasks that ended, well or badly"),
    Metric("workflow.runs_started", "counter", _words("workflow"), "runs", "runs that began"),
    Metric("workflow.runs_ended", "counter", _words("workflow outcome"), "runs", "runs that ended, well or badly"),
    Metric("files.written", "counter", _words("agent"), "files", "files written to the output folder"),
    Metric("files.rejected", "counter", _words("agent"), "files", "files of answers that were refused"),
    Metric("alerts.fired", "counter", _words("name"), "alerts", "alerts that began to fire"),
    # Alerts look at calls that were answered: one that fails at once must not make the answers look fast.
    Metric("llm.request", "timing", _words("agent model outcome"), "ms", "a whole call, all its attempts together, without its waits",
           otel_name="gen_ai.client.inference.duration", otel_operation="chat", bucket_bounds_seconds=CALL_BUCKETS_SECONDS,
           alert_description="a call that was answered, all its attempts together, without its waits", alert_outcomes=_words("ok")),
    Metric("llm.first_token", "timing", _words("agent model"), "ms", "from sending a request to its first token",
           otel_name="gen_ai.client.inference.time_to_first_chunk", otel_operation="chat",
           bucket_bounds_seconds=CALL_BUCKETS_SECONDS),
    Metric("agent.task", "timing", _words("agent outcome"), "ms", "one task of one agent",
           otel_name="gen_ai.invoke_agent.duration", otel_operation="invoke_agent",
           bucket_bounds_seconds=AGENT_BUCKETS_SECONDS),
    Metric("workflow.run", "timing", _words("workflow outcome"), "ms", "a whole run",
           otel_name="gen_ai.invoke_workflow.duration", otel_operation="invoke_workflow",
           bucket_bounds_seconds=WORKFLOW_BUCKETS_SECONDS),
    Metric("breaker.open_seconds", "gauge", _words("endpoint"), "seconds",
           "time since a breaker was last closed; 0 when it is",
           alert_description="how long the breaker that has been open longest is open"),
    Metric("breaker.state", "gauge", _words("endpoint"), "0-2", "0 closed, 1 half-open, 2 open",
           alert_description="worst state of a breaker: 0 closed, 1 half-open, 2 open"),
    Metric("llm.tokens_per_second", "gauge", _words("agent model"), "tokens",
           "speed of the last answer from its first token on",
           alert_extremes=("speed of the slowest agent's last answer", "speed of the fastest agent's last answer")),
    Metric("pool.size", "gauge", frozenset(), "clients", "clients in the pool"),
    Metric("pool.healthy", "gauge", frozenset(), "clients", "clients in the pool whose last requests did not all fail"),
    Metric("pool.waiting", "gauge", frozenset(), "requests", "requests that wait for a connection"),
    Metric("pool.in_flight", "gauge", frozenset(), "calls", "calls that hold a client"),
    Metric("queue.depth", "gauge", frozenset(), "calls", "calls that wait for their turn"),
    Metric("agents.active", "gauge", frozenset(), "agents", "agents that work"),
    Metric("tasks.active", "gauge", frozenset(), "tasks", "tasks that are under way"),
    Metric("process.memory", "gauge", frozenset(), "bytes", "memory of Quintet"),
    Metric("process.cpu", "gauge", frozenset(), "percent", "processor time of Quintet in percent of one core"),
    Metric("process.uptime", "gauge", frozenset(), "seconds", "time since Quintet was started"),
)

RATES = (
    CallRate("llm.error_rate", "calls that failed, of those that ended", "llm.requests", "error"),
    CallRate("llm.success_rate", "calls that were answered, of those that ended", "llm.requests", "ok"),
    CallRate("llm.retry_rate", "attempts made again, for each call that ended", "llm.retries", highest=100.0),
    CallRate("llm.truncation_rate", "prompts that were cut, for each call that ended", "llm.context_truncations"),
)
# fmt: on

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ROWS}
CALLS_ENDED = "llm.requests"  # what a rate is a share of, and what alerts count as samples
QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


def percentile_name(timing: str, quantile: str) -> str:
    """Return the name of a percentile: "llm.first_token.p95_seconds"."""
    return f"{timing}.{quantile}_seconds"


def extreme_names(gauge: str) -> tuple[str, str]:
    """Return the names of the lowest and the highest series of a gauge with `alert_extremes`."""
    return f"{gauge}.lowest", f"{gauge}.highest"


def _alert_numbers() -> Iterator[tuple[str, AlertNumber]]:
    for rate in RATES:
        yield rate.name, AlertNumber("share", f"{rate.description}, in the last five minutes", rate.highest)
    for metric in METRICS.values():
        description = metric.alert_description or metric.description
        match metric.kind:
            case "counter":
                yield metric.name, AlertNumber(_alert_unit(metric), f"{description} in the last five minutes")
            case "timing":
                for quantile in QUANTILES:
                    words = f"{description}: {quantile[1:]} of 100 in the last five minutes were no longer"
                    yield percentile_name(metric.name, quantile), AlertNumber("seconds", words)
            case "gauge" if metric.alert_extremes is not None:
                for name, extreme in zip(extreme_names(metric.name), metric.alert_extremes, strict=True):
                    yield name, AlertNumber(_alert_unit(metric), f"{extreme}, now")
            case "gauge":
                yield metric.name, AlertNumber(_alert_unit(metric), f"{description}, now")


def _alert_unit(metric: Metric) -> AlertUnit:
    match metric.unit:
        case "seconds" | "bytes" | "USD" as unit:
            return unit
        case _:
            return "count"


ALERT_NUMBERS: dict[str, AlertNumber] = dict(_alert_numbers())
