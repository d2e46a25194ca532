"""What a busy session has measured, and a log of it: fixed, for the dashboard and the log screen."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.state.status import BreakerStatus, EngineStatus
from core.telemetry.metrics import get_metrics, quantiles, use_registry
from core.telemetry.metrics.registry import Registry
from tests.support.clock import VirtualClock
from tests.support.tui.scripted_run import IN_THE_MIDDLE, NOW, breaker_closes, breaker_opens
from tui.widgets.dashboard.session_history import DashboardData, SessionHistory

NAMES = {
    "business_analyst": "BA",
    "developer": "DEV",
    "qa_engineer": "QA",
    "devops_engineer": "OPS",
    "technical_writer": "DOC",
}
MODEL_NAME = "[red]odd[/], model=x}{"
POOL: dict[str, Any] = {
    "active_clients": 2,
    "total_requests": 34,
    "success_rate": 0.79,
    "clients": {
        "127.0.0.1:8080": {
            "requests": 26,
            "successes": 24,
            "failures": 2,
            "in_flight": 2,
            "age_seconds": 605.0,
            "latency": 1.234,
            "healthy": True,
        },
        "gateway.example.com/team/[b]42[/b]": {
            "requests": 8,
            "successes": 0,
            "failures": 8,
            "in_flight": 0,
            "age_seconds": 59.0,
            "latency": None,
            "healthy": False,
        },
    },
}
CID = "c0ffee0000000001"


def busy_registry() -> Registry:
    """Return 20 calls of which 2 failed, with tasks, retries, faults, and the levels of the process."""
    clock = VirtualClock(start=0.0)
    registry = Registry(clock)
    clock.advance(240.0)

    def count(name: str, number: float, **tags: str) -> None:
        registry.record(name, "counter", number, tags)

    for index in range(20):
        agent = list(NAMES)[index % 5]
        outcome = "error" if index in (3, 8) else "ok"
        tags = {"agent": agent, "model": MODEL_NAME, "outcome": outcome}
        registry.record("llm.request", "timing", 400.0 + 100 * index, tags)
        count("llm.requests", 1, **tags)
        registry.record("llm.first_token", "timing", 100.0 + 10 * index, {"agent": agent, "model": MODEL_NAME})
    for agent, seconds in (("business_analyst", 5.5), ("developer", 8.0), ("developer", 61.0), ("qa_engineer", 33.0)):
        registry.record("agent.task", "timing", seconds * 1000, {"agent": agent, "outcome": "ok"})
    for outcome, number in (("ok", 4), ("partial", 1), ("failed", 1), ("cancelled", 2)):
        count("agent.tasks_ended", number, agent="developer", outcome=outcome)
    for kind, number in (("server", 5), ("stall", 2), ("rate_limit", 1)):
        count("llm.errors", number, agent="qa_engineer", kind=kind)
    count("llm.retries", 6, agent="qa_engineer", kind="server")
    count("llm.context_truncations", 1, agent="developer")
    count("cache.hit", 3)
    count("cache.miss", 9)
    registry.record("process.memory", "gauge", 123_400_000, {})
    registry.record("process.cpu", "gauge", 37.4, {})
    return registry


def busy_history() -> SessionHistory:
    """Return ten minutes of a session whose middle was silent."""
    history = SessionHistory()
    requests, failed_attempts = 0, 0
    for second in range(600):
        if 250 <= second < 330:
            continue
        requests += second % 7 == 0
        failed_attempts += second % 50 == 0 and second > 300
        latency = replace(IN_THE_MIDDLE.latency, p95_seconds=1.0 + second / 300 if second > 60 else None)
        speed = 30.0 + second % 40 if second > 100 else 0.0
        status = replace(
            IN_THE_MIDDLE,
            requests=requests,
            failed_attempts=failed_attempts,
            latency=latency,
            tokens_per_second=speed,
        )
        history.take(status, NOW - 600 + second)
    history.follow(breaker_opens(NOW - 125))
    history.follow(breaker_closes(NOW - 95))
    history.follow(breaker_opens(NOW - 1))
    return history


def busy_data(status: EngineStatus = IN_THE_MIDDLE) -> DashboardData:
    """Return a moment of that session, with names that look like markup."""
    status = replace(
        status,
        breakers=(*status.breakers, BreakerStatus("gateway.example.com/[b]Qwen3[/b]", "closed", 2, 5)),
    )
    with use_registry(busy_registry()):
        metrics = get_metrics()
        first_token = quantiles("llm.first_token", (0.5, 0.95, 0.99))
        all_tasks = quantiles("agent.task", (0.5, 0.95, 0.99))
        tasks = {agent: quantiles("agent.task", (0.5, 0.95), agent=agent) for agent in NAMES}
    metrics["gauges"] |= {"process.memory": 123_400_000.0, "process.cpu": 37.4}  # not those of the test's process
    return DashboardData(
        NOW,
        busy_history(),
        NAMES,
        status,
        metrics=metrics,
        pool=POOL,
        first_token=first_token,
        all_tasks=all_tasks,
        tasks=tasks,
    )


def log_line(number: int, **fields: object) -> dict[str, object]:
    line: dict[str, object] = {
        "timestamp": f"2026-11-22T12:{number // 60 % 60:02}:{number % 60:02}.000Z",
        "level": "INFO",
        "logger": "core.llm.caller",
        "message": f"call {number} ended",
        "correlation_id": CID,
        "agent_id": "developer",
        "task_id": "code",
        "workflow_id": "delivery",
        "duration_ms": 1234.5,
        "extra": {"outcome": "ok", "attempts": 1},
    }
    return line | fields


def write_log(path: Path, lines: Iterable[dict[str, object]]) -> Path:
    """Append lines to a log."""
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    return path
