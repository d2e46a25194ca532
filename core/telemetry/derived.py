"""Rates over the sliding window and the levels of the moment: the numbers that alerts are judged by."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.telemetry.recorder import WINDOW_SECONDS, Recorder, SeriesTotals

P95 = 0.95
LEVELS = ("pool.size", "pool.healthy", "pool.waiting", "queue.depth")


@dataclass(frozen=True, slots=True)
class Counts:
    """What has been counted since the start; calls that the user cancelled are in none of them."""

    succeeded: float = 0.0
    failed: float = 0.0
    retries: float = 0.0
    truncations: float = 0.0

    @classmethod
    def of(cls, totals: Sequence[SeriesTotals]) -> Counts:
        """Return the sums over all series."""
        sums = {"llm.retries": 0.0, "llm.context_truncations": 0.0, "ok": 0.0, "error": 0.0}
        for series in totals:
            key = dict(series.tags).get("outcome", "") if series.name == "llm.requests" else series.name
            if key in sums:
                sums[key] += series.total
        return cls(sums["ok"], sums["error"], sums["llm.retries"], sums["llm.context_truncations"])

    def since(self, before: Counts) -> Counts:
        """Return what has been added since then."""
        return Counts(
            self.succeeded - before.succeeded,
            self.failed - before.failed,
            self.retries - before.retries,
            self.truncations - before.truncations,
        )


def derived_values(
    added: Counts, totals: Sequence[SeriesTotals], p95_ms: Mapping[str, float | None]
) -> dict[str, float]:
    """Return the numbers of this moment; one that nothing is known of is absent, and never 0.

    Args:
        added: what was counted within the window.
        totals: all series, for the levels.
        p95_ms: 95th percentiles of the window by the name of the timing.
    """
    calls = added.succeeded + added.failed
    values = {"llm.requests": calls}
    if calls:
        values |= {
            "llm.error_rate": added.failed / calls,
            "llm.success_rate": added.succeeded / calls,
            "llm.retry_rate": added.retries / calls,
            "llm.truncation_rate": added.truncations / calls,
        }
    values |= {f"{name}.p95_seconds": value / 1000 for name, value in p95_ms.items() if value is not None}
    for series in totals:
        if series.name in LEVELS:
            values[series.name] = series.last
        elif series.name == "breaker.open_seconds":
            values[series.name] = max(values.get(series.name, 0.0), series.last)
    return values


class SlidingValues:
    """Derives the numbers of the last five minutes from totals that are read again and again.

    What was counted before its first reading belongs to no window: alerts speak of what an engine has lived through.
    """

    def __init__(self, *, window_seconds: float = WINDOW_SECONDS) -> None:
        self._window_seconds = window_seconds
        self._recorder: Recorder | None = None
        self._readings: deque[tuple[float, Counts]] = deque()

    def read(self, recorder: Recorder, now: float) -> dict[str, float]:
        """Return the derived values as they are now."""
        if recorder is not self._recorder:  # metrics were switched off and on: counting began anew
            self._recorder = recorder
            self._readings.clear()
        totals = recorder.totals()
        counts = Counts.of(totals)
        readings = self._readings
        readings.append((now, counts))
        while len(readings) > 1 and readings[1][0] <= now - self._window_seconds:
            readings.popleft()
        p95_ms = {
            "llm.request": recorder.quantiles("llm.request", (P95,), outcome="ok")[0],
            "llm.first_token": recorder.quantiles("llm.first_token", (P95,))[0],
        }
        return derived_values(counts.since(readings[0][1]), totals, p95_ms)
