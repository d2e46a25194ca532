"""What one source of settings gave: values as found, and everything that was wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from core.settings.origin import Given, Kind, Origin


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A configuration file and the short name people know it by."""

    path: Path
    shown: str
    kind: Kind

    def origin(self, label: str) -> Origin:
        return Origin(self.kind, label, self.path)


@dataclass(slots=True)
class Reading:
    """Values by dotted name; `problems` stop the start, `warnings` do not."""

    values: dict[str, Given] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, name: str, value: object, origin: Origin) -> None:
        self.values[name] = Given(name, value, origin)
