"""The alerts that Quintet knows, one row each: when it fires and ends, its severity and its message."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, assert_never, get_args

from core.kinds import AlertSeverity
from core.metrics_catalogue import ALERT_NUMBERS, CALLS_ENDED, AlertUnit

SEVERITIES: tuple[AlertSeverity, ...] = get_args(AlertSeverity)  # the most severe first
_PLACES = re.compile(r"\{(?:value|limit|subject)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """Fires while a number is beyond its threshold.

    Attributes:
        metric: the number, by its name in `ALERT_NUMBERS`.
        local_metric: the number that is compared instead when the model runs on this machine or its network.
        beyond: on which side of the threshold the alert fires.
        clear: the value at which it ends; None means the threshold.
        for_seconds: how long its condition has to hold before it fires.
        keep_seconds: how long it stays after its condition has ended, so that a gap in the data does not end it.
        samples: the number of which at least `min_samples` are needed; empty means none.
        inhibits: rules that are not shown while this one fires.
        message: the text, with {value}, {limit} and {subject}; other braces are ordinary text.
    """

    name: str
    severity: AlertSeverity
    metric: str
    threshold: float
    message: str
    beyond: Literal[">", "<"] = ">"
    local_metric: str = ""
    clear: float | None = None
    for_seconds: float = 0.0
    keep_seconds: float = 0.0
    samples: str = ""
    min_samples: int = 0
    inhibits: tuple[str, ...] = ()

    def is_beyond(self, value: float, limit: float) -> bool:
        return value > limit if self.beyond == ">" else value < limit

    def words(self, value: float, subject: str) -> str:
        """Return the message with its numbers."""
        unit = ALERT_NUMBERS[self.metric].unit
        words = {
            "{value}": _written(value, unit),
            "{limit}": _written(self.threshold, unit),
            "{subject}": subject,
        }
        return _PLACES.sub(lambda found: words[found[0]], self.message)


@dataclass(frozen=True, slots=True)
class BreakerAlert:
    """An alert for a change of a breaker: it is shown once, at that moment, and has no end."""

    name: str
    severity: AlertSeverity
    message: str

    def words(self, subject: str) -> str:
        """Return the message about a server."""
        return self.message.replace("{subject}", subject)


RULES = (
    AlertRule(
        name="breaker_open_long",
        severity="critical",
        metric="breaker.open_seconds",
        threshold=300.0,
        message="{subject} has been cut off for {value} (limit {limit}) - look at the server, or choose another endpoint",
    ),
    AlertRule(
        name="success_rate_low",
        severity="critical",
        metric="llm.success_rate",
        beyond="<",
        threshold=0.80,
        clear=0.90,
        for_seconds=30.0,
        keep_seconds=60.0,
        samples=CALLS_ENDED,
        min_samples=10,
        inhibits=("error_rate_high",),
        message="only {value} of the calls succeed (limit {limit}) - the dashboard shows the errors by kind",
    ),
    AlertRule(
        name="error_rate_high",
        severity="critical",
        metric="llm.error_rate",
        threshold=0.10,
        clear=0.05,
        for_seconds=30.0,
        keep_seconds=60.0,
        samples=CALLS_ENDED,
        min_samples=20,
        message="{value} of the calls fail (limit {limit}) - the dashboard shows the errors by kind",
    ),
    AlertRule(
        name="pool_all_unhealthy",
        severity="critical",
        metric="pool.healthy",
        beyond="<",
        threshold=1.0,
        for_seconds=10.0,
        samples="pool.size",
        min_samples=1,
        message="{value} connections to the server are healthy (at least {limit} is needed) - check that it is running",
    ),
    AlertRule(
        name="latency_p95_high",
        severity="warning",
        metric="llm.request.p95_seconds",
        local_metric="llm.first_token.p95_seconds",
        threshold=10.0,
        clear=8.0,
        for_seconds=60.0,
        keep_seconds=60.0,
        samples=CALLS_ENDED,
        min_samples=20,
        message="one call in 20 {subject} {value} or longer (limit {limit}) - lower LLM_MAX_CONCURRENCY, or use a faster model",
    ),
    AlertRule(
        name="retry_rate_high",
        severity="warning",
        metric="llm.retry_rate",
        threshold=0.20,
        clear=0.10,
        for_seconds=60.0,
        keep_seconds=60.0,
        samples=CALLS_ENDED,
        min_samples=10,
        message="retries amount to {value} of the calls (limit {limit}) - the dashboard shows the errors by kind",
    ),
    AlertRule(
        name="truncation_high",
        severity="warning",
        metric="llm.truncation_rate",
        threshold=0.50,
        clear=0.30,
        for_seconds=60.0,
        keep_seconds=60.0,
        samples=CALLS_ENDED,
        min_samples=10,
        message="prompts are cut in {value} of the calls (limit {limit}) - use a model with a larger context window",
    ),
    AlertRule(
        name="pool_exhausted",
        severity="warning",
        metric="pool.waiting",
        threshold=0.0,
        for_seconds=5.0,
        keep_seconds=30.0,
        message="{value} requests wait for a connection (limit {limit}) - send fewer at once",
    ),
    AlertRule(
        name="queue_deep",
        severity="info",
        metric="queue.depth",
        threshold=10.0,
        clear=5.0,
        for_seconds=10.0,
        keep_seconds=10.0,
        message="{value} calls wait for their turn (limit {limit}) - raise LLM_MAX_CONCURRENCY if the server has room",
    ),
)

BREAKER_OPENED = BreakerAlert(
    "breaker_opened", "info", "{subject} keeps failing and is left alone for a while - look at the server"
)
BREAKER_RECOVERED = BreakerAlert("breaker_recovered", "info", "{subject} answers again")
BREAKER_ALERTS = (BREAKER_OPENED, BREAKER_RECOVERED)


def _written(value: float, unit: AlertUnit) -> str:
    match unit:
        case "share":
            return f"{value * 100:.3g} %"
        case "seconds":
            return f"{value / 60:.3g} min" if value >= 120 else f"{value:.3g} s"
        case "bytes":
            return f"{value / 1_000_000:,.0f} MB"
        case "USD":
            return f"${value:,.4g}"
        case "count":
            return f"{value:g}"
        case _ as never:
            assert_never(never)
