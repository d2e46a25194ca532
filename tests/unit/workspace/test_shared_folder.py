"""An output folder that others reach too: swapped while we write, or used by an earlier run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import ArtifactError, WorkspaceError
from core.workspace.files.folder import OutputFolder
from core.workspace.files.manifest import WrittenFile
from core.workspace.files.tree import HAS_DESCRIPTORS

BY_DESCRIPTOR = [pytest.param(True, marks=pytest.mark.skipif(not HAS_DESCRIPTORS, reason="needs POSIX")), False]
TASK = "Build it"


@pytest.fixture(params=BY_DESCRIPTOR, ids=["descriptors", "paths"] if HAS_DESCRIPTORS else None)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> OutputFolder:
    made = OutputFolder(tmp_path / "parent" / "out", by_descriptor=request.param)
    made.prepare()
    made.describe(run_id="first", task=TASK, workflow="delivery")
    return made


def write(folder: OutputFolder, path: str, text: str = "x = 1\n") -> WrittenFile:
    return folder.write(path, text, role="code", agent_id="developer", round=0, status="ok")


def put_link(root: Path, elsewhere: Path) -> None:
    root.rename(root.with_name("moved"))
    root.symlink_to(elsewhere)


def put_other_folder(root: Path, elsewhere: Path) -> None:
    root.rename(root.with_name("moved"))
    elsewhere.rename(root)


def put_new_folder(root: Path, elsewhere: Path) -> None:
    shutil.rmtree(root)
    root.mkdir()


def put_file(root: Path, elsewhere: Path) -> None:
    shutil.rmtree(root)
    root.write_text("a file")


def link_parent(root: Path, elsewhere: Path) -> None:
    (elsewhere / root.name).mkdir()
    root.parent.rename(root.parent.with_name("moved"))
    root.parent.symlink_to(elsewhere)


def move_away(root: Path, elsewhere: Path) -> None:
    root.rename(root.with_name("moved"))


SWAPS: list[tuple[Callable[[Path, Path], None], str]] = [
    (put_link, "was replaced by a link"),
    (put_other_folder, "was replaced by another folder"),
    (put_new_folder, "was replaced by another folder"),
    (put_file, "was replaced by a file"),
    (link_parent, "was replaced by another folder"),
    (lambda root, _: shutil.rmtree(root), "was removed"),
    (move_away, "was removed"),
    (lambda root, _: shutil.rmtree(root.parent), "was removed"),
]


@pytest.mark.parametrize(
    ("swap", "told"), SWAPS, ids=[f"{number}-{told[4:]}" for number, (_, told) in enumerate(SWAPS)]
)
def test_a_folder_that_is_another_one_now_is_named_and_left_alone(
    folder: OutputFolder,
    tmp_path: Path,
    swap: Callable[[Path, Path], None],
    told: str,
    request: pytest.FixtureRequest,
) -> None:
    if swap is put_new_folder and not request.node.callspec.params["folder"]:
        pytest.skip("without a descriptor that stays open, the new folder may get the number of the old one")
    write(folder, "a.py")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.py").write_text("theirs")

    swap(folder.root, elsewhere)
    before = {path: path.is_file() and path.read_text() for path in tmp_path.rglob("*")}

    for use in (
        lambda: write(folder, "b.py"),
        lambda: folder.read("a.py"),
        lambda: folder.reject("c.py", "why"),
    ):
        with pytest.raises(WorkspaceError, match=told) as caught:
            use()
        assert caught.value.hint
        assert str(folder.root) in str(caught.value)
    assert folder.check_delivered(["a.py"]) == ("a.py",)
    assert {path: path.is_file() and path.read_text() for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "a/../../b",
        "C:\\x",
        ".git/config",
        ".quintet/x",
        "manifest.json",
        "",
        "a\nb",
        "./a.py",
    ],
)
def test_paths_of_an_existing_manifest_are_checked(folder: OutputFolder, path: str) -> None:
    write(folder, "good.py")
    record = json.loads((folder.root / "manifest.json").read_text())
    record["files"].append({**record["files"][0], "path": path})
    (folder.root / "manifest.json").write_text(json.dumps(record))

    later = OutputFolder(folder.root)
    later.prepare()
    notes = later.describe(run_id="second", task=TASK, workflow="delivery")

    assert [entry.path for entry in later.files] == ["good.py"]
    assert any("cannot be a file of ours" in note for note in notes)
    assert all(note.isprintable() for note in notes)


@pytest.mark.parametrize("change", [{"sha256": "0"}, {"version": -1}, {"bytes": -5}, {"sha256": "../x"}])
def test_facts_that_cannot_be_are_left_out(folder: OutputFolder, change: dict[str, object]) -> None:
    write(folder, "good.py")
    record = json.loads((folder.root / "manifest.json").read_text())
    record["files"].append({**record["files"][0], "path": "bad.py", **change})
    (folder.root / "manifest.json").write_text(json.dumps(record))

    later = OutputFolder(folder.root)
    later.prepare()

    assert [entry.path for entry in later.files] == ["good.py"]


def test_a_second_run_takes_no_credit_for_the_first(folder: OutputFolder) -> None:
    write(folder, "old.py")
    write(folder, "both.py")
    folder.reject("bad.py", "it was empty", rule="empty")

    later = OutputFolder(folder.root)
    later.prepare()
    notes = later.describe(run_id="second", task="Another", workflow="delivery")
    write(later, "both.py", "x = 2\n")

    record = json.loads((folder.root / "manifest.json").read_text())
    assert {entry["path"]: entry["run_id"] for entry in record["files"]} == {"old.py": "first", "both.py": "second"}
    assert record["rejected"] == []
    assert any("2 files of an earlier run" in note for note in notes)


def test_the_files_of_an_earlier_run_take_no_room(tmp_path: Path) -> None:
    for run_id in ("first", "second"):
        folder = OutputFolder(tmp_path, max_files=2)
        folder.prepare()
        folder.describe(run_id=run_id, task=TASK, workflow="delivery")
        for number in range(2):
            write(folder, f"{run_id}{number}.py")
        write(folder, f"{run_id}0.py", "x = 2\n")
        with pytest.raises(ArtifactError, match="file number 3; the limit is 2"):
            write(folder, f"{run_id}2.py")


def test_a_file_that_has_gone_or_is_no_file_any_more_is_marked(folder: OutputFolder) -> None:
    paths = ["here.py", "gone.py", "sub/gone.py", "folder.py", "link.py"]
    for path in paths:
        write(folder, path)
    (folder.root / "gone.py").unlink()
    shutil.rmtree(folder.root / "sub")
    (folder.root / "folder.py").unlink()
    (folder.root / "folder.py").mkdir()
    (folder.root / "link.py").unlink()
    (folder.root / "link.py").symlink_to(folder.root / "here.py")

    assert folder.check_delivered(paths) == ("gone.py", "sub/gone.py", "folder.py", "link.py")

    record = json.loads((folder.root / "manifest.json").read_text())
    assert {entry["path"] for entry in record["files"] if entry["status"] == "ok"} == {"here.py"}
