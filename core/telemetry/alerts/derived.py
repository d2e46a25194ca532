"""Rates over the sliding window and the levels of the moment: the numbers that alerts are judged by."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from core.settings.schema.alert_numbers import COUNTED, LEVELS, NUMBERS, QUANTILES, TIMED, quantile_name
from core.telemetry.metrics.recorder import WINDOW_SECONDS, Recorder, SeriesTotals

ONLY_ANSWERED = {"llm.request": {"outcome": "ok"}}
"""A call that fails at once must not make the answers look fast."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What has been counted since the start; calls that the user cancelled are in none of `succeeded` and `failed`.

    `others` holds every other counter by its name.
    """

    succeeded: float = 0.0
    failed: float = 0.0
    others: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, totals: Sequence[SeriesTotals]) -> Counts:
        """Return the sums over all series."""
        ended = {"ok": 0.0, "error": 0.0}
        others: dict[str, float] = {}
        for series in totals:
            if series.name == "llm.requests":
                outcome = dict(series.tags).get("outcome", "")
                if outcome in ended:
                    ended[outcome] += series.total
            elif series.name in COUNTED:
                others[series.name] = others.get(series.name, 0.0) + series.total
        return cls(ended["ok"], ended["error"], others)

    def since(self, before: Counts) -> Counts:
        """Return what has been added since then."""
        others = {name: total - before.others.get(name, 0.0) for name, total in self.others.items()}
        return Counts(self.succeeded - before.succeeded, self.failed - before.failed, others)


def derived_values(
    added: Counts, totals: Sequence[SeriesTotals], quantiles_ms: Mapping[str, float | None]
) -> dict[str, float]:
    """Return the numbers of this moment by their names in `NUMBERS`; one that nothing is known of is absent, never 0.

    Args:
        added: what was counted within the window.
        totals: all series, for the levels.
        quantiles_ms: percentiles of the window by the names that `quantile_name` gives.
    """
    if not totals:  # metrics are switched off, or nothing has happened yet
        return {}
    calls = added.succeeded + added.failed
    values = {"llm.requests": calls, **added.others}
    if calls:
        values |= {
            "llm.error_rate": added.failed / calls,
            "llm.success_rate": added.succeeded / calls,
            "llm.retry_rate": added.others.get("llm.retries", 0.0) / calls,
            "llm.truncation_rate": added.others.get("llm.context_truncations", 0.0) / calls,
        }
    values |= {name: value / 1000 for name, value in quantiles_ms.items() if value is not None}
    for series in totals:
        lowest, highest = f"{series.name}.lowest", f"{series.name}.highest"
        if series.name in LEVELS:
            values[series.name] = max(values.get(series.name, series.last), series.last)
        elif lowest in LEVELS:
            values[lowest] = min(values.get(lowest, series.last), series.last)
            values[highest] = max(values.get(highest, series.last), series.last)
    return values


class SlidingValues:
    """Derives the numbers of the last five minutes from totals that are read again and again.

    What was counted before its first reading belongs to no window: alerts speak of what an engine has lived through.

    Args:
        wanted: names of the numbers; percentiles, which cost a sort, are left out unless they are among them.
        window_seconds: how far the counts reach back.
    """

    def __init__(self, wanted: Collection[str] = NUMBERS, *, window_seconds: float = WINDOW_SECONDS) -> None:
        self._percentiles: dict[str, tuple[str, ...]] = {
            timing: tuple(quantile for quantile in QUANTILES if quantile_name(timing, quantile) in wanted)
            for timing in TIMED
        }
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
        quantiles_ms: dict[str, float | None] = {}
        for timing, wanted in self._percentiles.items():
            if wanted:
                shares = [QUANTILES[quantile] for quantile in wanted]
                found = recorder.quantiles(timing, shares, **ONLY_ANSWERED.get(timing, {}))
                quantiles_ms |= {quantile_name(timing, name): ms for name, ms in zip(wanted, found, strict=True)}
        return derived_values(counts.since(readings[0][1]), totals, quantiles_ms)
