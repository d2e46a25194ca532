"""Earlier versions of files, kept by number under .quintet/versions/ when a file is replaced."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Protocol

from core.errors import ArtifactError
from core.workspace.files.manifest import WrittenFile
from core.workspace.files.tree import OpenFolder

VERSION_PARTS = (".quintet", "versions")
MAX_COMPARED_BYTES = 64 * 1024 * 1024  # a file of the user's that we compare with before it is replaced


class FolderOpener(Protocol):
    """Opens a folder below the output folder's root."""

    def __call__(
        self, parts: tuple[str, ...], *, create: bool = True
    ) -> contextlib.AbstractContextManager[OpenFolder]: ...


class Versions:
    """The kept versions of one output folder."""

    def __init__(self, open_folder: FolderOpener) -> None:
        self._open = open_folder

    def kept(self, name: PurePosixPath) -> int:
        """Return the number of the last version of a file that is kept, 0 when there is none."""
        try:
            with self._open(VERSION_PARTS + name.parts[:-1], create=False) as versions:
                matches = [re.fullmatch(re.escape(name.name) + r"\.(\d+)", other) for other in versions.names()]
                return max((int(match[1]) for match in matches if match is not None), default=0)
        except FileNotFoundError:
            return 0

    def put(
        self, opened: OpenFolder, name: PurePosixPath, content: bytes, *, is_ours: Callable[[], bool]
    ) -> tuple[int, str]:
        """Put the content in its place, keep what is there, and return the version it now has.

        The second value is the path of the kept file if `is_ours` says that what was there is somebody else's, else empty.

        Raises:
            ArtifactError: there is no file in its place, but something else.
        """
        version = self.kept(name) + 1
        present = opened.status(name.name)
        if present is None:
            opened.replace(name.name, content, mode=0o755 if content.startswith(b"#!") else 0o644)
            return version, ""
        if stat.S_ISDIR(present.st_mode):
            raise ArtifactError("is_folder", f"{name} is a folder", hint="choose another path")
        if not stat.S_ISREG(present.st_mode):
            raise ArtifactError("not_a_file", f"{name} is not a regular file", hint="choose another path")
        was_ours = is_ours()
        with self._open(VERSION_PARTS + name.parts[:-1]) as versions:
            kept = f"{name.name}.{version}"
            opened.keep(name.name, versions, kept)
            try:
                opened.replace(name.name, content, mode=stat.S_IMODE(present.st_mode) & 0o777, exact_mode=True)
            except BaseException:
                versions.remove(kept)  # the original is still in its place
                raise
        return version + 1, "" if was_ours else "/".join((*VERSION_PARTS, f"{name}.{version}"))


def holds(opened: OpenFolder, name: str, present: os.stat_result | None, content: bytes) -> bool:
    """Tell whether a file has this content already."""
    if present is None or not stat.S_ISREG(present.st_mode) or present.st_size != len(content):
        return False
    return opened.read(name, limit_bytes=MAX_COMPARED_BYTES) == content


def is_as_written(opened: OpenFolder, name: str, entry: WrittenFile) -> bool:
    """Tell whether a file is the one that the manifest speaks of, and not one that the user made or changed."""
    try:
        return hashlib.sha256(opened.read(name, limit_bytes=MAX_COMPARED_BYTES)).hexdigest() == entry.sha256
    except (OSError, ArtifactError):
        return False
