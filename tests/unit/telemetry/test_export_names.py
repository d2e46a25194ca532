"""Which of our metrics OpenTelemetry knows under which name."""

from __future__ import annotations

import pytest

from core.metrics_catalogue import METRICS
from core.telemetry.export.names import otel_series

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"}


@pytest.mark.parametrize(
    ("name", "tags", "otel_name", "unit", "attributes"),
    [
        (
            "llm.request",
            {"agent": "developer", "model": "m", "outcome": "ok"},
            "gen_ai.client.inference.duration",
            "s",
            {**CHAT, "gen_ai.agent.name": "developer", "gen_ai.request.model": "m", "quintet.outcome": "ok"},
        ),
        (
            "llm.request",
            {"outcome": "error"},
            "gen_ai.client.inference.duration",
            "s",
            {**CHAT, "quintet.outcome": "error", "error.type": "_OTHER"},
        ),
        (
            "llm.request",
            {"outcome": "cancelled"},
            "gen_ai.client.inference.duration",
            "s",
            {**CHAT, "quintet.outcome": "cancelled"},
        ),
        ("llm.first_token", {}, "gen_ai.client.inference.time_to_first_chunk", "s", CHAT),
        (
            "llm.tokens",
            {"agent": "developer", "direction": "input", "estimated": "false"},
            "gen_ai.client.inference.usage.input_tokens",
            "{token}",
            {**CHAT, "gen_ai.agent.name": "developer"},
        ),
        (
            "llm.tokens",
            {"direction": "output", "estimated": "false"},
            "gen_ai.client.inference.usage.output_tokens",
            "{token}",
            CHAT,
        ),
        (
            "agent.task",
            {"agent": "developer", "outcome": "failed"},
            "gen_ai.invoke_agent.duration",
            "s",
            {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": "developer",
                "quintet.outcome": "failed",
                "error.type": "_OTHER",
            },
        ),
        (
            "workflow.run",
            {"workflow": "delivery", "outcome": "passed"},
            "gen_ai.invoke_workflow.duration",
            "s",
            {
                "gen_ai.operation.name": "invoke_workflow",
                "gen_ai.workflow.name": "delivery",
                "quintet.outcome": "passed",
            },
        ),
        ("llm.errors", {"kind": "stall"}, "quintet.llm.errors", "{attempt}", {"error.type": "stall"}),
        ("breaker.state", {"endpoint": "h/m"}, "quintet.breaker.state", "1", {"quintet.endpoint": "h/m"}),
        ("process.memory", {}, "quintet.process.memory", "By", {}),
    ],
)
def test_a_series_has_its_name_unit_and_attributes(
    name: str, tags: dict[str, str], otel_name: str, unit: str, attributes: dict[str, str]
) -> None:
    series = otel_series(name, tags)

    assert series is not None
    assert (series.name, series.unit, series.attributes) == (otel_name, unit, attributes)


def test_guessed_tokens_are_not_told() -> None:
    assert otel_series("llm.tokens", {"direction": "input", "estimated": "true"}) is None


def test_every_metric_has_a_name_of_its_own() -> None:
    found = [otel_series(name, {"direction": "input"}) for name in METRICS]

    names = [series.name for series in found if series is not None]
    assert len(names) == len(set(names)) == len(METRICS)
