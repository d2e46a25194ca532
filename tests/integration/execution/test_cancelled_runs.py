"""Tests that are stopped while they run: no process and no temporary folder is left, whenever that is."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from core.execution.evidence.deliverable import Deliverable
from core.execution.evidence.evidence import Evidence
from core.execution.runners.registry import RUNNERS
from core.execution.sandbox.bubblewrap import Bubblewrap, find_bwrap
from core.execution.sandbox.command import Limits, SandboxedCommand
from core.execution.verify import verify
from tests.support.python_trees import write_tree

pytestmark = pytest.mark.skipif(find_bwrap() is None, reason="there is no bubblewrap for this machine")

NEVER_ENDS = "import time\nfrom tool import f\n\ndef test_x():\n    open('started', 'w').close()\n    time.sleep(600)\n"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


async def stopped(folder: Path, is_time: Callable[[], bool], *, turns: int) -> None:
    tree = write_tree(folder, {"tool.py": "def f():\n    return 1\n", "test_x.py": NEVER_ENDS})
    delivered = Deliverable(tree, ("tool.py", "test_x.py"), ("tool.py",), ("test_x.py",), "Python")
    task: asyncio.Task[Evidence] = asyncio.create_task(
        verify(delivered, RUNNERS["pytest"], Bubblewrap(), Limits(wall_seconds=120))
    )
    while not is_time():
        await asyncio.wait({task}, timeout=0.01)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def left_over(folder: Path) -> tuple[list[str], list[psutil.Process]]:
    return [path.name for path in folder.iterdir()], psutil.Process().children(recursive=True)


async def test_tests_that_run_are_stopped_without_a_trace(tmp_path: Path, temporary: Path) -> None:
    await stopped(tmp_path, lambda: any(temporary.glob("*/whole/tree/started")), turns=0)

    assert left_over(temporary) == ([], [])


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 40, 200, 1000])
async def test_so_is_what_prepares_them(turns: int, tmp_path: Path, temporary: Path) -> None:
    await stopped(tmp_path, lambda: True, turns=turns)

    assert left_over(temporary) == ([], [])


async def test_two_runs_at_once_do_not_meet(tmp_path: Path) -> None:
    def delivered(name: str, value: int) -> Deliverable:
        tree = write_tree(tmp_path / name, {
            "tool.py": f"def f():\n    return {value}\n",
            "test_x.py": f"from tool import f\n\ndef test_x():\n    assert f() == {value}\n",
        })  # fmt: skip
        return Deliverable(tree, ("tool.py", "test_x.py"), ("tool.py",), ("test_x.py",), "Python")

    async with asyncio.TaskGroup() as group:
        runs = [
            group.create_task(verify(delivered(str(value), value), RUNNERS["pytest"], Bubblewrap(), Limits()))
            for value in (1, 2)
        ]

    assert [run.result().verdict for run in runs] == ["pass", "pass"]


async def test_copies_for_which_there_is_no_place_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = write_tree(tmp_path, {"tool.py": "def f():\n    return 1\n", "test_x.py": NEVER_ENDS})
    delivered = Deliverable(tree, ("tool.py", "test_x.py"), ("tool.py",), ("test_x.py",), "Python")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))

    evidence = await verify(delivered, RUNNERS["pytest"], Bubblewrap(), Limits())

    assert evidence.verdict == "not_executed"
    assert "No such file or directory" in evidence.reason


@pytest.mark.parametrize("turns", range(0, 24, 2))
async def test_a_sandbox_that_is_stopped_while_it_starts_ends(turns: int, tmp_path: Path) -> None:
    command = SandboxedCommand(("/bin/sleep", "600"), tmp_path, (), {}, b"x", Limits())
    task = asyncio.create_task(Bubblewrap().run(command))
    for _ in range(turns):
        await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert left_over(tmp_path) == ([], [])
