"""Which alerts hold: those that Quintet knows, as the user has changed them, and those that the user has added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from core.metrics_catalogue import ALERT_NUMBERS, CALLS_ENDED
from core.settings.schema.alert_rules import NEWS, RULES, AlertRule, NewsRule

if TYPE_CHECKING:
    from core.settings import AlertSettings


def rules_for(given: Sequence[AlertSettings]) -> tuple[tuple[AlertRule, ...], dict[str, NewsRule]]:
    """Return the rules that hold, and the kinds of news that are told, by name.

    A threshold that is moved past the value at which the alert would have ended takes that value with it.
    """
    rules = {rule.name: rule for rule in RULES}
    news = {rule.name: rule for rule in NEWS}
    off: set[str] = set()
    for alert in given:
        if alert.name in news:
            told = news[alert.name]
            news[alert.name] = replace(
                told, severity=alert.severity or told.severity, message=alert.message or told.message
            )
        else:
            rule = rules.get(alert.name) if alert.metric is None else None
            rules[alert.name] = _changed(_new(alert) if rule is None else rule, alert)
        (off.discard if alert.enabled else off.add)(alert.name)
    kept = tuple(rule for name, rule in rules.items() if name not in off)
    return kept, {name: rule for name, rule in news.items() if name not in off}


def _new(alert: AlertSettings) -> AlertRule:
    metric = alert.metric or ""
    limit = alert.below if alert.above is None else alert.above
    side = "above" if alert.below is None else "below"
    return AlertRule(
        name=alert.name,
        severity="warning",
        metric=metric,
        threshold=limit or 0.0,
        unit=ALERT_NUMBERS[metric].unit,
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
