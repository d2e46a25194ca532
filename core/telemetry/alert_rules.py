"""The alerts as data: when each one fires and ends, how loud it is, what it says, and what the user changes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from core.errors import UsageError
from core.settings.suggestion import did_you_mean

if TYPE_CHECKING:
    from core.settings import AlertSettings

Severity = Literal["critical", "warning", "info"]
Unit = Literal["share", "seconds", "count"]

SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """Fires while a number is beyond its threshold.

    Attributes:
        metric: the number, by its name among the derived values.
        local_metric: the number that is looked at instead when the model runs on this machine or its network.
        beyond: on which side of the threshold the trouble is.
        clear: the value it has to come back to before it ends; None means the threshold.
        for_seconds: how long its condition has to hold before it fires.
        keep_seconds: how long it goes on after its condition has ended; a gap in the data ends nothing.
        samples: the number of which at least `min_samples` are needed; empty means none.
        inhibits: rules that are not shown while this one fires.
        message: what is said, with {value}, {limit} and {subject}.
    """

    name: str
    severity: Severity
    metric: str
    threshold: float
    message: str
    unit: Unit
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
        limit = _written(self.threshold, self.unit)
        return self.message.format(value=_written(value, self.unit), limit=limit, subject=subject)


@dataclass(frozen=True, slots=True)
class NewsRule:
    """Something that happens at one moment: it is told, and nothing of it lasts or ends."""

    name: str
    severity: Severity
    message: str


RULES = (
    AlertRule(
        name="breaker_open_long",
        severity="critical",
        metric="breaker.open_seconds",
        threshold=300.0,
        unit="seconds",
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
        samples="llm.requests",
        min_samples=10,
        unit="share",
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
        samples="llm.requests",
        min_samples=20,
        unit="share",
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
        unit="count",
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
        samples="llm.requests",
        min_samples=20,
        unit="seconds",
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
        samples="llm.requests",
        min_samples=10,
        unit="share",
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
        samples="llm.requests",
        min_samples=10,
        unit="share",
        message="prompts are cut in {value} of the calls (limit {limit}) - use a model with a larger context window",
    ),
    AlertRule(
        name="pool_exhausted",
        severity="warning",
        metric="pool.waiting",
        threshold=0.0,
        for_seconds=5.0,
        keep_seconds=30.0,
        unit="count",
        message="{value} requests wait for a connection (limit {limit}) - lower LLM_MAX_CONCURRENCY",
    ),
    AlertRule(
        name="queue_deep",
        severity="info",
        metric="queue.depth",
        threshold=10.0,
        clear=5.0,
        for_seconds=10.0,
        keep_seconds=10.0,
        unit="count",
        message="{value} calls wait for their turn (limit {limit}) - raise LLM_MAX_CONCURRENCY if the server has room",
    ),
)

BREAKER_OPENED = NewsRule(
    "breaker_opened", "info", "{subject} keeps failing and is left alone for a while - look at the server"
)
BREAKER_RECOVERED = NewsRule("breaker_recovered", "info", "{subject} answers again")
NEWS = (BREAKER_OPENED, BREAKER_RECOVERED)


def rules_for(overrides: Sequence[AlertSettings]) -> tuple[tuple[AlertRule, ...], dict[str, NewsRule]]:
    """Return the rules that hold, and the kinds of news that are told, by name.

    A threshold that is moved past the value at which the alert would have ended takes that value with it.

    Raises:
        UsageError: an override names no alert, contradicts itself, or sets what its alert does not have.
    """
    rules = {rule.name: rule for rule in RULES}
    news = {rule.name: rule for rule in NEWS}
    known = [*rules, *news]
    off: set[str] = set()
    for given in overrides:
        if given.name in rules:
            rules[given.name] = _changed(rules[given.name], given)
        elif given.name in news:
            news[given.name] = _retold(news[given.name], given)
        else:
            raise UsageError(
                f"[[alerts]] names {given.name!r}, and there is no such alert{did_you_mean(given.name, known)}",
                hint=f"the alerts: {', '.join(known)}",
            )
        (off.discard if given.enabled else off.add)(given.name)
    kept = tuple(rule for name, rule in rules.items() if name not in off)
    return kept, {name: rule for name, rule in news.items() if name not in off}


def _changed(rule: AlertRule, given: AlertSettings) -> AlertRule:
    threshold = rule.threshold if given.threshold is None else given.threshold
    clear = rule.clear if given.clear is None else given.clear
    if clear is not None and rule.is_beyond(clear, threshold):
        if given.clear is not None:
            side = "above" if rule.beyond == ">" else "below"
            raise UsageError(
                f"[[alerts]] {rule.name} has its clear ({clear:g}) {side} its threshold ({threshold:g})",
                hint="it would end while it still holds: set clear on the other side, or leave it out",
            )
        clear = None
    return replace(
        rule,
        severity=given.severity or rule.severity,
        threshold=threshold,
        clear=clear,
        for_seconds=rule.for_seconds if given.for_seconds is None else given.for_seconds,
        keep_seconds=rule.keep_seconds if given.keep_firing_seconds is None else given.keep_firing_seconds,
        min_samples=rule.min_samples if given.min_samples is None else given.min_samples,
    )


def _retold(rule: NewsRule, given: AlertSettings) -> NewsRule:
    numbers = ("threshold", "clear", "for_seconds", "keep_firing_seconds", "min_samples")
    for name in numbers:
        if getattr(given, name) is not None:
            raise UsageError(
                f"[[alerts]] {rule.name} has no {name}: it is told at the moment it happens",
                hint="only its severity and enabled can be set",
            )
    return replace(rule, severity=given.severity or rule.severity)


def _written(value: float, unit: Unit) -> str:
    if unit == "share":
        return f"{value * 100:.3g} %"
    if unit == "count":
        return f"{value:g}"
    return f"{value / 60:.3g} min" if value >= 120 else f"{value:.3g} s"
