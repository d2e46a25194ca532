"""The numbers an alert may be set on: what is counted, timed and levelled while an engine lives, and what follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Unit = Literal["share", "seconds", "count", "bytes", "USD"]


@dataclass(frozen=True, slots=True)
class AlertNumber:
    """One number; `unit` is what a limit for it is given in."""

    unit: Unit
    meaning: str


QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}

RATES = {
    "llm.error_rate": "calls that failed, of those that ended",
    "llm.success_rate": "calls that were answered, of those that ended",
    "llm.retry_rate": "attempts made again, for each call that ended",
    "llm.truncation_rate": "prompts that were cut, for each call that ended",
}
COUNTED = {
    "llm.requests": "calls that were answered or failed",
    "llm.errors": "attempts that failed",
    "llm.timeouts": "attempts that ended at a time limit",
    "llm.retries": "attempts made again",
    "llm.context_truncations": "prompts that were cut to fit the context window",
    "llm.continuations": "requests that went on with an answer cut off at its length",
    "llm.fallbacks": "changes to another endpoint",
    "llm.tokens": "tokens sent and received",
    "llm.cost": "price of the calls, as far as it is known",
    "cache.hit": "calls answered from the response cache",
    "cache.miss": "calls that the response cache could not answer",
    "breaker.transitions": "changes of breakers' states",
    "agent.tasks_started": "tasks that agents began",
    "agent.tasks_ended": "tasks that ended, well or badly",
    "workflow.runs_started": "runs that began",
    "workflow.runs_ended": "runs that ended, well or badly",
    "files.written": "files written to the output folder",
    "files.rejected": "files of answers that were refused",
    "alerts.fired": "alerts that began to fire",
}
TIMED = {
    "llm.request": "a call that was answered, all its attempts together",
    "llm.first_token": "from sending a request to its first token",
    "agent.task": "one task of one agent",
    "workflow.run": "a whole run",
}
LEVELS: dict[str, tuple[Unit, str]] = {
    "breaker.open_seconds": ("seconds", "how long the breaker that has been open longest is open"),
    "breaker.state": ("count", "worst state of a breaker: 0 closed, 1 half-open, 2 open"),
    "llm.tokens_per_second.lowest": ("count", "speed of the slowest agent's last answer"),
    "llm.tokens_per_second.highest": ("count", "speed of the fastest agent's last answer"),
    "pool.size": ("count", "clients in the pool"),
    "pool.healthy": ("count", "clients in the pool whose last requests did not all fail"),
    "pool.waiting": ("count", "requests that wait for a connection"),
    "pool.in_flight": ("count", "calls that hold a client"),
    "queue.depth": ("count", "calls that wait for their turn"),
    "agents.active": ("count", "agents that work"),
    "tasks.active": ("count", "tasks that are under way"),
    "process.memory": ("bytes", "memory of Quintet"),
    "process.cpu": ("count", "processor time of Quintet in percent of one core"),
    "process.uptime": ("seconds", "time since Quintet was started"),
}


def quantile_name(timing: str, quantile: str) -> str:
    """Return the name of a percentile: "llm.first_token.p95_seconds"."""
    return f"{timing}.{quantile}_seconds"


def _numbers() -> Iterator[tuple[str, AlertNumber]]:
    for name, meaning in RATES.items():
        yield name, AlertNumber("share", f"{meaning}, in the last five minutes")
    for name, meaning in COUNTED.items():
        yield name, AlertNumber("USD" if name == "llm.cost" else "count", f"{meaning} in the last five minutes")
    for name, meaning in TIMED.items():
        for quantile in QUANTILES:
            words = f"{meaning}: {quantile[1:]} of 100 in the last five minutes were no longer"
            yield quantile_name(name, quantile), AlertNumber("seconds", words)
    for name, (unit, meaning) in LEVELS.items():
        yield name, AlertNumber(unit, f"{meaning}, now")


NUMBERS = dict(_numbers())
