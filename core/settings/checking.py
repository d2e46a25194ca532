"""Turns values as found into checked settings, and every fault into one line that says where the value stood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from core.settings.schema.catalogue import (
    SettingField,
    TableSetting,
    fields_of_table,
    sections,
    setting_fields,
    table_setting_of,
    table_settings,
)
from core.settings.schema.fields import CrossFieldError, relative_to
from core.settings.schema.finding import Finding
from core.settings.schema.origin import SourcedValue
from core.settings.schema.sections import Settings
from core.text.redaction import MASK, redact
from core.text.suggest import did_you_mean

MAX_VALUE_LENGTH = 80  # of a wrong value in a message


@dataclass(frozen=True, slots=True)
class _Fault:
    """One rule that is broken: by one setting, or by several together; `inside` leads to the bad part of a table."""

    names: tuple[str, ...]
    reason: str
    inside: tuple[str | int, ...] = ()
    kind: str = ""


def check(values: Mapping[str, SourcedValue], folder: Path) -> tuple[Settings, list[Finding]]:
    """Return the settings and all problems; where there are problems the settings hold defaults.

    pydantic does not look at rules between two settings while one of them is bad. So the bad ones are dropped and
    the rest is checked again, until nothing is left to find.
    """
    left = dict(values)
    problems: list[Finding] = []
    while True:
        try:
            with relative_to(folder):
                return Settings(**_by_section(left)), problems
        except ValidationError as error:
            faults = _faults(error)
        problems += _describe(faults, left)
        bad = {name for fault in faults for name in fault.names}
        if bad.isdisjoint(left):
            raise AssertionError(f"the default of {', '.join(sorted(bad))} is not valid")
        left = {name: value for name, value in left.items() if name not in bad}


def _by_section(values: Mapping[str, SourcedValue]) -> dict[str, Any]:  # as files have them
    # Sections of which nothing is said too, so that a fault in a default is reported with its section.
    tables: dict[str, Any] = {section: {} for section in sections()}
    for name, found in values.items():
        section, _, field = name.partition(".")
        if field:
            tables.setdefault(section, {})[field] = found.value
        else:
            tables[section] = found.value
    return tables


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
    tables = table_settings()
    if own in tables:
        return (own, place[1:]) if tables[own].is_list else (within, place[2:])
    return within, place[2:] if within in tables else ()


def _describe(faults: list[_Fault], values: Mapping[str, SourcedValue]) -> Iterator[Finding]:
    for fault in faults:
        if len(fault.names) > 1:
            section = fault.names[0].partition(".")[0]
            sources = _sources(fault.names, values)
            yield Finding(
                "error", f"{section}: {fault.reason} ({sources})", setting=", ".join(fault.names), source=sources
            )
        elif tables := table_setting_of(fault.names[0]):
            yield _line_inside(values[fault.names[0]], tables, fault)
        else:
            yield _line(values[fault.names[0]], fault.reason)


def _sources(names: tuple[str, ...], values: Mapping[str, SourcedValue]) -> str:
    return ", ".join(values[name].origin.place if name in values else f"{name}: default" for name in names)


def _line(found: SourcedValue, reason: str) -> Finding:
    return value_finding(found.name, found.value, setting_fields().get(found.name), found.origin.place, reason)


def _line_inside(found: SourcedValue, tables: TableSetting, fault: _Fault) -> Finding:
    """Return what is said of a fault inside a table: "config.toml:9 [[llm.fallbacks]] #2 models: unknown setting ..."."""
    *where, field = fault.inside or ("",)
    number = "".join(f" #{part + 1}" for part in (*where, field) if isinstance(part, int))
    fields = {setting.field: setting for setting in fields_of_table(tables)}
    name = str(field) if isinstance(field, str) else ""
    place = f"{found.origin_inside(fault.inside).place}{number}{f' {name}' if name else ''}"
    dotted = f"{tables.name}.{name}"
    if fault.kind == "extra_forbidden":
        message, hint = f"{place}: unknown setting {dotted}{did_you_mean(name, fields)}", ""
    elif fault.kind == "missing":
        message, hint = f"{place}: is missing", f"allowed: {fields[name].allowed}"
    elif name not in fields:
        message, hint = f"{place}: {fault.reason}", ""
    else:
        return value_finding(dotted, _value_at(found.value, fault.inside), fields[name], place, fault.reason)
    return Finding("error", message, hint, dotted if name else tables.name, source=place)


def _value_at(value: Any, path: tuple[str | int, ...]) -> object:  # as a file has it
    for part in path:
        value = value[part]
    return value


def value_finding(name: str, value: object, field: SettingField | None, place: str, reason: str) -> Finding:
    """Return what is said of a value that a rule refuses."""
    secret = field is not None and field.secret
    message = f"{place}: {name} = {MASK if secret else show_value(value)}: {reason}"
    allowed = f"allowed: {field.allowed if field else 'text'}"
    return Finding("error", message, allowed, name, MASK if secret else plain_value(value), place)


def doubt(settings: Settings, message: str, *names: str, hint: str = "") -> Finding:
    """Return a warning about settings; the first of them is the one to change, and its value is quoted."""
    value = settings.value_of(names[0])
    shown = None if value is None or isinstance(value, tuple | dict) else plain_value(value)
    sources = ", ".join(dict.fromkeys(settings.origin_of(name).place for name in names))
    return Finding("warning", message, hint, ", ".join(names), shown, sources)


def show_value(value: object) -> str:
    """Return a value for a message: on one line, short, and without secrets."""
    if isinstance(value, SecretStr):
        return MASK
    text = redact(repr(str(value)) if isinstance(value, Path) else repr(value))
    return text if len(text) <= MAX_VALUE_LENGTH else text[: MAX_VALUE_LENGTH - 1] + "…"


def plain_value(value: object) -> str:
    """Return a value as it was written, for scripts: short, and without secrets."""
    text = MASK if isinstance(value, SecretStr) else redact(str(value))
    return text if len(text) <= MAX_VALUE_LENGTH else text[: MAX_VALUE_LENGTH - 1] + "…"
