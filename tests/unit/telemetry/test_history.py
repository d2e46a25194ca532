"""Numbers over ten minutes: gaps stay gaps, totals become rates, and old ones leave."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.telemetry.metrics.history import STEP_SECONDS, STEPS, MetricHistory
from core.telemetry.metrics.series import series_of
from tui.widgets.dashboard.sparkline import BARS, sparkline

NOW = 10_000.0


def history_of(values: dict[float, float | None], name: str = "n") -> MetricHistory:
    """Return what is left of values at their seconds before NOW."""
    history = MetricHistory()
    for ago, value in sorted(values.items(), reverse=True):
        history.take(NOW - ago, {name: value})
    return history


def test_before_anything_was_taken_nothing_is_known() -> None:
    assert MetricHistory().levels("n", NOW, STEPS) == [None] * STEPS
    assert MetricHistory().rates("n", NOW, STEPS) == [None] * STEPS


def test_the_newest_value_of_a_step_counts() -> None:
    assert history_of({4.0: 1.0, 3.0: 9.0, 1.0: 2.0}).levels("n", NOW - 1, STEPS)[-1] == 2.0


def test_levels_have_gaps_where_nothing_was_taken_or_known() -> None:
    assert history_of({15.0: 1.0, 5.0: None, 0.0: 3.0}).levels("n", NOW, STEPS)[-4:] == [1.0, None, None, 3.0]


def test_a_column_of_several_steps_shows_its_highest_level() -> None:
    assert history_of({20.0: 7.0, 15.0: 1.0, 5.0: 2.0}).levels("n", NOW, STEPS // 2)[-3:] == [7.0, 1.0, 2.0]


def test_a_total_becomes_a_rate_and_what_came_in_a_gap_is_spread_over_it() -> None:
    history = history_of({30.0: 0.0, 25.0: 10.0, 10.0: 40.0, 5.0: 40.0})

    assert history.rates("n", NOW, STEPS)[-8:] == [None, None, None, 2.0, 2.0, 2.0, 2.0, 0.0]


def test_the_step_that_still_goes_on_has_no_rate_yet() -> None:
    assert history_of({5.0: 0.0, 0.0: 100.0}).rates("n", NOW, STEPS)[-1] is None


def test_a_total_that_began_anew_is_no_negative_rate() -> None:
    assert min(rate for rate in history_of({15.0: 50.0, 10.0: 3.0}).rates("n", NOW, STEPS) if rate is not None) == 0.0


def test_what_is_older_than_ten_minutes_leaves() -> None:
    history = history_of({STEP_SECONDS * STEPS: 9.0, STEP_SECONDS * (STEPS - 1): 1.0, 0.0: 2.0})

    assert [value for value in history.levels("n", NOW, STEPS) if value is not None] == [1.0, 2.0]
    assert history.levels("n", NOW + 3600, STEPS) == [None] * STEPS


@given(
    st.dictionaries(st.floats(0, 900), st.none() | st.floats(0, 1e6), max_size=40),
    st.integers(-5, 300),
)
def test_any_history_has_as_many_columns_as_it_can(values: dict[float, float | None], columns: int) -> None:
    history = history_of(values)

    for drawn in (history.levels("n", NOW, columns), history.rates("n", NOW, columns)):
        assert len(drawn) == min(max(1, columns), STEPS)
        assert all(value is None or value >= 0 for value in drawn)


def test_taking_values_costs_far_less_than_a_millisecond() -> None:
    history = MetricHistory()
    started = time.process_time()
    for second in range(10_000):
        history.take(float(second), {"requests": second, "errors": 0, "p95": 1.0})
    spent_ms = (time.process_time() - started) * 1000

    assert spent_ms / 10_000 < 0.1


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        ([None, None], "  "),
        ([0.0, 0.0], "▁▁"),
        ([None, 0.0, 1.0, 10.0], " ▁▂█"),
        ([5.0], "█"),
    ],
)
def test_a_line_has_one_bar_a_value_and_gaps_where_none_is_known(values: list[float | None], line: str) -> None:
    assert sparkline(values) == line


@given(st.lists(st.none() | st.floats(0, 1e9)))
def test_any_line_is_as_long_as_its_values(values: list[float | None]) -> None:
    line = sparkline(values)

    assert len(line) == len(values)
    assert set(line) <= set(BARS + " ")


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("llm.request", {}),
        ("llm.request{outcome=ok}", {"outcome": "ok"}),
        ("llm.request{agent=dev,model=m,outcome=ok}", {"agent": "dev", "model": "m", "outcome": "ok"}),
        ("llm.request{agent=dev,model=a,b=c}{x,outcome=ok}", {"agent": "dev", "model": "a,b=c}{x", "outcome": "ok"}),
    ],
)
def test_a_series_name_gives_its_tags_back(name: str, tags: dict[str, str]) -> None:
    assert list(series_of("llm.request", {name: 1, "llm.requests{agent=dev}": 2})) == [(tags, 1)]
