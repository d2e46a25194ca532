"""An answer begins with its prefill once, whether the server repeats it or not, however it is cut into pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.llm.call.continuation import PrefillJoiner


def joined(prefill: str, pieces: list[str]) -> str:
    joiner = PrefillJoiner(prefill)
    return "".join([*(joiner.feed(piece) for piece in pieces), joiner.end()])


@pytest.mark.parametrize(
    ("prefill", "pieces", "whole"),
    [
        ("VERDICT:", [" PASS"], "VERDICT: PASS"),
        ("VERDICT:", ["VERDICT: PASS"], "VERDICT: PASS"),
        ("VERDICT:", ["VER", "DICT:", " PASS"], "VERDICT: PASS"),
        ("VERDICT:", ["VERY good"], "VERDICT:VERY good"),
        ("R1: ", ["\n", "R1: it works"], "\nR1: it works"),
        ("R1: ", ["it works"], "R1: it works"),
        ("", ["plain"], "plain"),
        ("VERDICT:", [], ""),
        ("VERDICT:", [" ", "\n"], ""),
        ("VERDICT:", ["VERD"], "VERDICT:VERD"),
    ],
)
def test_the_beginning_stands_there_once(prefill: str, pieces: list[str], whole: str) -> None:
    assert joined(prefill, pieces) == whole


@given(st.text(max_size=12), st.text(min_size=1, max_size=30), st.lists(st.integers(0, 40), max_size=6))
def test_pieces_make_no_difference(prefill: str, answer: str, cuts: list[int]) -> None:
    places = sorted({0, *(cut for cut in cuts if cut < len(answer)), len(answer)})
    pieces = [answer[start:end] for start, end in pairwise(places)]

    assert joined(prefill, pieces) == joined(prefill, [answer])
