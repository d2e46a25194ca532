"""Which alerts fire: a small state machine for each rule, fed with numbers and with the breakers' news."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypedDict

from core.events import AlertFired, AlertResolved, BreakerChanged
from core.settings.schema.alert_rules import BREAKER_OPENED, BREAKER_RECOVERED, SEVERITIES, AlertRule
from core.telemetry.alerts.rules import rules_for

if TYPE_CHECKING:
    from core.kinds import AlertSeverity
    from core.settings import AlertSettings

REMIND_SECONDS = 900.0  # a critical alert that goes on is told again so often
OPEN_SECONDS = "breaker.open_seconds"

Alert = AlertFired | AlertResolved


class AlertStamp(TypedDict):
    """The fields that the events of an alert share; the ids are empty while no run is on. `at` is monotonic seconds."""

    run_id: str
    correlation_id: str
    at: float


@dataclass(frozen=True, slots=True)
class AlertStatus:
    """One alert that fires now; `message` holds the latest number."""

    name: str
    severity: AlertSeverity
    message: str
    since_seconds: float


@dataclass(slots=True, eq=False)
class _Course:
    """How far one rule has come. `told_at` is None while the alert of this phase has not been shown to anybody."""

    rule: AlertRule
    phase: Literal["inactive", "pending", "firing"] = "inactive"
    since: float = 0.0
    last_true: float = 0.0
    told_at: float | None = None
    message: str = ""

    def step(self, value: float | None, enough: bool, now: float, subject: str) -> bool:
        """Take the number of this moment; True when the alert has just ended."""
        rule = self.rule
        limit = rule.clear if self.phase == "firing" and rule.clear is not None else rule.threshold
        if value is not None and enough and rule.is_beyond(value, limit):
            self.last_true = now
            self.message = rule.words(value, subject)
            if self.phase == "inactive":
                self.phase, self.since = "pending", now
            if self.phase == "pending" and now - self.since >= rule.for_seconds:
                self.phase, self.since = "firing", now
        elif self.phase == "pending":
            self.phase = "inactive"
        elif self.phase == "firing" and now - self.last_true >= rule.keep_seconds:
            self.phase = "inactive"
            return True
        return False


@dataclass(slots=True)
class _Breakers:
    """Since when each breaker has not been closed; trying half-open in between is no recovery."""

    open_since: dict[str, float | None] = field(default_factory=dict)

    def longest(self) -> str:
        """Return the name of the one that has been open for the longest time; "" if none is."""
        opened = [(since, name) for name, since in self.open_since.items() if since is not None]
        return min(opened)[1] if opened else ""


class AlertBoard:
    """Judges the numbers it is given and remembers which alerts fire; knows no clock of its own.

    Args:
        given: what the user changes of the rules and adds to them.

    Attributes:
        numbers: names of the values that the rules look at.
    """

    def __init__(self, given: Sequence[AlertSettings] = ()) -> None:
        rules, self._news = rules_for(given)
        looked_at = {name for rule in rules for name in (rule.metric, rule.local_metric, rule.samples)}
        self.numbers = frozenset(looked_at - {""})
        self._courses = tuple(_Course(rule) for rule in rules)
        self._breakers = _Breakers()

    def follow(self, event: BreakerChanged) -> AlertFired | None:
        """Take a breaker's change into account; return the news that it is, if any."""
        known = self._breakers.open_since
        if event.new == "closed":
            known[event.name] = None
            news = self._news.get(BREAKER_RECOVERED.name)
        elif event.old == "closed":
            known[event.name] = event.at
            news = self._news.get(BREAKER_OPENED.name)
        else:
            return None
        if news is None:
            return None
        stamp = AlertStamp(run_id=event.run_id, correlation_id=event.correlation_id, at=event.at)
        return AlertFired(**stamp, name=news.name, severity=news.severity, message=news.words(event.name))

    def open_seconds(self, now: float) -> dict[str, float]:
        """Return for every breaker that has ever opened how long ago it was last closed; 0 when it is."""
        return {name: 0.0 if since is None else now - since for name, since in self._breakers.open_since.items()}

    def evaluate(self, values: Mapping[str, float], stamp: AlertStamp, *, is_local: bool = False) -> tuple[Alert, ...]:
        """Return what has begun and what has ended, in the order of the rules; a reminder is another AlertFired.

        Args:
            values: the numbers of this moment; a missing one is no trouble, and ends nothing before its time.
            stamp: when that is, and in which run.
            is_local: the model runs on this machine or its network, where answers are expected to take long.
        """
        now = stamp["at"]
        ended = []
        for course in self._courses:
            rule = course.rule
            metric = rule.local_metric if is_local and rule.local_metric else rule.metric
            enough = not rule.samples or values.get(rule.samples, 0.0) >= rule.min_samples
            if course.step(values.get(metric), enough, now, self._subject(metric)):
                ended.append(course)
        inhibited = self._inhibited()
        alerts: list[Alert] = []
        for course in self._courses:
            rule = course.rule
            if course in ended and course.told_at is not None:
                course.told_at = None
                alerts.append(
                    AlertResolved(**stamp, name=rule.name, severity=rule.severity, message=f"{rule.name} has ended")
                )
            elif course.phase == "firing" and rule.name not in inhibited and self._is_due(course, now):
                course.told_at = now
                alerts.append(AlertFired(**stamp, name=rule.name, severity=rule.severity, message=course.message))
        return tuple(alerts)

    def active(self, now: float) -> tuple[AlertStatus, ...]:
        """Return the alerts that fire and are not hidden by another one, the loudest first."""
        inhibited = self._inhibited()
        shown = [course for course in self._courses if course.phase == "firing" and course.rule.name not in inhibited]
        shown.sort(key=lambda course: SEVERITIES.index(course.rule.severity))
        return tuple(
            AlertStatus(course.rule.name, course.rule.severity, course.message, now - course.since) for course in shown
        )

    def _inhibited(self) -> set[str]:
        return {name for course in self._courses if course.phase == "firing" for name in course.rule.inhibits}

    def _subject(self, metric: str) -> str:
        """Return who or what the message of a metric speaks of."""
        if metric == OPEN_SECONDS:
            return self._breakers.longest() or "a server"
        return "waits for its first token" if "first_token" in metric else "takes"

    @staticmethod
    def _is_due(course: _Course, now: float) -> bool:
        if course.told_at is None:
            return True
        return course.rule.severity == "critical" and now - course.told_at >= REMIND_SECONDS
