"""One run at a time in an output folder: who holds it is named, and what a killed run left behind counts for nothing."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import WorkspaceError
from core.workspace.files.folder import OutputFolder
from core.workspace.files.run_lock import LOCK_NAME, HeldError, RunLock
from core.workspace.files.tree import open_folder
from tests.unit.workspace.test_output_folder import BY_DESCRIPTOR

DEAD = 2**31 - 2  # no system gives numbers that high
HOLD = """
import sys
from pathlib import Path
from core.workspace.files.folder import OutputFolder
folder = OutputFolder(Path(sys.argv[1])); folder.prepare(for_run=True)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("by_descriptor", BY_DESCRIPTOR)
def test_a_second_run_does_not_get_a_folder_that_is_held(tmp_path: Path, by_descriptor: bool) -> None:
    first = OutputFolder(tmp_path / "out", by_descriptor=by_descriptor)
    first.prepare(for_run=True)
    second = OutputFolder(tmp_path / "out", by_descriptor=by_descriptor)

    with pytest.raises(HeldError, match=rf"another run \(process {os.getpid()}\) writes to this folder"):
        second.prepare(for_run=True)
    second.prepare()  # looking is no run
    first.close()
    first.close()
    second.prepare(for_run=True)
    second.close()

    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_the_lock_of_a_killed_process_counts_for_nothing(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(HeldError, match=rf"process {holder.pid}\)"):
            OutputFolder(tmp_path).prepare(for_run=True)
        holder.send_signal(signal.SIGKILL)

    later = OutputFolder(tmp_path)
    later.prepare(for_run=True)

    assert json.loads((tmp_path / ".quintet" / LOCK_NAME).read_text())["process"] == os.getpid()
    later.close()


def put_lock(folder: Path, **other: object) -> None:
    """Leave the file of a run on this machine, but for what is given."""
    OutputFolder(folder).prepare(for_run=True)  # nobody keeps it, so that it ends at once
    lock = folder / ".quintet" / LOCK_NAME
    lock.write_text(json.dumps({**json.loads(lock.read_text()), **other}))


@pytest.mark.parametrize(
    ("said", "holder"),
    [
        ({}, rf"another run \(process {os.getpid()}\)"),
        ({"process": DEAD}, None),
        ({"boot": "another"}, None),
        ({"process": DEAD, "host": "elsewhere"}, rf"another run \(process {DEAD} on elsewhere\)"),
        ({"process": "x"}, "another run writes"),
        ({"process": 10**30}, "another run writes"),
        ({"process": -1}, "another run writes"),
    ],
    ids=[
        "alive",
        "dead",
        "another boot",
        "another host",
        "a word",
        "too large",
        "negative",
    ],  # the same in every process
)
def test_where_the_file_system_knows_no_locks_the_file_counts_unless_its_process_is_gone(
    tmp_path: Path, said: dict[str, object], holder: str | None
) -> None:
    put_lock(tmp_path, **said)

    def take() -> RunLock | None:
        return RunLock.take(lambda: open_folder(tmp_path, (".quintet",), create=True), try_lock=lambda _: None)

    if holder is not None:
        with pytest.raises(HeldError, match=holder):
            take()
        return
    lock = take()
    assert lock is not None
    with pytest.raises(HeldError):
        take()
    lock.release()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"process": null}', "[" * 1000, "\0" * 2000])
def test_a_lock_that_says_nothing_holds_all_the_same(tmp_path: Path, text: str) -> None:
    first = OutputFolder(tmp_path)
    first.prepare(for_run=True)
    (tmp_path / ".quintet" / LOCK_NAME).write_text(text)

    with pytest.raises(HeldError, match=r"^another run writes to this folder"):
        OutputFolder(tmp_path).prepare(for_run=True)
    first.close()


def test_the_host_of_a_lock_cannot_write_on_the_screen(tmp_path: Path) -> None:
    put_lock(tmp_path, host="a\x1b[2J\nb" + "c" * 300)

    with pytest.raises(HeldError) as raised:
        RunLock.take(lambda: open_folder(tmp_path, (".quintet",), create=True), try_lock=lambda _: None)

    assert "\x1b" not in raised.value.message
    assert "\n" not in raised.value.message
    assert len(raised.value.message) < 250
    assert platform.node() != "a"


def put_link(lock: Path, elsewhere: Path) -> None:
    lock.symlink_to(elsewhere)


def link_folder(lock: Path, elsewhere: Path) -> None:
    lock.parent.rmdir()
    lock.parent.symlink_to(elsewhere.parent)


def put_folder(lock: Path, elsewhere: Path) -> None:
    lock.mkdir()


def put_file(lock: Path, elsewhere: Path) -> None:
    lock.parent.rmdir()
    lock.parent.write_text("a file")


@pytest.mark.parametrize("plant", [put_link, link_folder, put_folder, put_file])
def test_what_lies_in_the_place_of_the_lock_is_left_alone(tmp_path: Path, plant: Callable[[Path, Path], None]) -> None:
    (tmp_path / "elsewhere").mkdir()
    elsewhere = tmp_path / "elsewhere" / "theirs"
    elsewhere.write_text("theirs")
    lock = tmp_path / "out" / ".quintet" / LOCK_NAME
    lock.parent.mkdir(parents=True)
    plant(lock, elsewhere)

    folder = OutputFolder(tmp_path / "out")
    folder.prepare(for_run=True)
    folder.close()

    assert elsewhere.read_text() == "theirs"
    assert [path.name for path in elsewhere.parent.iterdir()] == ["theirs"]


def test_a_folder_that_cannot_be_written_is_named_before_its_lock(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(WorkspaceError, match="is not a folder"):
        OutputFolder(tmp_path / "file").prepare(for_run=True)
