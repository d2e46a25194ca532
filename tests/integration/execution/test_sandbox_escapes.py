"""No way out of a sandbox works, on any that works here, and nothing outside is changed by the attempt."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.execution.sandbox.command import SandboxedCommand
from core.execution.sandbox.sandbox import Sandbox
from core.execution.sandbox.visible import interpreter_paths
from tests.support.sandbox_escapes import ESCAPES, program_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandboxes tried here are those of Linux")

ROOT = Path(__file__).parents[3]
MARKER = "sk-marker-of-the-outside"
SHARED = Path("/dev/shm/quintet-escape")  # noqa: S108
VICTIM = (
    "import ctypes, sys; held = ctypes.create_string_buffer(b'marker in memory')\n"
    "print(ctypes.addressof(held), flush=True); sys.stdin.read()  # victim"
)
# What a sandbox says of itself that it does not hold, and the attacks that it therefore may not hold.
ADMITTED = {
    "the times of files": {"touch a file outside"},
    "the modes and times of your own files": {"change rights outside", "change times outside", "touch a file outside"},
    "signals to your other programs": {"kill a process", "kill the parent", "stop the parent"},
}


@dataclass
class World:
    """Everything outside that an attack may reach for."""

    outside: Path
    told: dict[str, object]
    victim: subprocess.Popen[str]
    listeners: tuple[socket.socket, ...]

    def state(self) -> list[tuple[object, ...]]:
        """Return all that must not change."""
        files = sorted([self.outside, *self.outside.rglob("*")])
        kept = [
            (
                str(path),
                path.read_text() if path.is_file() else "",
                *((found := path.lstat()).st_mode, found.st_uid, found.st_nlink, found.st_mtime_ns),
                os.listxattr(path),
            )
            for path in files
        ]
        machine = (socket.gethostname(), Path("/proc/sys/kernel/core_pattern").read_text(), SHARED.exists())
        added = [Path(name).exists() for name in (f"{sys.prefix}/escaped", "/usr/escaped", "/sys/fs/cgroup/escaped")]
        return [*kept, machine, tuple(added)]

    def was_talked_to(self) -> bool:
        """Whether anything arrived at a listener."""
        for listener in self.listeners:
            try:
                if listener.type == socket.SOCK_DGRAM:
                    listener.recv(1)
                else:
                    listener.accept()
            except BlockingIOError:
                continue
            return True
        return False


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("LLM_API_KEY", MARKER)
    outside = tmp_path / "outside"
    (outside / ".ssh").mkdir(parents=True)
    secret = outside / "secret"
    secret.write_text(MARKER)
    (outside / ".ssh/id_rsa").write_text(MARKER)
    (outside / ".bashrc").write_text(MARKER)
    # Relative to it, because the path of a socket is bounded.
    monkeypatch.chdir(outside)
    abstract = f"quintet-{os.getpid()}-{tmp_path.name}"
    with ExitStack() as stack:

        def listen(kind: int, family: int, address: str | tuple[str, int]) -> socket.socket:
            listener = stack.enter_context(socket.socket(family, kind))
            listener.bind(address)
            if kind == socket.SOCK_STREAM:
                listener.listen()
            listener.setblocking(False)
            return listener

        tcp = listen(socket.SOCK_STREAM, socket.AF_INET, ("127.0.0.1", 0))
        udp = listen(socket.SOCK_DGRAM, socket.AF_INET, ("127.0.0.1", 0))
        named = listen(socket.SOCK_STREAM, socket.AF_UNIX, "socket")
        datagram = listen(socket.SOCK_DGRAM, socket.AF_UNIX, "datagram")
        hidden = listen(socket.SOCK_STREAM, socket.AF_UNIX, f"\0{abstract}")
        descriptor = os.open(secret, os.O_RDONLY)
        stack.callback(os.close, descriptor)
        os.set_inheritable(descriptor, True)
        victim = stack.enter_context(
            subprocess.Popen([sys.executable, "-c", VICTIM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        assert victim.stdin is not None
        assert victim.stdout is not None
        told = {
            "secret": str(secret),
            "outside": str(outside),
            "home": str(outside),
            "marker": MARKER,
            "tcp": tcp.getsockname()[1],
            "udp": udp.getsockname()[1],
            "unix": str(outside / "socket"),
            "datagram": str(outside / "datagram"),
            "abstract": abstract,
            "victim": victim.pid,
            "address": int(victim.stdout.readline()),
            "uid": os.getuid(),
        }
        yield World(outside, told, victim, (tcp, udp, named, datagram, hidden))
        victim.stdin.close()


@pytest.mark.parametrize("way", ESCAPES)
async def test_no_way_out(sandbox: Sandbox, way: str, world: World, tmp_path: Path) -> None:
    if any(way in ADMITTED.get(lack, ()) for lack in sandbox.not_covered):
        pytest.skip(f"{sandbox.name} says that it does not hold this")
    folder = tmp_path / "work"
    folder.mkdir()
    before = world.state()
    environment = {"WORLD": json.dumps(world.told)}
    argv = (sys.executable, "-c", program_of(way))
    result = await sandbox.run(SandboxedCommand(argv, folder, interpreter_paths(), environment))
    assert result.end == "exited", result
    assert result.exit_code == 0, result.stderr.decode()
    assert result.stdout.startswith(b"held"), result.stdout.decode()
    assert world.state() == before
    assert not world.was_talked_to()
    assert world.victim.poll() is None
    assert os.getpriority(os.PRIO_PROCESS, world.victim.pid) == os.getpriority(os.PRIO_PROCESS, 0)


# Runs as the leader of a session that has a terminal, as an app does: argument 1 is the rung, 2 the folder.
ON_A_TERMINAL = """
import asyncio, fcntl, sys, termios
from pathlib import Path
from core.execution.sandbox.command import SandboxedCommand
from core.execution.sandbox.ladder import rungs
from core.execution.sandbox.visible import interpreter_paths
from core.settings import ExecutionSettings
from tests.support.sandbox_escapes import program_of

fcntl.ioctl(0, termios.TIOCSCTTY, 0)
open("/dev/tty").close()
(sandbox,) = rungs(ExecutionSettings(sandbox=sys.argv[1]))
argv = (sys.executable, "-c", program_of("type into the terminal"))
told = {"WORLD": '{"secret": "", "outside": "", "marker": "", "victim": 0}'}
result = asyncio.run(sandbox.run(SandboxedCommand(argv, Path(sys.argv[2]), interpreter_paths(), told)))
print(result.stdout.decode())
"""


def test_the_terminal_of_the_user_is_out_of_reach(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))
    leader, follower = os.openpty()
    try:
        ended = subprocess.run(
            [sys.executable, "-c", ON_A_TERMINAL, sandbox.name, str(tmp_path)],
            stdin=follower,
            capture_output=True,
            text=True,
            start_new_session=True,
            check=False,
        )
    finally:
        os.close(leader)
        os.close(follower)
    assert ended.stdout.startswith("held"), ended


async def test_a_port_that_is_bound_inside_is_not_bound_outside(sandbox: Sandbox, tmp_path: Path) -> None:
    source = (
        "import socket, pathlib, time\n"
        "s = socket.create_server(('127.0.0.1', 0)); pathlib.Path('port').write_text(str(s.getsockname()[1]))\n"
        "c = socket.create_connection(s.getsockname()); s.settimeout(0); s.accept(); c.close()\n"
        "s.settimeout(1)\n"
        "try: s.accept()\n"
        "except TimeoutError: print('nobody came')"
    )
    result = await sandbox.run(SandboxedCommand((sys.executable, "-c", source), tmp_path, interpreter_paths()))
    assert b"nobody came" in result.stdout or b"Permission denied" in result.stderr, result


async def test_modes_and_times_can_be_changed_inside(sandbox: Sandbox, tmp_path: Path) -> None:
    source = (
        "import os, shutil, subprocess, tempfile\n"
        "open('a', 'w').write('#!/bin/sh\\necho it runs\\n'); os.chmod('a', 0o755); os.utime('a', (5, 6.5))\n"
        "shutil.copy2('a', 'b'); os.chmod(tempfile.mkdtemp(), 0o750)\n"
        "with open('c', 'w') as file: os.fchmod(file.fileno(), 0o600); os.utime(file.fileno(), (7, 8))\n"
        "for name in 'abc': found = os.stat(name); print(oct(found.st_mode & 0o777), found.st_mtime)\n"
        "subprocess.run('./b', check=True)"
    )
    result = await sandbox.run(SandboxedCommand((sys.executable, "-u", "-c", source), tmp_path, interpreter_paths()))
    assert result.stdout.decode().splitlines() == ["0o755 6.5", "0o755 6.5", "0o600 8.0", "it runs"], result
