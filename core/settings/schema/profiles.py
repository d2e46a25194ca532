"""Bundles of values for a kind of use; every other source wins over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

ProfileName = Literal["development", "staging", "production"]

PROFILES: Mapping[ProfileName, Mapping[str, object]] = {
    "development": {
        "logging.level": "DEBUG",
        "logging.structured": False,
        "logging.colored_console": True,
        "logging.retention_files": 3,
    },
    "staging": {
        "logging.level": "DEBUG",
        "llm.max_retries": 5,
        "circuit_breaker.max_wait": 1800.0,
    },
    "production": {
        "logging.level": "INFO",
        "logging.retention_files": 30,
        "llm.max_retries": 5,
        "llm.retry_max_delay": 120.0,
        "circuit_breaker.max_wait": 1800.0,
    },
}
