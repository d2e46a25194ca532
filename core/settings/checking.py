"""Turns values as found into checked settings, and every fault into one line that says where the value stood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr, ValidationError

from core.settings.fields import CrossFieldError
from core.settings.leaves import all_leaves
from core.settings.loading import loading
from core.settings.origin import Given
from core.settings.redaction import MASK, redact
from core.settings.sections import Settings

MAX_VALUE_LENGTH = 80  # of a wrong value in a message


@dataclass(frozen=True, slots=True)
class _Fault:
    """One rule that is broken: by one setting, or by several together."""

    names: tuple[str, ...]
    reason: str


def check(given: Mapping[str, Given], cwd: Path) -> tuple[Settings, list[str]]:
    """Return the settings and all problems; where there are problems the settings hold defaults.

    pydantic does not look at rules between two settings while one of them is bad. So the bad ones are dropped and
    the rest is checked again, until nothing is left to find.
    """
    left = dict(given)
    problems: list[str] = []
    while True:
        try:
            with loading(left, cwd):
                return Settings(), problems
        except ValidationError as error:
            faults = _faults(error)
        problems += _describe(faults, left)
        bad = {name for fault in faults for name in fault.names}
        if bad.isdisjoint(left):
            raise AssertionError(f"the default of {', '.join(sorted(bad))} is not valid")
        left = {name: value for name, value in left.items() if name not in bad}


def _faults(error: ValidationError) -> list[_Fault]:
    """Return the first fault of every setting: a list with three bad items is one mistake."""
    faults: dict[tuple[str, ...], _Fault] = {}
    for details in error.errors(include_url=False, include_input=False):
        section = str(details["loc"][0])
        cause = details.get("ctx", {}).get("error")
        fields = cause.fields if isinstance(cause, CrossFieldError) else (str(details["loc"][1]),)
        names = tuple(f"{section}.{field}" for field in fields)
        faults.setdefault(names, _Fault(names, details["msg"].removeprefix("Value error, ")))
    return list(faults.values())


def _describe(faults: list[_Fault], given: Mapping[str, Given]) -> Iterator[str]:
    for fault in faults:
        if len(fault.names) == 1:
            yield _line(given[fault.names[0]], fault.reason)
        else:
            section = fault.names[0].partition(".")[0]
            yield f"{section}: {fault.reason} ({_sources(fault.names, given)})"


def _sources(names: tuple[str, ...], given: Mapping[str, Given]) -> str:
    return ", ".join(given[name].origin.label if name in given else f"{name}: default" for name in names)


def _line(given: Given, reason: str) -> str:
    leaf = all_leaves().get(given.name)
    allowed = leaf.allowed if leaf else "text"
    shown = MASK if leaf and leaf.secret else show_value(given.value)
    return f"{given.origin.label}: {given.name} = {shown}: {reason}; allowed: {allowed}"


def show_value(value: object) -> str:
    """Return a value for a message: on one line, short, and without secrets."""
    if isinstance(value, SecretStr):
        return MASK
    text = redact(repr(str(value)) if isinstance(value, Path) else repr(value))
    return text if len(text) <= MAX_VALUE_LENGTH else text[: MAX_VALUE_LENGTH - 1] + "…"
