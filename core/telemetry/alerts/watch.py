"""Evaluates the alerts every few seconds while an engine is open, and publishes those that begin and end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from core.clock import Clock
from core.events import AlertFired, AlertResolved, BreakerChanged, EventSink
from core.kinds import AlertSeverity, LogLevel
from core.telemetry.alerts.board import AlertBoard, AlertStamp, AlertStatus
from core.telemetry.alerts.values import AlertValues
from core.telemetry.logs import log
from core.telemetry.metrics import gauge, increment
from core.telemetry.metrics.process import record_process_gauges
from core.telemetry.metrics.registry import MetricsRecorder

if TYPE_CHECKING:
    from core.settings import AlertSettings

EVALUATE_EVERY_SECONDS = 5.0

_LEVELS: dict[AlertSeverity, LogLevel] = {"critical": "ERROR", "warning": "WARNING", "info": "INFO"}


class AlertWatch:
    """Owns the task that evaluates the alerts; use it as an async context manager.

    Args:
        given: what the user changes of the rules and adds to them.
        clock: its sleep sets the interval.
        publish: receives every alert that begins or ends.
        stamp: gives the time and the ids of the run that is on.
        is_local: whether the model runs on this machine or its network.
        recorder: gives the engine's metrics; asked each time, because they can be switched off and on.
    """

    def __init__(
        self,
        given: Sequence[AlertSettings],
        *,
        clock: Clock,
        publish: EventSink,
        stamp: Callable[[], AlertStamp],
        is_local: Callable[[], bool],
        recorder: Callable[[], MetricsRecorder],
    ) -> None:
        self._board = AlertBoard(given)
        self._values = AlertValues(self._board.numbers)
        self._measures_process = any(name.startswith("process.") for name in self._board.numbers)
        self._clock = clock
        self._publish = publish
        self._stamp = stamp
        self._is_local = is_local
        self._recorder = recorder
        self._firing: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._values.read(self._recorder(), self._clock.monotonic())
        self._task = asyncio.create_task(self._watch(), name="alerts")
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def breaker_changed(self, event: BreakerChanged) -> None:
        """Report a breaker's change at once, without waiting for the next evaluation."""
        alert = self._board.follow(event)
        self._measure_breakers(event.at)
        if alert is not None:
            self._report(alert, is_reminder=False)

    def evaluate(self) -> None:
        """Compare the numbers of this moment with the rules."""
        stamp = self._stamp()
        self._measure_breakers(stamp["at"])
        if self._measures_process:
            record_process_gauges(self._recorder())
        values = self._values.read(self._recorder(), stamp["at"])
        for alert in self._board.evaluate(values, stamp, is_local=self._is_local()):
            if isinstance(alert, AlertResolved):
                self._firing.discard(alert.name)
                log("INFO", "alert resolved", alert=alert.name, severity=alert.severity)
                self._publish(alert)
            else:
                is_reminder = alert.name in self._firing
                self._firing.add(alert.name)
                self._report(alert, is_reminder=is_reminder)

    def active(self) -> tuple[AlertStatus, ...]:
        """Return the alerts that fire now, the most severe first."""
        return self._board.active(self._clock.monotonic())

    async def _watch(self) -> None:
        try:
            while True:
                await self._clock.sleep(EVALUATE_EVERY_SECONDS)
                self.evaluate()
        except Exception as bug:  # noqa: BLE001 - the outer edge of this task: the team works on without alerts
            log("ERROR", "alerts end here", exception=bug)

    def _measure_breakers(self, now: float) -> None:
        for name, seconds in self._board.open_seconds(now).items():
            gauge("breaker.open_seconds", seconds, tags={"endpoint": name})

    def _report(self, alert: AlertFired, *, is_reminder: bool) -> None:
        if not is_reminder:
            increment("alerts.fired", tags={"name": alert.name})
        log(
            _LEVELS[alert.severity],
            "alert fired",
            alert=alert.name,
            severity=alert.severity,
            reason=alert.message,
            reminder=is_reminder,
        )
        self._publish(alert)
