"""What one source of settings gave: values as found, and everything that was wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.settings.schema.origin import Given, Kind, Origin


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A configuration file and the short name people know it by."""

    path: Path
    shown: str
    kind: Kind

    def origin(self, rest: str, line: int | None = None) -> Origin:
        """Return the origin of what the rest of its label names, as in "config.toml" + " [llm] model"."""
        return Origin(self.kind, f"{self.shown}{rest}", self.path, line, self.shown)


@dataclass(slots=True)
class Reading:
    """Values by dotted name; `problems` stop the start, `warnings` do not."""

    values: dict[str, Given] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(
        self, name: str, value: object, origin: Origin, lines: Mapping[tuple[str | int, ...], int] | None = None
    ) -> None:
        self.values[name] = Given(name, value, origin, lines or {})
