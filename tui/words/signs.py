"""The sign, the word and the style of an outcome and of a severity, and how loud a note or a toast is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

NoteKind = Literal["info", "warning", "error"]
"""How loud a line in a pane is."""
Severity = Literal["information", "warning", "error"]
"""How loud a toast is, in Textual's words."""

OUTCOMES: Mapping[str, tuple[str, str, str]] = {
    "passed": ("✓", "passed", "$text-success"),
    "failed": ("✗", "failed", "$text-error"),
    "cancelled": ("■", "stopped", "$text-warning"),
}
"""How a run ended: sign, word, style."""
SEVERITIES: Mapping[str, tuple[str, str]] = {
    "critical": ("✗", "$text-error"),
    "warning": ("!", "$text-warning"),
    "info": ("i", "$text-primary"),
}
"""Sign and style of each severity of an alert, worst first."""
