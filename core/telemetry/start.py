"""Starts metrics and log by the settings, for every front end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.clock import Clock
from core.telemetry.logs import setup_logging
from core.telemetry.metrics import set_metrics_enabled

if TYPE_CHECKING:
    from core.settings import Settings


def start_telemetry(settings: Settings, *, owns_terminal: bool, clock: Clock | None = None) -> str | None:
    """Switch metrics on or off and begin the log; return a warning if no log can be written.

    Args:
        settings: the checked configuration.
        owns_terminal: the front end draws on the terminal, so that no log line may go there.
        clock: dates the log.
    """
    set_metrics_enabled(settings.telemetry.enable_metrics)
    logging = settings.logging
    return setup_logging(
        level=logging.level,
        json_format=logging.structured,
        log_file=logging.file,
        colored_console=logging.colored_console and not owns_terminal,
        content=logging.content,
        rotation_megabytes=logging.rotation_megabytes,
        retention_files=logging.retention_files,
        clock=clock,
    )
