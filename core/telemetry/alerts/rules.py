"""Which alerts hold: those that Quintet knows, as the user has changed them, and those that the user has added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from core.metrics_catalogue import CALLS_ENDED
from core.settings.schema.alert_rules import BREAKER_ALERTS, RULES, AlertRule, BreakerAlert

if TYPE_CHECKING:
    from core.settings import AlertSettings


def rules_for(given: Sequence[AlertSettings]) -> tuple[tuple[AlertRule, ...], dict[str, BreakerAlert]]:
    """Return the rules that hold, and the alerts of breakers by name.

    A threshold that is moved past the value at which the alert would have ended takes that value with it.
    """
    rules = {rule.name: rule for rule in RULES}
    breaker_alerts = {alert.name: alert for alert in BREAKER_ALERTS}
    off: set[str] = set()
    for table in given:
        if table.name in breaker_alerts:
            alert = breaker_alerts[table.name]
            breaker_alerts[table.name] = replace(
                alert, severity=table.severity or alert.severity, message=table.message or alert.message
            )
        else:
            rule = rules.get(table.name) if table.metric is None else None
            rules[table.name] = _changed(_new(table) if rule is None else rule, table)
        (off.discard if table.enabled else off.add)(table.name)
    kept = tuple(rule for name, rule in rules.items() if name not in off)
    return kept, {name: alert for name, alert in breaker_alerts.items() if name not in off}


def _new(alert: AlertSettings) -> AlertRule:
    metric = alert.metric or ""
    limit = alert.below if alert.above is None else alert.above
    side = "above" if alert.below is None else "below"
    return AlertRule(
        name=alert.name,
        severity="warning",
        metric=metric,
        threshold=limit or 0.0,
        beyond=">" if side == "above" else "<",
        message=f"{metric} is {{value}}, {side} the limit of {{limit}}",
    )


def _changed(rule: AlertRule, given: AlertSettings) -> AlertRule:
    threshold = rule.threshold if given.threshold is None else given.threshold
    clear = rule.clear if given.clear is None else given.clear
    if clear is not None and rule.is_beyond(clear, threshold):
        clear = None
    min_samples = rule.min_samples if given.min_samples is None else given.min_samples
    return replace(
        rule,
        severity=given.severity or rule.severity,
        message=given.message or rule.message,
        threshold=threshold,
        clear=clear,
        for_seconds=rule.for_seconds if given.for_seconds is None else given.for_seconds,
        keep_seconds=rule.keep_seconds if given.keep_firing_seconds is None else given.keep_firing_seconds,
        samples=rule.samples or (CALLS_ENDED if min_samples else ""),
        min_samples=min_samples,
    )
