"""The Landlock rung: no namespaces; the kernel denies the process files, sockets and signals outside of what it is given."""

from __future__ import annotations

import json
import marshal
import os
import secrets
import sys
import tempfile
from pathlib import Path
from typing import ClassVar, Self

from core.execution.sandbox.command import CommandResult, SandboxedCommand
from core.execution.sandbox.descriptors import holding, read_lines
from core.execution.sandbox.landlock.lock import landlock_version
from core.execution.sandbox.process_tree import THREADS_PER_PROCESS
from core.execution.sandbox.sandbox import NICENESS, ProbeResult, Sandbox, probe_command, result_of
from core.execution.sandbox.seccomp import filter_program
from core.execution.sandbox.supervisor import Lifeline, supervise
from core.execution.sandbox.visible import environment_of, system_paths
from core.kinds import RungName

ROOT = Path(__file__).parents[4]
KEEPER = "import sys; sys.path.append(sys.argv[1]); from core.execution.sandbox.landlock.keeper import main; main()"
LEAST_VERSION = 3  # below it files can be emptied that cannot be written
SIGNALS_VERSION = 6
CAP_SYS_PTRACE, DESCENDANTS_ONLY = 19, 1
READABLE_DEVICES = ("/dev/zero", "/dev/random", "/dev/urandom")
WRITABLE_DEVICES = ("/dev/null", "/dev/full")


class Landlock(Sandbox):
    """Landlock with a filter of system calls, limits, and for root another user."""

    name: ClassVar[RungName] = "landlock"

    async def probe(self) -> ProbeResult:
        if sys.platform != "linux":
            return ProbeResult(False, "there is no Landlock on this system")
        version = landlock_version()
        if version < LEAST_VERSION:
            found = f"this kernel's Landlock is version {version}" if version else "this kernel has no Landlock"
            return ProbeResult(False, found, f"Linux 6.2 or newer has version {LEAST_VERSION}")
        if filter_program(own_network=False) is None:
            return ProbeResult(False, f"there is no filter of system calls for {os.uname().machine}")
        result = await probe_command(self)
        if isinstance(result, str):
            return ProbeResult(False, f"Landlock cannot start a sandbox ({result})", "see `quintet doctor`")
        return ProbeResult(True, f"Landlock version {version}, a start takes {result * 1000:.0f} ms")

    @property
    def not_covered(self) -> tuple[str, ...]:
        lacks = ["looking up whether a file exists, its size and times"]
        if not _can_look_into_processes():
            lacks.append("the times of files" if os.geteuid() == 0 else "the modes and times of your own files")
        if os.geteuid() != 0 and landlock_version() < SIGNALS_VERSION:
            lacks.append("signals to your other programs")
        return tuple(lacks)

    async def run(self, command: SandboxedCommand) -> CommandResult:
        temporary = Path(tempfile.gettempdir()) / f"quintet-sandbox-{secrets.token_hex(8)}"
        status_read, status_write = os.pipe()
        control_read, control_write = os.pipe()
        handed = [holding(_config(command, str(temporary))), status_write, control_read]
        with _Keeper(status_read, control_write) as lifeline:
            ended = await supervise(
                [sys.executable, "-I", "-S", "-c", KEEPER, str(ROOT), *map(str, handed)],
                environment={},
                folder=command.folder,
                stdin=command.stdin,
                limits=command.limits,
                pass_fds=handed,
                lifeline=lifeline,
                temporary=temporary,
            )
            return result_of(self.name, ended, lifeline.exit_status)


class _Keeper(Lifeline):
    """The process that keeps the command: it ends the tree, however it came to its end."""

    def __init__(self, status: int, control: int) -> None:
        self._status = status
        self._control: int | None = control
        self._has_failed = False
        self.exit_status: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._status)
        self._let_go()

    async def begin(self, pid: int) -> int | None:
        return pid if await self._hear() else None

    async def kill(self) -> None:
        self._let_go()
        while await self._hear():
            pass

    async def _hear(self) -> bool:
        """Take in what the keeper says; False when it will not say anything any more."""
        lines = await read_lines(self._status)
        for said in map(json.loads, lines):
            self.exit_status = said.get("status", self.exit_status)
            self._has_failed = self._has_failed or "failed" in said
        if self._has_failed:
            self.exit_status = None
        return bool(lines)

    def _let_go(self) -> None:
        if self._control is not None:
            os.close(self._control)
            self._control = None


def _config(command: SandboxedCommand, temporary: str) -> bytes:
    limits = command.limits
    asks = _can_look_into_processes()
    readable = [*system_paths(), *command.readable, *(Path(name) for name in READABLE_DEVICES)]
    config = {
        "argv": list(command.argv),
        "environment": environment_of(command, temporary),
        "temporary": temporary,
        "readable": [str(path) for path in readable],
        "own": [str(command.folder), temporary],
        "writable": [str(command.folder), temporary, *WRITABLE_DEVICES],
        "niceness": NICENESS,
        "limits": {
            "cpu_seconds": limits.cpu_seconds,
            "file_bytes": limits.file_bytes,
            "open_files": limits.open_files,
            "tasks": limits.processes * THREADS_PER_PROCESS,
        },
        "filter": filter_program(own_network=False, asks=asks) or b"",
        "asks": asks,
    }
    return marshal.dumps(config)


def _can_look_into_processes() -> bool:
    """Whether the keeper can read what a call of its command names: as root it needs a right, else the system's leave."""
    if os.geteuid() == 0:
        status = Path("/proc/self/status").read_text()
        effective = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
        return bool(int(effective, 16) >> CAP_SYS_PTRACE & 1)
    try:
        return int(Path("/proc/sys/kernel/yama/ptrace_scope").read_text()) <= DESCENDANTS_ONLY
    except OSError:  # the system knows no such bound
        return True
