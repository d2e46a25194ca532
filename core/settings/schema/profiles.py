"""Bundles of values for a kind of use; every other source wins over them."""

from __future__ import annotations

from collections.abc import Mapping

from core.settings.schema.origin import Given, Origin

PROFILES: Mapping[str, Mapping[str, object]] = {
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


def values_of_profile(given: Given | None) -> dict[str, Given]:
    """Return what the chosen profile sets; nothing if none, or none of ours, was chosen."""
    name = str(given.value).strip().lower() if given else ""
    origin = Origin("profile", f"profile {name}")
    return {dotted: Given(dotted, value, origin) for dotted, value in PROFILES.get(name, {}).items()}
