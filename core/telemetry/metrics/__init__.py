"""Metrics: counters, gauges and timings with tags, recorded from anywhere and read by polling."""

from __future__ import annotations

from core.telemetry.metrics.api import (
    current_registry,
    gauge,
    get_metrics,
    increment,
    process_registry,
    quantiles,
    record_for_engine,
    set_metrics_enabled,
    timer_context,
    timing,
    total,
    use_registry,
)

__all__ = [
    "current_registry",
    "gauge",
    "get_metrics",
    "increment",
    "process_registry",
    "quantiles",
    "record_for_engine",
    "set_metrics_enabled",
    "timer_context",
    "timing",
    "total",
    "use_registry",
]
