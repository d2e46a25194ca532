"""Guesses which name a mistyped one was meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

FILE_CUTOFF = 0.6  # in our own file a name is meant for us: suggest freely
FOREIGN_CUTOFF = 0.85  # in the environment other programs have names too: only near misses are ours


def suggest(name: str, known: Iterable[str], *, cutoff: float = FILE_CUTOFF) -> str | None:
    """Return the known name that is closest, or None."""
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=cutoff)), None)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return " (did you mean X?)", or nothing."""
    guess = suggest(name, known)
    return f" (did you mean {guess}?)" if guess else ""
