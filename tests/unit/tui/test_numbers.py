"""Numbers as people read them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tui.words import numbers


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (numbers.clock_time, 14.9, "0:14"),
        (numbers.clock_time, 3725, "1:02:05"),
        (numbers.clock_time, -1, "0:00"),
        (numbers.duration, 0.42, "0.4 s"),
        (numbers.duration, 86, "1:26"),
        (numbers.count, 412, "412"),
        (numbers.count, 12_345, "12.3k"),
        (numbers.count, 123_456, "123k"),
        (numbers.count, 2_345_678, "2.3M"),
        (numbers.size, 812, "812 B"),
        (numbers.size, 1234, "1.2 kB"),
        (numbers.size, 3_400_000, "3.4 MB"),
        (numbers.seconds, None, "-"),
        (numbers.seconds, 2.14, "2.1"),
        (numbers.seconds, 120, "120"),
    ],
)
def test_a_number_is_short_and_plain(write: Callable[[float | None], str], value: float | None, text: str) -> None:
    assert write(value) == text
