"""One walk over all settings, for everything that lists them: sources, error messages, sample files, documents."""

from __future__ import annotations

import json
import types
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from core.settings.schema.fields import Env
from core.settings.schema.sections import Settings


@dataclass(frozen=True, slots=True)
class Leaf:
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

    @property
    def name(self) -> str:
        return f"{self.section}.{self.field}" if self.section else self.field


@dataclass(frozen=True, slots=True)
class Tables:
    """A setting that is made of whole tables: a list of them ([[alerts]]), or one for each name ([pricing."model"])."""

    name: str
    model: type[BaseModel]
    is_list: bool
    description: str

    def header(self, key: str = "") -> str:
        """Return the line a table of a config.toml begins with; `key` is the name that the user gives it."""
        return f"[[{self.name}]]" if self.is_list else f"[{self.name}.{json.dumps(key, ensure_ascii=False)}]"


@cache
def all_leaves() -> dict[str, Leaf]:
    """Return every setting by its dotted name, in the order of its declaration."""
    leaves = [_leaf("", field, info) for field, info in Settings.model_fields.items() if _has_env(info)]
    leaves += [
        _leaf(section, field, info)
        for section, model in sections().items()
        for field, info in model.model_fields.items()
        if f"{section}.{field}" not in all_tables()
    ]
    return {leaf.name: leaf for leaf in leaves}


@cache
def all_tables() -> dict[str, Tables]:
    """Return every setting that is made of whole tables by its dotted name."""
    fields = dict(Settings.model_fields)
    for section, model in sections().items():
        fields |= {f"{section}.{field}": info for field, info in model.model_fields.items()}
    found = {name: _tables(name, info) for name, info in fields.items()}
    return {name: tables for name, tables in found.items() if tables}


def tables_of(name: str) -> Tables | None:
    """Return what a given value belongs to: itself, or for `pricing.some-model` the setting pricing."""
    found = all_tables().get(name)
    if found is None:
        found = all_tables().get(name.partition(".")[0])
    return found


def leaves_of_table(tables: Tables) -> list[Leaf]:
    """Return what one of those tables may hold."""
    return [_leaf(tables.name, field, info) for field, info in tables.model.model_fields.items()]


@cache
def sections() -> dict[str, type[BaseModel]]:
    """Return the tables with a fixed set of settings; `keys`, whose names are free, is not among them."""
    found: dict[str, type[BaseModel]] = {}
    for name, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            found[name] = info.annotation
    return found


@cache
def leaf_by_env() -> dict[str, Leaf]:
    """Return every setting by each of its environment names."""
    return {env: leaf for leaf in all_leaves().values() for env in leaf.env}


def _has_env(info: FieldInfo) -> bool:
    return any(isinstance(mark, Env) for mark in info.metadata)


def _tables(name: str, info: FieldInfo) -> Tables | None:
    models = [part for part in get_args(info.annotation) if isinstance(part, type) and issubclass(part, BaseModel)]
    if not models:
        return None
    description = " ".join((info.description or "").split())
    return Tables(name, models[0], get_origin(info.annotation) is tuple, description)


def _leaf(section: str, field: str, info: FieldInfo) -> Leaf:
    # A setting inside a table of a list has no environment name.
    env = next((mark for mark in info.metadata if isinstance(mark, Env)), Env())
    default = None if info.is_required() else info.get_default(call_default_factory=True, validated_data={})
    return Leaf(
        section=section,
        field=field,
        env=env.names,
        description=" ".join((info.description or "").split()),
        allowed=env.allowed or _allowed(info),
        default=default,
        example=info.examples[0] if info.examples else default,
        secret=_mentions(info.annotation, SecretStr),
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
