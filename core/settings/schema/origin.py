"""A value of the configuration as it was found, with the place it stood in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

OriginKind = Literal["default", "profile", "project", "user", "keyring", "dotenv", "environment", "command line"]


@dataclass(frozen=True, slots=True)
class Origin:
    """One source of one value; `label` is for people, `file` and `line` are None unless the value stood in a file.

    `shown` is the short name of that file; the label begins with it.
    """

    kind: OriginKind
    label: str
    file: Path | None = None
    line: int | None = None
    shown: str = ""

    @property
    def place(self) -> str:
        """The label, with the line where it is known: "config.toml:7 [llm] model"."""
        if self.line is None:
            return self.label
        return f"{self.shown}:{self.line}{self.label.removeprefix(self.shown)}"

    @property
    def in_project(self) -> bool:
        """True for files that lie in the folder Quintet was started in, and may be somebody else's."""
        return self.kind in {"project", "dotenv"}


DEFAULT = Origin("default", "default")


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """A value as it was found, before any check; `name` is dotted ("llm.max_retries").

    `lines` holds the lines of what is inside the value, by the path to it: (1, "model") of the second table of a list.
    """

    name: str
    value: object
    origin: Origin
    lines: Mapping[tuple[str | int, ...], int] = field(default_factory=dict)

    def origin_inside(self, path: tuple[str | int, ...]) -> Origin:
        """Return the origin with the line of the innermost part of the path that has a line of its own."""
        lengths = range(len(path), 0, -1)
        line = next((self.lines[path[:length]] for length in lengths if path[:length] in self.lines), self.origin.line)
        return replace(self.origin, line=line)
