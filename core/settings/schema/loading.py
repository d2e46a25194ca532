"""Hands what our own readers found to pydantic-settings, one load at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from core.settings.schema.origin import Given


@dataclass(frozen=True, slots=True)
class Load:
    """The values of one load by dotted name, and the folder that relative paths start at."""

    given: Mapping[str, Given]
    folder: Path


_NOTHING = Load({}, Path())
# Not an attribute of the class: two threads may load two projects.
_current: ContextVar[Load] = ContextVar("load", default=_NOTHING)


@contextmanager
def loading(given: Mapping[str, Given], folder: Path) -> Iterator[None]:
    """Let every Settings() inside take these values."""
    token = _current.set(Load(given, folder))
    try:
        yield
    finally:
        _current.reset(token)


def current_folder() -> Path:
    """Return the folder of the load that is under way; outside of one "." (relative paths stay relative)."""
    return _current.get().folder


class GivenSource(PydanticBaseSettingsSource):
    """The values of the load that is under way; none outside of one."""

    def __call__(self) -> dict[str, Any]:  # as the base class has it
        found = {name: self.get_field_value(info, name)[0] for name, info in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return one table; an empty one too, so that a fault in a default is reported with its table."""
        prefix = f"{field_name}."
        given = _current.get().given
        if field.default_factory is None:  # no table: a value of its own, or a list
            return (given[field_name].value if field_name in given else None), field_name, False
        table = {name.removeprefix(prefix): found.value for name, found in given.items() if name.startswith(prefix)}
        return table, field_name, False
