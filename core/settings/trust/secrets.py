"""Finds the secrets among values as they were found, however deep in tables and lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from pydantic import SecretStr

from core.settings.schema.leaves import all_leaves, all_tables, leaves_of_table
from core.settings.schema.origin import Given


def secrets_in(given: Given) -> Iterator[str]:
    """Return the secrets that a value is or holds."""
    return _secrets(given.name.rpartition(".")[2], given.value)


@cache
def _secret_fields() -> frozenset[str]:
    leaves = [*all_leaves().values(), *(leaf for tables in all_tables().values() for leaf in leaves_of_table(tables))]
    return frozenset(leaf.field for leaf in leaves if leaf.secret)


def _secrets(name: str, value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _secrets(str(key), item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets(name, item)
    elif name in _secret_fields():
        yield value.get_secret_value() if isinstance(value, SecretStr) else str(value)
