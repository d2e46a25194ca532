"""One series of a metric: its totals, and its name "llm.errors{agent=developer,kind=stall}", put together and taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from core.metrics_catalogue import METRICS

SeriesKey = tuple[tuple[str, str], ...]  # tags and their values, sorted
Value = TypeVar("Value")
FOREIGN_TAGS = frozenset({"model", "endpoint"})


@dataclass(frozen=True, slots=True)
class SeriesTotals:
    """One series since the start.

    `total` is the sum of all values, of a timing in milliseconds; `buckets` are the numbers of durations between the
    metric's bucket bounds, not added up; empty unless it is a timing.
    """

    name: str
    tags: SeriesKey
    count: int
    total: float
    last: float
    buckets: tuple[int, ...] = ()


def series_name(metric: str, key: SeriesKey) -> str:
    """Return the name of a series."""
    return metric if not key else metric + "{" + ",".join(f"{tag}={value}" for tag, value in key) + "}"


def series_of(metric: str, values: Mapping[str, Value]) -> Iterator[tuple[dict[str, str], Value]]:
    """Yield the tags and the value of every series of one metric; a tag's value may hold commas and braces."""
    pattern = _pattern(metric)
    for name, value in values.items():
        found = pattern.fullmatch(name)
        if found is not None:
            yield {tag: text for tag, text in found.groupdict().items() if text is not None}, value


@cache
def _pattern(metric: str) -> re.Pattern[str]:
    # Names of models and servers come from outside and may hold anything; all other values are short words of ours.
    texts = {tag: ".*?" if tag in FOREIGN_TAGS else "[^,]*" for tag in sorted(METRICS[metric].tags)}
    tags = "".join(f"(?:,?{tag}=(?P<{tag}>{text}))?" for tag, text in texts.items())
    return re.compile(f"{re.escape(metric)}(?:{{{tags}}})?", re.DOTALL)
