"""What is said when the app is left: how the last run ended, and where its files are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.text.sanitize import one_line
from tui.exit_codes import EXIT_BY_STATUS, EXIT_FAILED, EXIT_OK, EXIT_STOPPED
from tui.words.numbers import counted
from tui.words.shown_path import shown_path

if TYPE_CHECKING:
    from core.state.status import EngineStatus
    from core.workflow.outcome import RunOutcome


def farewell(status: EngineStatus | None, outcome: RunOutcome | None, refusal: str = "") -> tuple[tuple[str, ...], int]:
    """Return the lines to print and the exit code: those of the run that leaving stops, else of the last one.

    Args:
        status: the engine's state before it was closed; None if there was no engine.
        outcome: how the last run ended; None before its end.
        refusal: why the last run could not begin; "" if it could.
    """
    if status is not None and status.running:
        where = f"; {_files(status.files_written, status.output_dir)}" if status.output_dir else ""
        return (f"the run was stopped{where}",), EXIT_STOPPED
    if refusal:
        return (f"the run did not begin: {one_line(refusal)}",), EXIT_FAILED
    if outcome is None:
        return (), EXIT_OK
    reason = f": {one_line(outcome.reason)}" if outcome.status in {"failed", "unverified"} and outcome.reason else ""
    return (f"{outcome.status}{reason}; {_files(len(outcome.files), outcome.output_dir)}",), EXIT_BY_STATUS[
        outcome.status
    ]


def _files(count: int, folder: str | Path) -> str:
    return f"{counted(count, 'file')} in {shown_path(folder)}"
