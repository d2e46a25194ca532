"""The names of `get_metrics`, taken apart: "llm.errors{agent=developer,kind=stall}" -> its metric and its tags."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TypeVar

from core.metrics_catalogue import METRICS

Reading = TypeVar("Reading")
FOREIGN_TAGS = frozenset({"model", "endpoint"})


def series_of(metric: str, readings: Mapping[str, Reading]) -> Iterator[tuple[dict[str, str], Reading]]:
    """Yield the tags and the reading of every series of one metric; a value may hold commas and braces."""
    pattern = _pattern(metric)
    for name, reading in readings.items():
        found = pattern.fullmatch(name)
        if found is not None:
            yield {tag: value for tag, value in found.groupdict().items() if value is not None}, reading


@cache
def _pattern(metric: str) -> re.Pattern[str]:
    # Names of models and servers come from outside and may hold anything; all other values are short words of ours.
    values = {tag: ".*?" if tag in FOREIGN_TAGS else "[^,]*" for tag in sorted(METRICS[metric].tags)}
    tags = "".join(f"(?:,?{tag}=(?P<{tag}>{value}))?" for tag, value in values.items())
    return re.compile(f"{re.escape(metric)}(?:{{{tags}}})?", re.DOTALL)
