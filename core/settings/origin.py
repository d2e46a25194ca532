"""Where the value of a setting came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["default", "project", "user", "dotenv", "environment", "command line"]


@dataclass(frozen=True, slots=True)
class Origin:
    """One source of one value; `label` is for people, `file` is None unless the value stood in a file."""

    kind: Kind
    label: str
    file: Path | None = None

    @property
    def in_project(self) -> bool:
        """True for files that lie in the folder Quintet was started in, and may be somebody else's."""
        return self.kind in {"project", "dotenv"}


DEFAULT = Origin("default", "default")


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was found, before any check; `name` is dotted ("llm.max_retries")."""

    name: str
    value: object
    origin: Origin
