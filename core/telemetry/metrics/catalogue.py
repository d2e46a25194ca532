"""Every metric Quintet may record: one row each; a name or a tag that is not here is a programming error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MetricKind = Literal["counter", "gauge", "timing"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One row: timings are recorded in milliseconds; `tags` are the only tag keys that may be given."""

    name: str
    kind: MetricKind
    tags: frozenset[str]
    unit: str
    meaning: str


def _row(name: str, kind: MetricKind, tags: str, unit: str, meaning: str) -> Metric:
    return Metric(name, kind, frozenset(tags.split()), unit, meaning)


_ROWS = (
    _row("llm.requests", "counter", "agent model outcome", "calls", "calls that ended: ok, error or cancelled"),
    _row("llm.errors", "counter", "agent kind", "attempts", "failed attempts by kind of fault"),
    _row("llm.timeouts", "counter", "agent kind", "attempts", "failed attempts that ended at a time limit"),
    _row("llm.retries", "counter", "agent kind", "attempts", "attempts made again after a fault"),
    _row("llm.context_truncations", "counter", "agent", "calls", "prompts that were cut to fit the context window"),
    _row(
        "llm.continuations",
        "counter",
        "agent",
        "requests",
        "requests that went on with an answer cut off at its length",
    ),
    _row(
        "llm.fallbacks", "counter", "agent kind", "calls", "changes to another endpoint by the fault that caused them"
    ),
    _row("cache.hit", "counter", "", "calls", "calls answered from the response cache"),
    _row("cache.miss", "counter", "", "calls", "calls that the response cache could not answer"),
    _row("llm.request", "timing", "agent model outcome", "ms", "a whole call, all its attempts together"),
    _row("llm.first_token", "timing", "agent model", "ms", "from sending a request to its first token"),
    _row("llm.tokens", "counter", "agent direction estimated", "tokens", "tokens sent (input) and received (output)"),
    _row("llm.tokens_per_second", "gauge", "agent model", "tokens", "speed of the last answer from its first token on"),
    _row("llm.cost", "counter", "agent model", "USD", "price of the calls, as far as it is known"),
    _row("breaker.state", "gauge", "endpoint", "0-2", "0 closed, 1 half-open, 2 open"),
    _row("breaker.transitions", "counter", "endpoint to", "changes", "changes of a breaker's state"),
    _row("breaker.open_seconds", "gauge", "endpoint", "seconds", "time since a breaker was last closed; 0 when it is"),
    _row("pool.size", "gauge", "", "clients", "clients in the pool"),
    _row("pool.healthy", "gauge", "", "clients", "clients in the pool whose last requests did not all fail"),
    _row("pool.waiting", "gauge", "", "requests", "requests that wait for a connection of the pool"),
    _row("pool.in_flight", "gauge", "", "calls", "calls that hold a client now"),
    _row("queue.depth", "gauge", "", "calls", "calls that wait for their turn"),
    _row("agents.active", "gauge", "", "agents", "agents that work now"),
    _row("tasks.active", "gauge", "", "tasks", "tasks of agents that are under way"),
    _row("agent.tasks_started", "counter", "agent", "tasks", "tasks that agents have begun"),
    _row(
        "agent.tasks_ended",
        "counter",
        "agent outcome",
        "tasks",
        "tasks that ended: ok, partial, failed, skipped or cancelled",
    ),
    _row("agent.task", "timing", "agent outcome", "ms", "one task of one agent"),
    _row("workflow.runs_started", "counter", "workflow", "runs", "runs that have begun"),
    _row("workflow.runs_ended", "counter", "workflow outcome", "runs", "runs that ended: passed, failed or cancelled"),
    _row("workflow.run", "timing", "workflow outcome", "ms", "a whole run"),
    _row("files.written", "counter", "agent", "files", "files written to the output folder"),
    _row("files.rejected", "counter", "agent", "files", "files of an answer that were refused"),
    _row("alerts.fired", "counter", "name", "alerts", "alerts that began to fire"),
    _row("process.memory", "gauge", "", "bytes", "resident memory of this process"),
    _row("process.cpu", "gauge", "", "percent", "processor time of this process since the last look; 100 is one core"),
    _row("process.uptime", "gauge", "", "seconds", "time since this process was started"),
)

CATALOGUE: dict[str, Metric] = {metric.name: metric for metric in _ROWS}


def declared(name: str, kind: MetricKind, tags: frozenset[str]) -> Metric:
    """Return the row of a metric; raises ValueError when name, kind or a tag is not declared."""
    metric = CATALOGUE.get(name)
    if metric is None:
        raise ValueError(f"metric {name!r} is not in core/telemetry/metrics/catalogue.py - add a row for it")
    if metric.kind != kind:
        raise ValueError(f"metric {name!r} is a {metric.kind}, not a {kind}")
    if not tags <= metric.tags:
        unknown = ", ".join(sorted(tags - metric.tags))
        raise ValueError(
            f"metric {name!r} has no tag {unknown} - its row in core/telemetry/metrics/catalogue.py lists them"
        )
    return metric
