"""The container rung: podman or docker, only where it is asked for, with an image that is on this machine already."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import subprocess
from typing import ClassVar

from core.execution.sandbox.command import CommandResult, SandboxedCommand
from core.execution.sandbox.process_tree import NO_PROCESS, THREADS_PER_PROCESS
from core.execution.sandbox.sandbox import ProbeResult, Sandbox, probe_command, result_of
from core.execution.sandbox.supervisor import Lifeline, supervise
from core.execution.sandbox.visible import environment_of
from core.kinds import CommandEnd, RungName

ENGINES = ("podman", "docker")
TEMPORARY = "/tmp"  # noqa: S108  # inside: a file system of the container's own
ANSWER_SECONDS = 20.0
# What a client needs to find its engine; none of it is handed on to the container.
CLIENT_VARIABLES = ("PATH", "HOME", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CONTEXT", "CONTAINER_HOST")


class Container(Sandbox):
    """One container a command, without network and rights; the engine's own limits bound memory and processes."""

    name: ClassVar[RungName] = "container"

    def __init__(self, image: str) -> None:
        self._image = image
        self._engine = next((path for name in ENGINES if (path := shutil.which(name))), None)

    async def probe(self) -> ProbeResult:
        if self._engine is None:
            return ProbeResult(False, "neither podman nor docker is installed", "install podman")
        version = await asyncio.to_thread(_ask, self._engine, "--version")
        if await asyncio.to_thread(_ask, self._engine, "image", "inspect", "--format", "{{.Id}}", self._image) is None:
            pull = f"`{os.path.basename(self._engine)} pull {self._image}`"  # noqa: PTH119
            return ProbeResult(
                False, f"the image {self._image} is not on this machine, or its engine does not run", f"run {pull}"
            )
        result = await probe_command(self)
        if isinstance(result, str):
            return ProbeResult(False, f"a container cannot be started ({result})", "see what the engine's log says")
        return ProbeResult(True, f"{version}, image {self._image}, a start takes {result * 1000:.0f} ms")

    @property
    def not_covered(self) -> tuple[str, ...]:
        return ("the CPU time of all processes together: it is bounded for each",)

    async def run(self, command: SandboxedCommand) -> CommandResult:
        engine = self._engine or ENGINES[-1]
        name = f"quintet-{secrets.token_hex(8)}"
        lifeline = _Engine(engine, name)
        ended = await supervise(
            [engine, *container_arguments(command, name, self._image, keeps_user="podman" in engine)],
            environment=_client_environment(),
            folder=command.folder,
            stdin=command.stdin,
            limits=command.limits,
            pass_fds=(),
            lifeline=lifeline,
        )
        return result_of(self.name, ended, lifeline.exit_status, lifeline.limit)


class _Engine(Lifeline):
    """The container of one command; it is the engine's child, and is taken away when the command has ended."""

    def __init__(self, engine: str, name: str) -> None:
        self._engine = engine
        self._name = name
        self.exit_status: int | None = None
        self.limit: CommandEnd | None = None

    async def begin(self, pid: int) -> int | None:  # noqa: ARG002  # the client's children are not the container's
        return NO_PROCESS

    async def kill(self) -> None:
        state = "{{.State.StartedAt}} {{.State.OOMKilled}} {{.State.ExitCode}}"
        said = await asyncio.to_thread(_ask, self._engine, "inspect", "--format", state, self._name)
        if said and not said.startswith("0001-"):  # the year of a container that never started
            *_, out_of_memory, code = said.split()
            self.limit = "memory" if out_of_memory == "true" else None
            self.exit_status = int(code)
        await asyncio.to_thread(_ask, self._engine, "rm", "--force", "--volumes", self._name)


def container_arguments(command: SandboxedCommand, name: str, image: str, *, keeps_user: bool) -> list[str]:
    """Return the arguments of the engine for one command; `keeps_user` is for podman without root."""
    limits = command.limits
    folder = str(command.folder)
    arguments = [
        *("run", "--name", name, "--interactive", "--pull", "never", "--network", "none", "--read-only", "--init"),
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--ipc", "private", "--hostname", "sandbox"),
        *("--user", f"{os.getuid()}:{os.getgid()}", "--workdir", folder),
        *("--pids-limit", str(limits.processes * THREADS_PER_PROCESS)),
        *("--memory", str(limits.memory_bytes), "--memory-swap", str(limits.memory_bytes)),
        *("--ulimit", f"cpu={limits.cpu_seconds}", "--ulimit", f"fsize={limits.file_bytes}"),
        *("--ulimit", f"nofile={limits.open_files}", "--ulimit", "core=0"),
        *("--tmpfs", f"{TEMPORARY}:rw,nosuid,nodev,exec,size={limits.disk_bytes},mode=1777"),
        *("--mount", f"type=bind,source={folder},target={folder}"),
    ]
    if keeps_user and os.getuid() != 0:
        arguments += ["--userns", "keep-id"]
    for path in command.readable:
        arguments += ["--mount", f"type=bind,source={path},target={path},readonly"]
    for variable, value in environment_of(command, TEMPORARY).items():
        arguments += ["--env", f"{variable}={value}"]
    program, *words = command.argv
    return [*arguments, "--entrypoint", program, image, *words]


def _client_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in CLIENT_VARIABLES if name in os.environ}


def _ask(engine: str, *arguments: str) -> str | None:
    """Return what the engine answers in one line, None where it fails or does not answer."""
    try:
        done = subprocess.run(  # noqa: S603
            [engine, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=_client_environment(),
            timeout=ANSWER_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
