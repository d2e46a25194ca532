"""Turns values as found into checked settings, and every fault into one line that says where the value stood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from core.redaction import MASK, redact
from core.settings.schema.fields import CrossFieldError
from core.settings.schema.leaves import Leaf, Tables, all_leaves, all_tables, leaves_of_table, tables_of
from core.settings.schema.loading import loading
from core.settings.schema.origin import Given
from core.settings.schema.sections import Settings
from core.text.suggest import did_you_mean

MAX_VALUE_LENGTH = 80  # of a wrong value in a message


@dataclass(frozen=True, slots=True)
class _Fault:
    """One rule that is broken: by one setting, or by several together; `inside` leads to the bad part of a table."""

    names: tuple[str, ...]
    reason: str
    inside: tuple[str | int, ...] = ()
    kind: str = ""


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
    """Return the first fault of every setting: a list with three bad items is one mistake, unless they are tables."""
    faults: dict[tuple[tuple[str, ...], tuple[str | int, ...]], _Fault] = {}
    for details in error.errors(include_url=False, include_input=False):
        section = str(details["loc"][0])
        cause = details.get("ctx", {}).get("error")
        name, inside = _split(details["loc"])
        names: tuple[str, ...] = (name,)
        if isinstance(cause, CrossFieldError):
            names, inside = tuple(f"{section}.{field}" for field in cause.fields), ()
        fault = _Fault(names, details["msg"].removeprefix("Value error, "), inside, details["type"])
        faults.setdefault((names, inside), fault)
    return list(faults.values())


def _split(place: tuple[str | int, ...]) -> tuple[str, tuple[str | int, ...]]:
    """Return the setting that pydantic found something wrong with, and the path to it inside a setting made of tables."""
    own, within = str(place[0]), ".".join(map(str, place[:2]))
    tables = all_tables()
    if own in tables:
        return (own, place[1:]) if tables[own].is_list else (within, place[2:])
    return within, place[2:] if within in tables else ()


def _describe(faults: list[_Fault], given: Mapping[str, Given]) -> Iterator[str]:
    for fault in faults:
        if len(fault.names) > 1:
            section = fault.names[0].partition(".")[0]
            yield f"{section}: {fault.reason} ({_sources(fault.names, given)})"
        elif tables := tables_of(fault.names[0]):
            yield _line_inside(given[fault.names[0]], tables, fault)
        else:
            yield _line(given[fault.names[0]], fault.reason)


def _sources(names: tuple[str, ...], given: Mapping[str, Given]) -> str:
    return ", ".join(given[name].origin.place if name in given else f"{name}: default" for name in names)


def _line(given: Given, reason: str) -> str:
    leaf = all_leaves().get(given.name)
    return f"{given.origin.place}: {_fact(given.name, given.value, leaf, reason)}"


def _line_inside(given: Given, tables: Tables, fault: _Fault) -> str:
    """Return the line of a fault inside a table: "config.toml:9 [[llm.fallbacks]] #2 models: unknown setting ..."."""
    *where, field = fault.inside or ("",)
    number = "".join(f" #{part + 1}" for part in (*where, field) if isinstance(part, int))
    leaves = {leaf.field: leaf for leaf in leaves_of_table(tables)}
    name = str(field) if isinstance(field, str) else ""
    place = f"{given.origin_inside(fault.inside).place}{number}{f' {name}' if name else ''}"
    dotted = f"{tables.name}.{name}"
    if fault.kind == "extra_forbidden":
        return f"{place}: unknown setting {dotted}{did_you_mean(name, leaves)}"
    if fault.kind == "missing":
        return f"{place}: is missing; allowed: {leaves[name].allowed}"
    if name not in leaves:
        return f"{place}: {fault.reason}"
    return f"{place}: {_fact(dotted, _value_at(given.value, fault.inside), leaves[name], fault.reason)}"


def _value_at(value: Any, path: tuple[str | int, ...]) -> object:  # as a file has it
    for part in path:
        value = value[part]
    return value


def _fact(name: str, value: object, leaf: Leaf | None, reason: str) -> str:
    shown = MASK if leaf and leaf.secret else show_value(value)
    return f"{name} = {shown}: {reason}; allowed: {leaf.allowed if leaf else 'text'}"


def show_value(value: object) -> str:
    """Return a value for a message: on one line, short, and without secrets."""
    if isinstance(value, SecretStr):
        return MASK
    text = redact(repr(str(value)) if isinstance(value, Path) else repr(value))
    return text if len(text) <= MAX_VALUE_LENGTH else text[: MAX_VALUE_LENGTH - 1] + "…"
