"""What every sandbox offers: whether it holds here, and one command run in it to its end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from core.execution.sandbox.command import CommandResult, SandboxedCommand
from core.kinds import RungName


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Whether a sandbox works here: `detail` says what it is or what is wrong, `hint` what to do about that."""

    works: bool
    detail: str
    hint: str = ""


class Sandbox(ABC):
    """One rung of the ladder: no network, a read-only system, one writable folder, nothing of the user's environment."""

    name: ClassVar[RungName]

    @abstractmethod
    async def probe(self) -> ProbeResult:
        """Try a harmless command in it; never raises."""

    @abstractmethod
    async def run(self, command: SandboxedCommand) -> CommandResult:
        """Run a command to its end or to a limit; when this returns or is cancelled, its whole process tree is gone."""

    @property
    def not_covered(self) -> tuple[str, ...]:
        """What this rung does not hold back, in words for a report; empty when it holds all that is promised."""
        return ()
