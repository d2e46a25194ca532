"""Nothing was executed: the typed answer of everything that would have executed something."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NotExecuted:
    """Why tests were not executed at all, and what to do so that they can be."""

    reason: str
    hint: str
