"""Reads how long a server asks to wait."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from math import inf, isfinite

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_DURATION_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the wait that the headers ask for; None for none, garbage, and anything not above zero."""
    for name, unit in (("retry-after-ms", 0.001), ("x-ms-retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        seconds = _seconds(value, unit, now)
        if seconds is not None:
            return seconds
    resets = [
        _go_duration(headers.get(f"x-ratelimit-reset-{what}", ""))
        for what in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{what}") == "0"
    ]
    longest = max(resets, default=0.0)
    return longest if 0 < longest < inf else None


def _seconds(value: str, unit: float, now: datetime) -> float | None:
    try:
        seconds = float(value) * unit
    except ValueError:
        from email.utils import parsedate_to_datetime

        try:
            when = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        if when.tzinfo is None:
            return None
        seconds = (when - now).total_seconds()
    return seconds if isfinite(seconds) and seconds > 0 else None


def _go_duration(value: str) -> float:
    return sum(float(number) * _DURATION_SECONDS[unit] for number, unit in _DURATION.findall(value))
