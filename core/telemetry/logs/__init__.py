"""Logs: lines with ids go to a file, secrets never do, and only a headless run shows any."""

from __future__ import annotations

from core.log_levels import LEVELS
from core.telemetry.logs.setup import current_log_file, set_log_level, setup_logging, stop_logging
from core.telemetry.logs.writing import (
    current_correlation_id,
    is_logged,
    listening_for_faults,
    log,
    log_ids,
    set_correlation_id,
)

__all__ = [
    "LEVELS",
    "current_correlation_id",
    "current_log_file",
    "is_logged",
    "listening_for_faults",
    "log",
    "log_ids",
    "set_correlation_id",
    "set_log_level",
    "setup_logging",
    "stop_logging",
]
