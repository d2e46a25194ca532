"""What a terminal sends becomes text, wherever its reads are split."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.terminal.input_bytes import InputBytes


def decoded(*reads: bytes) -> str:
    source = InputBytes()
    return "".join(source.feed(read) for read in reads)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain", "plain"),
        ("naïve €".encode(), "naïve €"),
        (b"caf\xe9!", "caf!"),
        (b"\x1b[M !\xff", ""),
        (b"a\x1b[M\xff\xff\xffb", "ab"),
        (b'\x1b[M !!\x1b[M #"x', "x"),
        (b"\x1b[<0;1;1M", "\x1b[<0;1;1M"),
        (b"\x1b[A", "\x1b[A"),
        (b"\x1b", "\x1b"),
    ],
)
def test_what_is_no_text_is_dropped(data: bytes, text: str) -> None:
    assert decoded(data) == text


@given(st.binary(max_size=40), st.integers(0, 40))
def test_it_makes_no_difference_where_a_read_ends(data: bytes, place: int) -> None:
    # The end of one read may be the beginning of a report: it is held back until the next.
    end = b"|||"

    assert decoded(data[:place], data[place:] + end) == decoded(data + end)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x1b")))
def test_text_comes_through_as_it_is(text: str) -> None:
    assert decoded(text.encode()) == text
