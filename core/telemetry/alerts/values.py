"""Rates over the sliding window and the levels of this moment: the numbers that alerts compare with their limits."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence

from core.metrics_catalogue import ALERT_NUMBERS, CALLS_ENDED, METRICS, QUANTILES, RATES, extreme_names, percentile_name
from core.telemetry.metrics.registry import WINDOW_SECONDS, MetricsRecorder
from core.telemetry.metrics.series import SeriesTotals


def counter_totals(totals: Sequence[SeriesTotals]) -> dict[str, float]:
    """Return the sums over all series since the start by the names of the counters and, of what they count, the rates."""
    sums: defaultdict[str, float] = defaultdict(float, {CALLS_ENDED: 0.0})
    for series in totals:
        metric = METRICS[series.name]
        if metric.kind != "counter":
            continue
        outcome = dict(series.tags).get("outcome", "")
        if not metric.alert_outcomes or outcome in metric.alert_outcomes:
            sums[series.name] += series.total
        for rate in RATES:
            if rate.counter == series.name and rate.outcome in ("", outcome):
                sums[rate.name] += series.total
    return dict(sums)


def derived_values(
    added: Mapping[str, float], totals: Sequence[SeriesTotals], quantiles_ms: Mapping[str, float | None]
) -> dict[str, float]:
    """Return the numbers of this moment by their names in `ALERT_NUMBERS`; one that is not known is absent, never 0.

    Args:
        added: by how much `counter_totals` have grown within the window.
        totals: all series, for the levels.
        quantiles_ms: percentiles of the window by the names that `percentile_name` gives.
    """
    if not totals:  # metrics are switched off, or nothing has happened yet
        return {}
    rates = {rate.name for rate in RATES}
    values = {name: value for name, value in added.items() if name not in rates}
    calls = added.get(CALLS_ENDED, 0.0)
    if calls:
        values |= {name: added.get(name, 0.0) / calls for name in rates}
    values |= {name: value / 1000 for name, value in quantiles_ms.items() if value is not None}
    for series in totals:
        metric = METRICS[series.name]
        if metric.kind != "gauge":
            continue
        if metric.alert_extremes is None:
            values[series.name] = max(values.get(series.name, series.last), series.last)
        else:
            lowest, highest = extreme_names(series.name)
            values[lowest] = min(values.get(lowest, series.last), series.last)
            values[highest] = max(values.get(highest, series.last), series.last)
    return values


class AlertValues:
    """Derives the numbers of the last five minutes from totals that are read again and again.

    What was counted before the first reading belongs to no window, so that an engine's alerts are about its own calls.

    Args:
        wanted: names of the numbers; percentiles, which cost a sort, are left out unless they are among them.
    """

    def __init__(self, wanted: Collection[str] = ALERT_NUMBERS) -> None:
        self._percentiles: dict[str, tuple[str, ...]] = {
            name: tuple(quantile for quantile in QUANTILES if percentile_name(name, quantile) in wanted)
            for name, metric in METRICS.items()
            if metric.kind == "timing"
        }
        self._recorder: MetricsRecorder | None = None
        self._readings: deque[tuple[float, dict[str, float]]] = deque()

    def read(self, recorder: MetricsRecorder, now: float) -> dict[str, float]:
        """Return the derived values as they are now."""
        if recorder is not self._recorder:  # metrics were switched off and on: counting began anew
            self._recorder = recorder
            self._readings.clear()
        totals = [series for series in recorder.totals() if series.count]  # a level that was never set fires nothing
        counts = counter_totals(totals)
        readings = self._readings
        readings.append((now, counts))
        while len(readings) > 1 and readings[1][0] <= now - WINDOW_SECONDS:
            readings.popleft()
        before = readings[0][1]
        added = {name: count - before.get(name, 0.0) for name, count in counts.items()}
        return derived_values(added, totals, self._quantiles_ms(recorder))

    def _quantiles_ms(self, recorder: MetricsRecorder) -> dict[str, float | None]:
        found: dict[str, float | None] = {}
        for timing, quantiles in self._percentiles.items():
            if not quantiles:
                continue
            [*outcomes] = METRICS[timing].alert_outcomes
            match = {"outcome": outcomes[0]} if outcomes else {}
            values = recorder.quantiles(timing, [QUANTILES[quantile] for quantile in quantiles], **match)
            found |= {percentile_name(timing, name): ms for name, ms in zip(quantiles, values, strict=True)}
        return found
