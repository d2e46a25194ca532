"""What a table [[alerts]] may hold: what would never fire, never end or could not be read is refused."""

from __future__ import annotations

import re
from typing import Protocol

from core.metrics_catalogue import ALERT_NUMBERS
from core.settings.schema.alert_rules import BREAKER_ALERTS, RULES
from core.text.suggest import did_you_mean

MAX_MESSAGE = 200
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")
_OF_THEIR_OWN = ("metric", "above", "below")
_OF_CONDITIONS = ("threshold", "clear", "for_seconds", "keep_firing_seconds", "min_samples")


class AlertTable(Protocol):
    """The part of a table that is checked."""

    @property
    def name(self) -> str: ...

    @property
    def metric(self) -> str | None: ...

    @property
    def above(self) -> float | None: ...

    @property
    def below(self) -> float | None: ...

    @property
    def threshold(self) -> float | None: ...

    @property
    def clear(self) -> float | None: ...


def check_name(name: str) -> str:
    """Return a name that can stand in a log line and a metric; raises ValueError for another one."""
    if not _NAME.fullmatch(name):
        raise ValueError("must be up to 40 letters, digits, '_', '-' and '.', and begin with a letter")
    return name


def check_metric(metric: str | None) -> str | None:
    """Return the name of a number that alerts can look at; raises ValueError for another one."""
    if metric is not None and metric not in ALERT_NUMBERS:
        raise ValueError(f"there is no such number{did_you_mean(metric, ALERT_NUMBERS)}")
    return metric


def check_message(message: str | None) -> str | None:
    """Return a message that a toast can show; raises ValueError for another one."""
    if message is not None and len(message) > MAX_MESSAGE:
        raise ValueError(f"must be up to {MAX_MESSAGE} characters")
    return message


def check_alert(given: AlertTable) -> None:
    """Raise ValueError for a table that does not go with its alert, or with itself."""
    if given.name in {alert.name for alert in BREAKER_ALERTS}:
        _check_breaker_alert(given)
        return
    rule = next((rule for rule in RULES if rule.name == given.name), None)
    if rule is None:
        _check_own(given)
        return
    for field in _OF_THEIR_OWN:
        if getattr(given, field) is not None:
            reason = "set threshold instead" if field != "metric" else "give an alert of your own another name"
            raise ValueError(f"{rule.name} has its own metric, and no {field} can be set: {reason}")
    threshold = rule.threshold if given.threshold is None else given.threshold
    _check_share(rule.metric, given.threshold, "threshold")
    if given.clear is not None and rule.is_beyond(given.clear, threshold):
        raise ValueError(_past(rule.name, given.clear, "above" if rule.beyond == ">" else "below", threshold))


def _check_breaker_alert(given: AlertTable) -> None:
    for field in (*_OF_THEIR_OWN, *_OF_CONDITIONS):
        if getattr(given, field) is not None:
            raise ValueError(
                f"{given.name} has no {field}: it is told at the moment it happens; severity, message and enabled can be set"
            )


def _check_own(given: AlertTable) -> None:
    if given.metric is None:
        known = [rule.name for rule in (*RULES, *BREAKER_ALERTS)]
        raise ValueError(
            f"there is no alert {given.name!r}{did_you_mean(given.name, known)}; one of your own needs a metric, and above or "
            f"below; the others are {', '.join(known)}"
        )
    limits = [value for value in (given.above, given.below) if value is not None]
    if len(limits) != 1 or given.threshold is not None:
        raise ValueError(f"{given.name}, an alert of your own, needs either above or below, and no threshold")
    side = "above" if given.below is None else "below"
    _check_share(given.metric, limits[0], side)
    if given.clear is not None and (given.clear > limits[0] if side == "above" else given.clear < limits[0]):
        raise ValueError(_past(given.name, given.clear, side, limits[0]))


def _check_share(metric: str, limit: float | None, field: str) -> None:
    number = ALERT_NUMBERS[metric]
    if limit is not None and number.unit == "share" and not 0 <= limit <= number.highest:
        raise ValueError(f"{field} = {limit:g} is never reached: {metric} is a share, and 10 % is written 0.1")


def _past(name: str, clear: float, side: str, limit: float) -> str:
    return (
        f"{name} has its clear ({clear:g}) {side} its limit ({limit:g}), and would end while it still holds: set clear on the "
        "other side, or leave it out"
    )
