"""Every setting with its value and its source, as people and scripts may read it: without secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, SecretStr

from core.settings.schema.catalogue import TableSetting, setting_fields, table_settings
from core.settings.schema.origin import Origin
from core.settings.schema.sections import Settings
from core.text.redaction import MASK, redact
from core.text.sanitize import escape_unprintable


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """One setting: `value` is a JSON value, None when it is not set; `source` has file and line where they are known."""

    name: str
    value: object
    source: str


def overview(settings: Settings) -> Iterator[ShownSetting]:
    """Return all settings in the order of the documents; of tables, what was written in them."""
    for name in setting_fields():
        yield _shown(name, settings.value_of(name), settings.origin_of(name))
    for tables in table_settings().values():
        yield from _shown_tables(settings, tables)
    for action, key in settings.keys.items():
        yield _shown(f"keys.{action}", key, settings.origin_of(f"keys.{action}"))


def json_value(value: object) -> object:
    """Return a value of a setting as a JSON value without control characters; a secret as ***."""
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, tuple):
        return [json_value(item) for item in value]
    return escape_unprintable(redact(str(value))) if isinstance(value, str | Path) else value


def _shown_tables(settings: Settings, tables: TableSetting) -> Iterator[ShownSetting]:
    found = settings.value_of(tables.name)
    if isinstance(found, dict):
        for key, table in found.items():
            origin = settings.origin_of(f"{tables.name}.{key}")
            yield from _shown_table(f"{tables.name}.{json.dumps(key, ensure_ascii=False)}", table, origin)
    elif isinstance(found, tuple):
        for index, table in enumerate(found):
            yield from _shown_table(f"{tables.name}[{index}]", table, settings.origin_of(tables.name))


def _shown_table(name: str, table: BaseModel, origin: Origin) -> Iterator[ShownSetting]:
    for field in type(table).model_fields:
        if field in table.model_fields_set:
            yield _shown(f"{name}.{field}", getattr(table, field), origin)


def _shown(name: str, value: object, origin: Origin) -> ShownSetting:
    return ShownSetting(escape_unprintable(name), json_value(value), escape_unprintable(origin.place))
