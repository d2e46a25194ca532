"""An alert in one line: sign, severity, how long it has been firing, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from core.text.sanitize import one_line
from tui.words.numbers import clock_time
from tui.words.signs import SEVERITIES

if TYPE_CHECKING:
    from core.telemetry.alerts.board import AlertStatus

ALL_WELL = Content.styled("✓ none", "$text-success")


def alert_head(alert: AlertStatus) -> Content:
    """Return sign, severity and age: "✗ critical 2:05"."""
    sign, style = SEVERITIES.get(alert.severity, ("?", "$text-warning"))
    return Content.styled(f"{sign} {one_line(alert.severity, 10)} {clock_time(alert.since_seconds)}", style)


def alert_message(alert: AlertStatus) -> str:
    """Return what the alert says, or its name when it says nothing."""
    return one_line(alert.message or alert.name, 200)


def alert_line(alert: AlertStatus) -> Content:
    """Return the whole alert in one line."""
    return alert_head(alert) + Content(f"  {alert_message(alert)}")
