"""Logs: lines with ids go to a file, secrets never do, and only a headless run shows any."""

from __future__ import annotations

from core.log_levels import LEVELS
from core.telemetry.logs.setup import (
    current_correlation_id,
    current_log_file,
    is_logged,
    listening_for_faults,
    log,
    log_ids,
    set_correlation_id,
    set_log_level,
    setup_logging,
    stop_logging,
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
