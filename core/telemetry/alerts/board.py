"""Which alerts fire: a small state machine for each rule, fed with numbers and with the breakers' changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict

from core.events import AlertFired, AlertResolved, BreakerChanged
from core.kinds import AlertSeverity
from core.settings.schema.alert_rules import BREAKER_OPENED, BREAKER_RECOVERED, SEVERITIES, AlertRule
from core.telemetry.alerts.rules import rules_for

if TYPE_CHECKING:
    from core.settings import AlertSettings

REMIND_SECONDS = 900.0  # a critical alert that lasts is reported again so often
OPEN_SECONDS = "breaker.open_seconds"

AlertEvent = AlertFired | AlertResolved


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
class _RuleState:
    """The state of one rule; `reported_at` is None while no AlertFired was made since it began to fire."""

    rule: AlertRule
    phase: Literal["inactive", "pending", "firing"] = "inactive"
    since: float = 0.0
    last_true: float = 0.0
    reported_at: float | None = None
    message: str = ""

    def update(self, value: float | None, enough: bool, now: float, subject: str) -> bool:
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

    def is_due(self, now: float) -> bool:
        """Whether a firing alert has to be reported, for the first time or again."""
        if self.reported_at is None:
            return True
        return self.rule.severity == "critical" and now - self.reported_at >= REMIND_SECONDS


class AlertBoard:
    """Compares the numbers it is given with the rules and remembers which alerts fire; has no clock of its own.

    Args:
        given: what the user changes of the rules and adds to them.

    Attributes:
        numbers: names of the values that the rules look at.
    """

    def __init__(self, given: Sequence[AlertSettings] = ()) -> None:
        rules, self._breaker_alerts = rules_for(given)
        looked_at = {name for rule in rules for name in (rule.metric, rule.local_metric, rule.samples)}
        self.numbers = frozenset(looked_at - {""})
        self._states = tuple(_RuleState(rule) for rule in rules)
        # Since when each breaker that has ever opened is not closed; trying half-open in between is no recovery.
        self._breaker_open_since: dict[str, float | None] = {}

    def follow(self, event: BreakerChanged) -> AlertFired | None:
        """Take a breaker's change into account; return its alert, if it has one."""
        if event.new == "closed":
            self._breaker_open_since[event.name] = None
            alert = self._breaker_alerts.get(BREAKER_RECOVERED.name)
        elif event.old == "closed":
            self._breaker_open_since[event.name] = event.at
            alert = self._breaker_alerts.get(BREAKER_OPENED.name)
        else:
            return None
        if alert is None:
            return None
        stamp = AlertStamp(run_id=event.run_id, correlation_id=event.correlation_id, at=event.at)
        return AlertFired(**stamp, name=alert.name, severity=alert.severity, message=alert.words(event.name))

    def open_seconds(self, now: float) -> dict[str, float]:
        """Return for every breaker that has ever opened how long ago it was last closed; 0 when it is."""
        return {name: 0.0 if since is None else now - since for name, since in self._breaker_open_since.items()}

    def evaluate(
        self, values: Mapping[str, float], stamp: AlertStamp, *, is_local: bool = False
    ) -> tuple[AlertEvent, ...]:
        """Return what has begun and what has ended, in the order of the rules; a reminder is another AlertFired.

        Args:
            values: the numbers of this moment; a missing one fires nothing, and ends nothing before its time.
            stamp: when that is, and in which run.
            is_local: the model runs on this machine or its network, where answers are expected to take long.
        """
        now = stamp["at"]
        ended = []
        for state in self._states:
            rule = state.rule
            metric = rule.local_metric if is_local and rule.local_metric else rule.metric
            enough = not rule.samples or values.get(rule.samples, 0.0) >= rule.min_samples
            if state.update(values.get(metric), enough, now, self._subject(metric)):
                ended.append(state)
        inhibited = self._inhibited()
        alerts: list[AlertEvent] = []
        for state in self._states:
            rule = state.rule
            if state in ended and state.reported_at is not None:
                state.reported_at = None
                alerts.append(
                    AlertResolved(**stamp, name=rule.name, severity=rule.severity, message=f"{rule.name} has ended")
                )
            elif state.phase == "firing" and rule.name not in inhibited and state.is_due(now):
                state.reported_at = now
                alerts.append(AlertFired(**stamp, name=rule.name, severity=rule.severity, message=state.message))
        return tuple(alerts)

    def active(self, now: float) -> tuple[AlertStatus, ...]:
        """Return the alerts that fire and are not hidden by another one, the most severe first."""
        inhibited = self._inhibited()
        shown = [state for state in self._states if state.phase == "firing" and state.rule.name not in inhibited]
        shown.sort(key=lambda state: SEVERITIES.index(state.rule.severity))
        return tuple(
            AlertStatus(state.rule.name, state.rule.severity, state.message, now - state.since) for state in shown
        )

    def _inhibited(self) -> set[str]:
        return {name for state in self._states if state.phase == "firing" for name in state.rule.inhibits}

    def _subject(self, metric: str) -> str:
        """Return what {subject} stands for in the message of a rule on this metric."""
        if metric == OPEN_SECONDS:
            opened = [(since, name) for name, since in self._breaker_open_since.items() if since is not None]
            return min(opened)[1] if opened else "a server"
        return "waits for its first token" if "first_token" in metric else "takes"
