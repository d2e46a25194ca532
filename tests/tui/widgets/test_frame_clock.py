"""The shared clock paints dirty views together, at a rate that follows the cost, and rests when nothing is dirty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tui.widgets.stream.frame_clock import (
    FASTEST_PERIOD_SECONDS,
    FIRST_PERIOD_SECONDS,
    SLOWEST_PERIOD_SECONDS,
    FrameClock,
)


@dataclass
class Timeline:
    """Time and CPU time that move only when told, and the timers set on them."""

    now_seconds: float = 100.0
    spent_seconds: float = 0.0
    timers: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def call_later(self, delay_seconds: float, callback: Callable[[], None]) -> None:
        self.timers.append((self.now_seconds + delay_seconds, callback))

    def run_next(self) -> None:
        due, callback = self.timers.pop(0)
        self.now_seconds = max(self.now_seconds, due)
        callback()

    def clock(self) -> FrameClock:
        return FrameClock(now=lambda: self.now_seconds, spent=lambda: self.spent_seconds, call_later=self.call_later)


@dataclass(eq=False)
class View:
    timeline: Timeline
    cost_seconds: float = 0.0
    painted: int = 0

    def paint_frame(self) -> None:
        self.painted += 1
        self.timeline.spent_seconds += self.cost_seconds


@pytest.fixture
def timeline() -> Timeline:
    return Timeline()


def test_no_timer_runs_while_nothing_is_dirty(timeline: Timeline) -> None:
    clock, view = timeline.clock(), View(timeline)
    assert clock.is_idle
    assert timeline.timers == []

    clock.mark(view)
    timeline.run_next()

    assert view.painted == 1
    assert clock.is_idle
    assert timeline.timers == []


def test_many_tokens_of_many_views_make_one_frame(timeline: Timeline) -> None:
    clock, views = timeline.clock(), [View(timeline) for _ in range(5)]

    for _ in range(100):
        for view in views:
            clock.mark(view)

    assert len(timeline.timers) == 1
    timeline.run_next()
    assert [view.painted for view in views] == [1] * 5


def test_the_first_token_after_a_rest_is_painted_at_once(timeline: Timeline) -> None:
    clock, view = timeline.clock(), View(timeline)
    clock.mark(view)
    timeline.run_next()
    timeline.now_seconds += 60

    clock.mark(view)

    assert timeline.timers[0][0] == timeline.now_seconds


def test_frames_keep_their_distance(timeline: Timeline) -> None:
    clock, view = timeline.clock(), View(timeline)
    clock.mark(view)
    timeline.run_next()
    first_at = timeline.now_seconds

    clock.mark(view)
    timeline.run_next()

    assert timeline.now_seconds - first_at == pytest.approx(FIRST_PERIOD_SECONDS)


@pytest.mark.parametrize(
    ("cost_seconds", "period_seconds"),
    [(0.001, FASTEST_PERIOD_SECONDS), (0.04, 0.12), (0.5, SLOWEST_PERIOD_SECONDS)],
)
def test_the_rate_follows_the_cost_between_five_and_fifteen_a_second(
    timeline: Timeline, cost_seconds: float, period_seconds: float
) -> None:
    clock, view = timeline.clock(), View(timeline, cost_seconds)

    for _ in range(40):
        clock.mark(view)
        timeline.run_next()

    assert clock.period_seconds == pytest.approx(period_seconds, rel=0.05)


def test_work_done_while_the_clock_rested_is_not_the_cost_of_a_frame(timeline: Timeline) -> None:
    clock, view = timeline.clock(), View(timeline, 0.001)
    for _ in range(40):
        clock.mark(view)
        timeline.run_next()

    timeline.now_seconds += 60
    timeline.spent_seconds += 30
    clock.mark(view)
    timeline.run_next()

    assert clock.period_seconds == FASTEST_PERIOD_SECONDS


def test_a_view_that_is_gone_is_not_painted(timeline: Timeline) -> None:
    clock, view = timeline.clock(), View(timeline)
    clock.mark(view)

    clock.forget(view)
    timeline.run_next()

    assert view.painted == 0


def test_a_view_marked_while_painting_comes_with_the_next_frame(timeline: Timeline) -> None:
    clock = timeline.clock()

    class RepaintingView(View):
        def paint_frame(self) -> None:
            super().paint_frame()
            if self.painted == 1:
                clock.mark(self)

    view = RepaintingView(timeline)
    clock.mark(view)
    timeline.run_next()
    assert view.painted == 1
    assert len(timeline.timers) == 1

    timeline.run_next()
    assert view.painted == 2
    assert clock.is_idle


def test_a_view_that_fails_does_not_stop_the_clock(timeline: Timeline) -> None:
    clock, healthy = timeline.clock(), View(timeline)

    class Broken(View):
        def paint_frame(self) -> None:
            raise RuntimeError("broken view")

    clock.mark(Broken(timeline))
    clock.mark(healthy)
    with pytest.raises(RuntimeError):
        timeline.run_next()
    timeline.run_next()

    assert healthy.painted == 1
