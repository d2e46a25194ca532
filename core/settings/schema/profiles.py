"""Bundles of values for a kind of use; every other source wins over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

ProfileName = Literal["development", "staging", "production"]

_STAGING: Mapping[str, object] = {
    "llm.max_retries": 3,
    "circuit_breaker.threshold": 5,
    "logging.level": "INFO",
    "logging.structured": True,
    "logging.colored_console": False,
    "telemetry.enable_metrics": True,
}

PROFILES: Mapping[ProfileName, Mapping[str, object]] = {
    "development": {
        "llm.max_retries": 2,
        "logging.level": "DEBUG",
        "logging.structured": False,
        "logging.colored_console": True,
        "telemetry.enable_metrics": True,
    },
    "staging": _STAGING,
    "production": {**_STAGING, "llm.stream_responses": True},
}
