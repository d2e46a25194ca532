"""A command to run in a sandbox, its limits, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.kinds import CommandEnd, RungName

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What a command may use; the whole process tree counts. A command that exceeds one is ended, and its end says which."""

    wall_seconds: float = 60.0
    cpu_seconds: int = 60
    memory_bytes: int = 1024 * MEBIBYTE
    processes: int = 64
    file_bytes: int = 16 * MEBIBYTE
    disk_bytes: int = 256 * MEBIBYTE
    output_bytes: int = MEBIBYTE
    open_files: int = 256


@dataclass(frozen=True, slots=True)
class SandboxedCommand:
    """A program and its arguments, and all that it may see.

    `folder` is the working folder and the only place that can be written; it has the same path inside and outside.
    `readable` are further files and folders, read-only; the system's own programs and libraries are always readable.
    `environment` is all there is beside PATH, HOME (the folder), LANG and TMPDIR, unless it names those too.
    """

    argv: tuple[str, ...]
    folder: Path
    readable: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended: `exit_code` is None unless it exited by itself; output is cut at the limit, its beginning kept."""

    end: CommandEnd
    exit_code: int | None
    stdout: bytes
    stderr: bytes
    seconds: float
    rung: RungName
    output_was_cut: bool = False
