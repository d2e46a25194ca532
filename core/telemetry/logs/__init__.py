"""Logs: lines with ids go to a file, secrets never do, and only a headless run shows any."""

from __future__ import annotations

from core.telemetry.logs.setup import (
    LEVELS,
    current_log_file,
    listen_for_faults,
    log,
    log_ids,
    set_correlation_id,
    set_log_level,
    setup_logging,
    stop_logging,
)

__all__ = [
    "LEVELS",
    "current_log_file",
    "listen_for_faults",
    "log",
    "log_ids",
    "set_correlation_id",
    "set_log_level",
    "setup_logging",
    "stop_logging",
]
