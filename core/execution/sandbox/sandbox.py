"""What every sandbox offers: whether it holds here, and one command run in it to its end."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from core.execution.sandbox.command import CommandResult, Limits, SandboxedCommand
from core.execution.sandbox.supervisor import Ended
from core.kinds import CommandEnd, RungName
from core.text.sanitize import plain_line

PROBE_LIMITS = Limits(wall_seconds=10.0, cpu_seconds=10)
SHELL_SIGNAL = 128
NICENESS = 10  # the app has to stay quick while tests run


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


async def probe_command(sandbox: Sandbox) -> float | str:
    """Run a harmless command; return the seconds that it took, or in one line why it did not work."""
    folder = await asyncio.to_thread(_temporary_folder)
    try:
        result = await sandbox.run(SandboxedCommand(("true",), folder, limits=PROBE_LIMITS))
    except OSError as error:
        return error.strerror or str(error)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    if result.end == "exited" and result.exit_code == 0:
        return result.seconds
    said = result.stderr.decode(errors="replace").strip().splitlines()
    return plain_line(said[-1], limit=200) if said else f"it ended with {result.end} {result.exit_code}"


def _temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="quintet-probe-")).resolve()


def result_of(rung: RungName, ended: Ended, status: int | None, limit: CommandEnd | None = None) -> CommandResult:
    """Return how the command ended, from what the supervisor saw and from what the sandbox itself reported.

    The status is that of a shell: above 128 for a signal. None: the command did not run, its sandbox broke. `limit` is
    one that the kernel held.
    """
    end: CommandEnd
    if ended.limit is not None:
        end = ended.limit
    elif limit is not None:
        end = limit
    elif status is None:
        end = "lost"
    elif status == SHELL_SIGNAL + signal.SIGXCPU:
        end = "cpu_time"
    else:
        end = "signalled" if status > SHELL_SIGNAL else "exited"
    return CommandResult(
        end=end,
        exit_code=status if end == "exited" else None,
        stdout=ended.stdout,
        stderr=ended.stderr,
        seconds=ended.seconds,
        rung=rung,
        output_was_cut=ended.output_was_cut,
    )
