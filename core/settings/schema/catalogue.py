"""The catalogue of all settings, for everything that lists them: sources, error messages, sample files, documents."""

from __future__ import annotations

import json
import types
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from core.settings.schema.fields import Env, TakesEffect
from core.settings.schema.sections import Settings


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting: `env` holds its environment names, the documented one first; `allowed` says type and range.

    `section` is "" for a setting that stands above all tables.
    """

    section: str
    field: str
    env: tuple[str, ...]
    description: str
    allowed: str
    default: object
    example: object
    secret: bool
    takes_effect: TakesEffect

    @property
    def name(self) -> str:
        return f"{self.section}.{self.field}" if self.section else self.field


@dataclass(frozen=True, slots=True)
class TableSetting:
    """A setting that is made of whole tables: a list of them ([[alerts]]), or one for each name ([pricing."model"])."""

    name: str
    model: type[BaseModel]
    is_list: bool
    description: str

    def header(self, key: str = "") -> str:
        """Return the line a table of a config.toml begins with; `key` is the name that the user gives it."""
        return f"[[{self.name}]]" if self.is_list else f"[{self.name}.{json.dumps(key, ensure_ascii=False)}]"


@cache
def setting_fields() -> dict[str, SettingField]:
    """Return every setting by its dotted name, in the order of its declaration."""
    fields = [_setting_field("", field, info) for field, info in Settings.model_fields.items() if _has_env(info)]
    fields += [
        _setting_field(section, field, info)
        for section, model in sections().items()
        for field, info in model.model_fields.items()
        if f"{section}.{field}" not in table_settings()
    ]
    return {field.name: field for field in fields}


@cache
def table_settings() -> dict[str, TableSetting]:
    """Return every setting that is made of whole tables by its dotted name."""
    fields = dict(Settings.model_fields)
    for section, model in sections().items():
        fields |= {f"{section}.{field}": info for field, info in model.model_fields.items()}
    found = {name: _table_setting(name, info) for name, info in fields.items()}
    return {name: tables for name, tables in found.items() if tables}


def table_setting_of(name: str) -> TableSetting | None:
    """Return what a given value belongs to: itself, or for `pricing.some-model` the setting pricing."""
    found = table_settings().get(name)
    if found is None:
        found = table_settings().get(name.partition(".")[0])
    return found


def fields_of_table(tables: TableSetting) -> list[SettingField]:
    """Return what one of those tables may hold."""
    return [_setting_field(tables.name, field, info) for field, info in tables.model.model_fields.items()]


@cache
def sections() -> dict[str, type[BaseModel]]:
    """Return the tables with a fixed set of settings; `keys`, whose names are free, is not among them."""
    found: dict[str, type[BaseModel]] = {}
    for name, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            found[name] = info.annotation
    return found


@cache
def field_by_variable() -> dict[str, SettingField]:
    """Return every setting by each of its environment names."""
    return {env: field for field in setting_fields().values() for env in field.env}


def _has_env(info: FieldInfo) -> bool:
    return any(isinstance(mark, Env) for mark in info.metadata)


def _table_setting(name: str, info: FieldInfo) -> TableSetting | None:
    models = [part for part in get_args(info.annotation) if isinstance(part, type) and issubclass(part, BaseModel)]
    if not models:
        return None
    description = " ".join((info.description or "").split())
    return TableSetting(name, models[0], get_origin(info.annotation) is tuple, description)


def _setting_field(section: str, field: str, info: FieldInfo) -> SettingField:
    # A setting inside a table of a list has no environment name.
    env = next((mark for mark in info.metadata if isinstance(mark, Env)), Env())
    default = None if info.is_required() else info.get_default(call_default_factory=True, validated_data={})
    return SettingField(
        section=section,
        field=field,
        env=env.names,
        description=" ".join((info.description or "").split()),
        allowed=env.allowed or _allowed(info),
        default=default,
        example=info.examples[0] if info.examples else default,
        secret=_mentions(info.annotation, SecretStr),
        takes_effect=env.takes_effect,
    )


def _allowed(info: FieldInfo) -> str:
    plain = _plain_type(info.annotation)
    if get_origin(plain) is Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(plain))
    if plain is bool:
        return "true or false"
    if plain in {int, float}:
        return f"{'int' if plain is int else 'float'} {_range(info.metadata)}".rstrip()
    return "a path" if plain is Path else "text"


def _range(metadata: list[Any]) -> str:  # pydantic's metadata is untyped
    words = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}
    return " ".join(
        f"{word} {getattr(mark, bound)}" for mark in metadata for bound, word in words.items() if hasattr(mark, bound)
    )


def _plain_type(annotation: Any) -> Any:  # a type expression
    """Return the type under Annotated and `| None`."""
    if get_origin(annotation) in {Union, types.UnionType}:
        return _plain_type(next(part for part in get_args(annotation) if part is not type(None)))
    if hasattr(annotation, "__metadata__"):
        return _plain_type(get_args(annotation)[0])
    return annotation


def _mentions(annotation: Any, wanted: type) -> bool:  # a type expression
    return annotation is wanted or any(_mentions(part, wanted) for part in get_args(annotation))
