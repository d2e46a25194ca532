"""Checks what scripts hand to the stable API: a mistake is a UsageError that says what was given and what is taken."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from core.errors import UsageError
from core.text.suggest import did_you_mean


def checked_text(name: str, given: object, *, hint: str, may_be_empty: bool = False) -> str:
    """Return a text; one without words only if it may be empty."""
    if not isinstance(given, str):
        raise UsageError(f"{name} is {given!r:.80}, and no text", hint=hint)
    if not may_be_empty and not given.strip():
        raise UsageError(f"{name} is empty", hint=hint)
    return given


def checked_path(name: str, given: object) -> Path:
    """Return a path that was given as text or as a path."""
    if not isinstance(given, Path | str) or not str(given).strip():
        raise UsageError(f"{name} is {given!r:.80}", hint="give a path as text or as a pathlib.Path")
    if "\0" in str(given):
        raise UsageError(f"{name} holds a NUL character", hint="no path may")
    return Path(given)


def checked_name(kind: str, given: object, known: Iterable[str], *, list_as: str) -> str:
    """Return a name that is one of those that are known."""
    names = list(known)
    if isinstance(given, str) and given in names:
        return given
    guess = _guess(given, names) if isinstance(given, str) else ""
    raise UsageError(f"there is no {kind} {given!r:.80}{guess}", hint=f"{list_as}: {', '.join(names)}")


def _guess(given: str, names: list[str]) -> str:
    """Return a guess at a mistyped name, else at one that was shortened: "qa" for qa_engineer."""
    longer = [name for name in names if given.strip() and given.strip().lower() in name.lower()]
    return did_you_mean(given.lower(), names) or (f" (did you mean {' or '.join(longer)}?)" if longer else "")
