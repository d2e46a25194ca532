"""OpenTelemetry's GenAI names as we use them: one table, because the conventions are still in motion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.metrics_catalogue import METRICS

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
AGENT_NAME = "gen_ai.agent.name"
WORKFLOW_NAME = "gen_ai.workflow.name"
CONVERSATION_ID = "gen_ai.conversation.id"
REQUEST_MODEL = "gen_ai.request.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
COMPACTED = "gen_ai.conversation.compacted"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
ERROR_TYPE = "error.type"
OTHER_ERROR = "_OTHER"

CHAT = "chat"
INVOKE_AGENT = "invoke_agent"
INVOKE_WORKFLOW = "invoke_workflow"
PROVIDER_NAME = "openai"  # for every server with its protocol; server.address says which one

# The conventions have no names for these.
CORRELATION_ID = "quintet.correlation_id"
RUN_ID = "quintet.run_id"
TASK_ID = "quintet.task_id"
CALL_ID = "quintet.call_id"
ATTEMPT = "quintet.attempt"
FALLBACK = "quintet.fallback"
CACHED = "quintet.cached"
STEP = "quintet.step"
ROUND = "quintet.round"
OUTCOME = "quintet.outcome"
VERDICT = "quintet.verdict"


@dataclass(frozen=True, slots=True)
class OtelSeries:
    """The name, unit and attributes of a series in OpenTelemetry."""

    name: str
    unit: str
    attributes: Mapping[str, str]


_TAGS = {"agent": AGENT_NAME, "model": REQUEST_MODEL, "workflow": WORKFLOW_NAME, "kind": ERROR_TYPE, "outcome": OUTCOME}
_UNITS = {"ms": "s", "seconds": "s", "bytes": "By", "percent": "%", "USD": "USD", "0-2": "1"}
_FAILED = frozenset({"error", "failed"})


def otel_series(name: str, tags: Mapping[str, str]) -> OtelSeries | None:
    """Return the name of a series; None for estimated token counts, which the conventions forbid to report."""
    if tags.get("estimated") == "true":
        return None
    metric = METRICS[name]
    attributes: dict[str, str] = {}
    if metric.otel_operation is not None:
        attributes[OPERATION] = metric.otel_operation
    if metric.otel_operation == CHAT:
        attributes[PROVIDER] = PROVIDER_NAME
    for tag, value in tags.items():
        if tag != "estimated" and f"{{{tag}}}" not in metric.otel_name:
            attributes[_TAGS.get(tag, f"quintet.{tag}")] = value
    if tags.get("outcome") in _FAILED:
        attributes[ERROR_TYPE] = OTHER_ERROR  # the kinds of fault are counted by llm.errors
    otel_name = metric.otel_name.format_map({tag: tags.get(tag, "") for tag in metric.tags}) or f"quintet.{name}"
    return OtelSeries(otel_name, _unit(metric.unit), attributes)


def _unit(unit: str) -> str:
    return _UNITS.get(unit) or "{" + unit.removesuffix("s") + "}"
