"""Draws the circuit breakers: a word in the header, a few lines in the sidebar, a block of the dashboard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from textual.content import Content

from core.state.waits import countdown
from core.text.sanitize import one_line
from tui.words.numbers import clock_time

if TYPE_CHECKING:
    from core.events import BreakerChanged
    from core.kinds import BreakerState
    from core.state.status import BreakerStatus

SIGNS: dict[BreakerState, tuple[str, str]] = {
    "closed": ("✓", "$text-success"),
    "open": ("✗", "$text-error"),
    "half-open": ("◐", "$text-warning"),
}
WIDEST_BAR = 10  # failures that fit into the sidebar's bar
NEWEST_CHANGES = 4
DIM = "$foreground 60%"


def open_words(retry_in_seconds: float) -> str:
    """Return how long a breaker stays open: "open 42 s"; once that is over, the next call tries."""
    return f"open {countdown(retry_in_seconds)}" if retry_in_seconds > 0 else "open, retry due"


def breaker_summary(breakers: Iterable[BreakerStatus]) -> Content:
    """Return the worst breaker's state, for the header: "✗ breaker open 42 s"."""
    by_state = {breaker.state: breaker for breaker in reversed(tuple(breakers))}
    state: BreakerState = "open" if "open" in by_state else "half-open" if "half-open" in by_state else "closed"
    sign, style = SIGNS[state]
    words = open_words(by_state[state].retry_in_seconds) if state == "open" else state
    return Content.styled(f"{sign} breaker {words}", style)


def breaker_lines(breaker: BreakerStatus, head: Content, width: int) -> Iterator[Content]:
    """Return one breaker for a narrow column: its state after `head`, its failures, its name."""
    yield head + _state(breaker, indent="  ")
    if breaker.state == "closed":  # an open one counts from 0 again, which would look like health
        filled = min(breaker.failures, breaker.threshold)
        bar = "▮" * filled + "▯" * (breaker.threshold - filled) if breaker.threshold <= WIDEST_BAR else ""
        yield Content(f" fails {bar} {breaker.failures}/{breaker.threshold}")
    yield Content.styled(f" {one_line(breaker.name, width - 1)}", DIM)


def breaker_row(breaker: BreakerStatus) -> Content:
    """Return one breaker in one line."""
    fails = f"  fails {breaker.failures}/{breaker.threshold}" if breaker.state == "closed" else ""
    return _state(breaker) + Content(f"{fails}  {one_line(breaker.name, 80)}")


def breaker_changes(changes: Iterable[BreakerChanged], now: float) -> Iterator[Content]:
    """Return the last changes of state, newest first, with their age; `now` is monotonic seconds."""
    for change in list(reversed(tuple(changes)))[:NEWEST_CHANGES]:
        sign, style = SIGNS[change.new]
        age = Content.styled(f"{clock_time(now - change.at):>6} ago ", DIM)
        words = Content.styled(f"{change.old} → {sign} {change.new}", style)
        yield age + words + Content(f"  {one_line(change.name, 80)}")


def _state(breaker: BreakerStatus, indent: str = "") -> Content:
    sign, style = SIGNS[breaker.state]
    words = open_words(breaker.retry_in_seconds) if breaker.state == "open" else breaker.state
    return Content.styled(f"{indent}{sign} {words}", style)
