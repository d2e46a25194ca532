"""Numbers as people read them in a narrow column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.state.waits import countdown

if TYPE_CHECKING:
    from core.spending.costs import Cost


def clock_time(seconds: float) -> str:
    """Return minutes and seconds, with hours when there are any: 0:14, 1:02:05."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    if hours:
        return f"{hours}:{rest // 60:02}:{rest % 60:02}"
    return f"{rest // 60}:{rest % 60:02}"


def duration(seconds: float) -> str:
    """Return how long something took: 0.4 s, 33 s, 1:26."""
    return countdown(seconds) if seconds < 60 else clock_time(seconds)


def count(number: int) -> str:
    """Return a count in at most five characters: 412, 8.1k, 2.3M."""
    if number < 10_000:
        return str(number)
    if number < 1_000_000:
        return f"{number / 1000:.1f}k" if number < 100_000 else f"{number // 1000}k"
    return f"{number / 1_000_000:.1f}M"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 file, 5 files."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(size_bytes: int) -> str:
    """Return a file size: 812 B, 1.2 kB, 3.4 MB."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    if size_bytes < 1_000_000:
        return f"{size_bytes / 1000:.1f} kB"
    return f"{size_bytes / 1_000_000:.1f} MB"


def seconds(value: float | None) -> str:
    """Return a latency in at most four characters; a dash while there is none."""
    if value is None:
        return "-"
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def cost_words(cost: Cost) -> str:
    """Return a price: $0.0123; "0 local" when all calls ran on this machine, "-" while it is not known."""
    words = cost.words()
    return f"0 {words}" if words == "local" else words
