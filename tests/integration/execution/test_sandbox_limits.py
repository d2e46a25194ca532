"""Every way in which a sandboxed command can end has its name, and nothing of its tree is left afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import psutil
import pytest

from core.execution.sandbox.command import MEBIBYTE, CommandResult, Limits, SandboxedCommand
from core.execution.sandbox.sandbox import Sandbox
from core.execution.sandbox.visible import SYSTEM_PATH, interpreter_paths
from core.kinds import CommandEnd

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandboxes tried here are those of Linux")

ROOT = Path(__file__).parents[3]
PLENTY = Limits(wall_seconds=120, cpu_seconds=60)
FORK_BOMB = "import os\nwhile True:\n    os.fork()"
ENDS: dict[str, tuple[str, Limits, CommandEnd, int | None]] = {
    "returns": ("print('done')", PLENTY, "exited", 0),
    "exits by itself": ("raise SystemExit(7)", PLENTY, "exited", 7),
    "kills itself": ("import os; os.kill(os.getpid(), 9)", PLENTY, "signalled", None),
    "waits for ever": ("import time; time.sleep(1000)", Limits(wall_seconds=1), "wall_time", None),
    "computes for ever": ("while True: pass", Limits(wall_seconds=120, cpu_seconds=1), "cpu_time", None),
    "eats memory": (
        "x = []\nwhile True: x.append(bytearray(1 << 20))",
        Limits(wall_seconds=120, memory_bytes=200 * MEBIBYTE),
        "memory",
        None,
    ),
    "forks for ever": (FORK_BOMB, Limits(wall_seconds=120, processes=20), "processes", None),
    "fills the disk": (
        "for i in range(1000): open(f'f{i}', 'wb').write(bytes(8 << 20))",
        Limits(wall_seconds=120, disk_bytes=64 * MEBIBYTE),
        "disk",
        None,
    ),
    "prints for ever": ("while True: print('x' * 1000)", Limits(wall_seconds=120, output_bytes=10_000), "output", None),
    "writes a large file": ("open('f', 'wb').write(bytes(32 << 20))", PLENTY, "exited", 1),
}


async def run_python(sandbox: Sandbox, folder: Path, source: str, limits: Limits = PLENTY) -> CommandResult:
    return await sandbox.run(
        SandboxedCommand((sys.executable, "-c", source), folder, interpreter_paths(), limits=limits)
    )


def descendants() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


async def open_pipes() -> int:
    """Count pipes, sockets and processes that are open; a thread may still be looking at a file of /proc."""
    for _ in range(10):
        await asyncio.sleep(0)  # asyncio closes its ends with the next turns of its loop
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            count += not str(descriptor.readlink()).startswith("/")
    return count


@pytest.mark.parametrize("way", ENDS)
async def test_each_end_has_its_name(sandbox: Sandbox, tmp_path: Path, way: str) -> None:
    source, limits, end, exit_code = ENDS[way]
    before = await open_pipes()
    result = await run_python(sandbox, tmp_path, source, limits)
    assert (result.end, result.exit_code) == (end, exit_code), result
    assert len(result.stdout) <= limits.output_bytes
    assert descendants() == []
    assert await open_pipes() <= before


async def test_a_daemon_that_keeps_the_pipes_open_ends_with_its_command(sandbox: Sandbox, tmp_path: Path) -> None:
    source = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(1000)\n"
        "    os._exit(0)\n"
        "os.wait(); print('left')"
    )
    result = await run_python(sandbox, tmp_path, source)
    assert (result.end, result.stdout) == ("exited", b"left\n")
    assert descendants() == []


async def test_a_cancelled_command_is_gone_with_all_it_started(sandbox: Sandbox, tmp_path: Path) -> None:
    source = "import os, pathlib, time\nos.fork()\npathlib.Path(f'up{os.getpid()}').touch()\ntime.sleep(1000)"
    running = asyncio.create_task(run_python(sandbox, tmp_path, source))
    while len(list(tmp_path.glob("up*"))) < 2:  # noqa: ASYNC110  # a folder tells nobody when something is in it
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert descendants() == []


async def test_a_command_that_is_not_there_is_lost_with_its_reason(sandbox: Sandbox, tmp_path: Path) -> None:
    result = await sandbox.run(SandboxedCommand(("no-such-program",), tmp_path))
    assert result.end == "lost"
    assert b"no-such-program" in result.stderr


async def test_input_that_nobody_reads_does_no_harm(sandbox: Sandbox, tmp_path: Path) -> None:
    taken = await sandbox.run(SandboxedCommand(("cat",), tmp_path, stdin=b"words"))
    assert taken.stdout == b"words"
    ignored = await sandbox.run(SandboxedCommand(("true",), tmp_path, stdin=bytes(MEBIBYTE)))
    assert ignored.end == "exited"


async def test_the_temporary_folder_is_bounded_too(sandbox: Sandbox, tmp_path: Path) -> None:
    source = (
        "import os, time\n"
        "for i in range(32): open(os.environ['TMPDIR'] + f'/f{i}', 'wb').write(bytes(8 << 20))\n"
        "time.sleep(1000)"
    )
    result = await run_python(sandbox, tmp_path, source, Limits(wall_seconds=120, disk_bytes=64 * MEBIBYTE))
    # A file system of its own is full; a folder of the machine is looked at.
    assert result.end == "disk" or b"No space left" in result.stderr, result


@pytest.mark.parametrize(
    "argv", [("node", "-e", "console.log(1 + 1)"), ("sh", "-c", "echo $((1 + 1))"), ("awk", "BEGIN { print 1 + 1 }")]
)
async def test_programs_of_the_system_work(sandbox: Sandbox, tmp_path: Path, argv: tuple[str, ...]) -> None:
    if not any(Path(folder, argv[0]).exists() for folder in SYSTEM_PATH.split(":")):
        pytest.skip(f"there is no {argv[0]} here")
    result = await sandbox.run(SandboxedCommand(argv, tmp_path))
    assert (result.end, result.stdout) == ("exited", b"2\n"), result


# A process of its own runs a sandbox, so that it can be killed: argument 1 is the rung, 2 the folder.
OWNER = """
import asyncio, sys
from pathlib import Path
from core.execution.sandbox.command import SandboxedCommand
from core.execution.sandbox.ladder import rungs
from core.execution.sandbox.visible import interpreter_paths
from core.settings import ExecutionSettings

source = (
    "import os, pathlib, time; os.fork(); os.setsid() if os.getpgrp() != os.getpid() else None\\n"
    "pathlib.Path(f'up{os.getpid()}').touch(); pathlib.Path(os.environ['TMPDIR'], 'x').touch(); time.sleep(1000)"
)
(sandbox,) = rungs(ExecutionSettings(sandbox=sys.argv[1]))
command = SandboxedCommand((sys.executable, "-c", source), Path(sys.argv[2]), interpreter_paths())
asyncio.run(sandbox.run(command))
"""


async def test_nothing_is_left_when_quintet_itself_is_killed(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, temporary = tmp_path / "work", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", OWNER, sandbox.name, str(folder))
    while len(list(folder.glob("up*"))) < 2:  # noqa: ASYNC110  # as above
        await asyncio.sleep(0)
    tree = psutil.Process(owner.pid).children(recursive=True)
    assert len(tree) >= 3
    owner.kill()
    await owner.wait()
    _, alive = await asyncio.to_thread(psutil.wait_procs, tree, timeout=60)
    assert not alive
    assert list(temporary.iterdir()) == []
