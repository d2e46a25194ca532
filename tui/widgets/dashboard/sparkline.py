"""A line over time in one row of text, which needs no colour to be read."""

from __future__ import annotations

from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float | None]) -> str:
    """Return one character a value, the highest bar for the highest value; unknown ones leave a gap."""
    highest = max((value for value in values if value is not None), default=0.0)
    return "".join(" " if value is None else _bar(value, highest) for value in values)


def _bar(value: float, highest: float) -> str:
    if highest <= 0 or value <= 0:
        return BARS[0]
    return BARS[min(len(BARS) - 1, 1 + int(value / highest * (len(BARS) - 1.001)))]
