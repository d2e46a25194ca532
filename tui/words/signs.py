"""The sign, the word and the style of an outcome and of a severity, and how loud a note or a toast is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from core.kinds import RunStatus, VerdictValue

NoteKind = Literal["info", "warning", "error"]
"""How loud a line in a pane is."""
Severity = Literal["information", "warning", "error"]
"""How loud a toast is, in Textual's words."""

OUTCOMES: Mapping[RunStatus, tuple[str, str, str]] = {
    "passed": ("✓", "passed", "$text-success"),
    "failed": ("✗", "failed", "$text-error"),
    "unverified": ("!", "unverified", "$text-warning"),
    "stopped": ("■", "stopped", "$text-warning"),
}
"""How a run ended: sign, word, style."""
VERDICTS: Mapping[VerdictValue, str] = {
    "pass": "tests prove it",
    "fail": "tests fail",
    "unproven": "tests prove nothing",
    "not_executed": "not executed",
    "none": "nothing to execute",
}
"""What each verdict means."""
SEVERITIES: Mapping[str, tuple[str, str]] = {
    "critical": ("✗", "$text-error"),
    "warning": ("!", "$text-warning"),
    "info": ("i", "$text-primary"),
}
"""Sign and style of each severity of an alert, worst first."""
