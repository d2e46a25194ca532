"""Where the buckets of durations end: for readers that keep totals and no single values."""

from __future__ import annotations

CALL_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)

# As OpenTelemetry's GenAI conventions advise; agents and workflows take longer than calls.
_BY_NAME = {
    "agent.task": (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6),
    "workflow.run": (1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0),
}


def bucket_bounds(name: str) -> tuple[float, ...]:
    """Return the upper ends of the buckets of a timing in seconds, each included; one more bucket takes the rest."""
    return _BY_NAME.get(name, CALL_SECONDS)
