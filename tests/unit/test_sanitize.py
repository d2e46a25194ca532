"""Foreign text is harmless after each way of cleaning it, and says what it said."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.sanitize import (
    escape_controls,
    escape_unprintable,
    many_lines,
    one_line,
    plain_line,
    plain_paragraphs,
    printable_line,
    show_controls,
    storable,
    strip_controls,
)

ATTACK = "a\x1b[31mb\x07\r\nc\td\u202ee\u200bf\ud83dg\U000e0041h"
FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"  # one emoji of three, held together by joiners
ONE_LINE: dict[str, Callable[[str], str]] = {
    "one_line": one_line,
    "printable_line": printable_line,
    "plain_line": lambda text: plain_line(text, limit=200),
    "escape_controls": escape_controls,
    "escape_unprintable": escape_unprintable,
}
SEVERAL_LINES: dict[str, Callable[[str], str]] = {
    "many_lines": many_lines,
    "strip_controls": strip_controls,
    "plain_paragraphs": lambda text: plain_paragraphs(text, limit=200),
}


@pytest.mark.parametrize(
    ("clean", "shown"),
    [
        (storable, "a\x1b[31mb\x07\nc\td\u202ee\u200bf\ufffdg\U000e0041h"),
        (strip_controls, "ab\nc\tdef\ufffdgh"),
        (one_line, "a [31mb c d e f g h"),
        (printable_line, "a [31mb c d e f g h"),
        (many_lines, "a[31mb\nc\tdefgh"),
        (show_controls, "a␛[31mb␇␍␊c\td⟨U+202E⟩e⟨U+200B⟩f⟨U+D83D⟩g⟨U+E0041⟩h"),
        (escape_controls, r"a\x1b[31mb\x07\r\nc\td\u202ee\u200bf\ud83dg\U000e0041h"),
        (escape_unprintable, r"a\x1b[31mb\x07\r\nc\td\u202ee\u200bf\ud83dg\U000e0041h"),
    ],
)
def test_what_becomes_of_a_harmful_character_is_what_the_name_says(clean: Callable[[str], str], shown: str) -> None:
    assert clean(ATTACK) == shown


READABLE = [
    FAMILY,
    "\u2764\ufe0f\u200d\U0001f525",
    "\U0001f3f3\ufe0f\u200d\U0001f308 1\ufe0f\u20e3",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian
    "\u0915\u094d\u200d\u0937 \u0d28\u0d4d\u200d",  # Devanagari, Malayalam
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",  # Hebrew, Arabic
    "\u845b\U000e0100",  # a variant of an ideograph
    "e\u0301 \u1100\u1161",
]
HIDDEN = [
    "a\u200db",
    "a\u200c",
    "1\u200d2",
    "\u200d",
    "b\ufe00\ufe01",
    "\U0001f600\U000e0101",
    "x\u3164y",
    "\u00ad",
    "\u200f",
]


@pytest.mark.parametrize("clean", [strip_controls, one_line, many_lines, show_controls, escape_controls, storable])
@pytest.mark.parametrize("text", READABLE, ids=ascii)
def test_what_belongs_together_stays_together(clean: Callable[[str], str], text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize("text", HIDDEN, ids=ascii)
def test_what_only_hides_a_difference_is_shown_by_its_number_and_left_out_of_plain_text(text: str) -> None:
    assert "\u27e8U+" in show_controls(text)
    assert strip_controls(text) != text
    assert "\\" in escape_controls(text)


@pytest.mark.parametrize("name", [*ONE_LINE, *SEVERAL_LINES])
@given(text=st.text(st.characters(), max_size=50))
def test_nothing_that_a_terminal_obeys_is_left(name: str, text: str) -> None:
    kept = "" if name in ONE_LINE else "\n\t"

    cleaned = {**ONE_LINE, **SEVERAL_LINES}[name](text)

    assert {unicodedata.category(char) for char in cleaned if char not in kept}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})


@given(text=st.text(st.characters(), max_size=300), limit=st.integers(1, 100))
def test_a_line_is_no_longer_than_it_may_be(text: str, limit: int) -> None:
    assert len(one_line(text, limit)) <= limit
    assert len(printable_line(text, limit)) <= limit
    assert len(plain_line(text, limit=limit)) <= limit
