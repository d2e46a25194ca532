"""The rung of macOS: a Seatbelt profile for the program sandbox-exec, which every macOS has.

Written after Apple's profiles and what others run; no test of this project runs on macOS, and the report says so.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from core.execution.sandbox.command import CommandResult, SandboxedCommand
from core.execution.sandbox.process_tree import ProcessTree
from core.execution.sandbox.sandbox import SHELL_SIGNAL, ProbeResult, Sandbox, probe_command, result_of
from core.execution.sandbox.supervisor import Lifeline, supervise
from core.execution.sandbox.visible import environment_of
from core.kinds import RungName

PROGRAM = "/usr/bin/sandbox-exec"
SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/System",
    "/Library",
    "/opt/homebrew",
    "/private/var/db/dyld",
    "/private/etc/localtime",
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
BLOCK_BYTES = 512  # in which a shell counts the size of files


class Seatbelt(Sandbox):
    """Denies by default; reading is allowed for the system and what is named, writing for the folder."""

    name: ClassVar[RungName] = "seatbelt"

    async def probe(self) -> ProbeResult:
        if shutil.which(PROGRAM) is None:
            return ProbeResult(False, "sandbox-exec is not there", "macOS brings it")
        result = await probe_command(self)
        if isinstance(result, str):
            return ProbeResult(False, f"sandbox-exec cannot start a sandbox ({result})", "see Console for its reason")
        return ProbeResult(True, f"sandbox-exec, a start takes {result * 1000:.0f} ms")

    @property
    def not_covered(self) -> tuple[str, ...]:
        return (
            "processes that leave their session and their parent",
            "anything for certain: Quintet's own tests do not run on macOS",
        )

    async def run(self, command: SandboxedCommand) -> CommandResult:
        temporary = await asyncio.to_thread(_temporary_folder)
        try:
            ended = await supervise(
                seatbelt_arguments(command, temporary),
                environment=environment_of(command, str(temporary)),
                folder=command.folder,
                stdin=command.stdin,
                limits=command.limits,
                pass_fds=(),
                lifeline=_Session(),
                temporary=temporary,
            )
        finally:
            await asyncio.to_thread(shutil.rmtree, temporary, ignore_errors=True)
        code = ended.returncode
        return result_of(self.name, ended, code if code >= 0 else SHELL_SIGNAL - code)


class _Session(Lifeline):
    """The session of one command, and every process that descends from its first."""

    def __init__(self) -> None:
        self._pid: int | None = None

    async def begin(self, pid: int) -> int | None:
        self._pid = pid
        return pid

    async def kill(self) -> None:
        if self._pid is None:
            return
        tree = ProcessTree(self._pid)
        while members := await asyncio.to_thread(tree.members):
            for number in members:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(number, signal.SIGKILL)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)


def seatbelt_arguments(command: SandboxedCommand, temporary: Path) -> list[str]:
    """Return the whole command line; paths are parameters of the profile, so that none can be taken for a rule."""
    readable = [*SYSTEM, *map(str, command.readable)]
    writable = [str(command.folder), str(temporary)]
    parameters = {f"READ{at}": path for at, path in enumerate(readable)}
    parameters |= {f"WRITE{at}": path for at, path in enumerate(writable)}
    limits = command.limits
    bounds = (
        f"ulimit -t {limits.cpu_seconds}; ulimit -f {limits.file_bytes // BLOCK_BYTES}; "
        f'ulimit -n {limits.open_files}; ulimit -c 0; exec "$@"'
    )
    return [
        *(PROGRAM, "-p", _profile(len(readable), len(writable))),
        *(word for name, path in parameters.items() for word in ("-D", f"{name}={path}")),
        *("/bin/sh", "-c", bounds, "sh", *command.argv),
    ]


def _profile(readable: int, writable: int) -> str:
    read = _parameters("READ", readable) + _parameters("WRITE", writable)
    devices = " ".join(f'(literal "{name}")' for name in DEVICES)
    return "\n".join(
        [
            "(version 1)",
            "(deny default)",
            "(allow process-fork process-exec)",
            "(allow signal (target same-sandbox))",
            "(allow sysctl-read file-read-metadata)",
            f'(allow file-read* (literal "/") {read} {devices})',
            f'(allow file-write* {_parameters("WRITE", writable)} (literal "/dev/null"))',
        ]
    )


def _parameters(name: str, count: int) -> str:
    return " ".join(f'(subpath (param "{name}{at}"))' for at in range(count))


def _temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="quintet-sandbox-")).resolve()
