"""A file is replaced in one step or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.system.atomic_file import write_atomically


@pytest.mark.parametrize("durable", [True, False])
def test_the_content_is_replaced_and_nothing_else_is_left(tmp_path: Path, durable: bool) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old")

    write_atomically(file, b"new", durable=durable)

    assert file.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.skipif(os.name != "posix", reason="rights are kept otherwise elsewhere")
@pytest.mark.parametrize(("exact", "mode"), [(False, 0o600), (True, 0o640)])
def test_the_rights_are_those_asked_for_as_far_as_the_umask_allows(tmp_path: Path, exact: bool, mode: int) -> None:
    before = os.umask(0o077)
    try:
        write_atomically(tmp_path / "file", b"", mode=0o640, exact_mode=exact)
    finally:
        os.umask(before)

    assert (tmp_path / "file").stat().st_mode & 0o777 == mode


@pytest.mark.skipif(os.name != "posix", reason="there are no open folders elsewhere")
def test_an_open_folder_is_written_to_even_if_its_path_leads_elsewhere_by_now(tmp_path: Path) -> None:
    folder, moved = tmp_path / "folder", tmp_path / "moved"
    folder.mkdir()
    descriptor = os.open(folder, os.O_RDONLY)
    folder.rename(moved)
    folder.mkdir()
    try:
        write_atomically("file", b"here", folder_descriptor=descriptor)
    finally:
        os.close(descriptor)

    assert (moved / "file").read_bytes() == b"here"
    assert list(folder.iterdir()) == []


def test_what_cannot_be_replaced_stays_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "inside").touch()

    with pytest.raises(OSError, match="file"):
        write_atomically(tmp_path / "file", b"new")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]
