"""The output folder: the only place files are written to, whole or not at all, with every earlier version kept."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
import threading
import weakref
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Protocol

from core.errors import ArtifactError, WorkspaceError
from core.kinds import ArtifactFaultKind
from core.system.path_state import MANIFEST_NAME
from core.text.sanitize import plain_line, storable
from core.workspace.files.folder_faults import unusable, unusable_because
from core.workspace.files.manifest import Manifest, RejectedFile, WrittenFile, check_acceptable, read_manifest
from core.workspace.files.paths import safe_relative_path
from core.workspace.files.run_lock import OWN_PARTS, RunLock
from core.workspace.files.tree import (
    HAS_DESCRIPTORS,
    FolderIdentity,
    OpenFolder,
    is_junction,
    open_folder,
    open_root,
    remove_leftovers,
)

MAX_FILE_BYTES = 1024 * 1024
MAX_FILES = 200

VERSION_PARTS = (*OWN_PARTS, "versions")
MAX_COMPARED_BYTES = 64 * 1024 * 1024  # a file of the user's that we compare with before it is replaced

HELD_PARTS = (*OWN_PARTS, "held")
HELD_SUFFIX = ".held"  # so that no tool knows it by its name, wherever it looks
MAX_WHY_CHARS = 300


class OutputFolder:
    """One folder with its manifest; every method does file work and may be called from any thread.

    From `prepare` on, all of them raise WorkspaceError when the path leads to another folder than it did, or to none.
    """

    def __init__(
        self,
        root: Path,
        *,
        max_files: int = MAX_FILES,
        max_file_bytes: int = MAX_FILE_BYTES,
        by_descriptor: bool = HAS_DESCRIPTORS,
    ) -> None:
        self.root = root
        self._max_files = max_files
        self._max_file_bytes = max_file_bytes
        self._by_descriptor = by_descriptor
        self._manifest = Manifest()
        self._versions = Versions(self._open)
        self._identity: FolderIdentity | None = None
        self._lock = threading.RLock()
        self._run_lock: RunLock | None = None

    @property
    def files(self) -> tuple[WrittenFile, ...]:
        """The files of the manifest, sorted by path."""
        with self._lock:
            return tuple(entry for _, entry in sorted(self._manifest.files.items()))

    @property
    def rejected(self) -> tuple[RejectedFile, ...]:
        """What was refused in the run that the manifest speaks of, the oldest first."""
        with self._lock:
            return tuple(self._manifest.rejected)

    def prepare(self, *, for_run: bool = False) -> None:
        """Make the folder, prove that it can be written to, remove what a crash left, and read its manifest.

        Args:
            for_run: hold the folder until `close`, so that no other run writes to it.

        Raises:
            HeldError: another run holds it.
            WorkspaceError: it cannot be used; the message says why.
        """
        with self._lock:
            try:
                self.root.mkdir(parents=True, exist_ok=True)
                self.root = self.root.resolve()
                self._identity = self._identified()
                with self._open(()) as opened:
                    opened.probe()
                if for_run:
                    self._hold()
                with self._open(()) as opened:
                    self._manifest = read_manifest(opened) or Manifest()
            except FileExistsError as error:
                raise unusable(
                    self.root, "is not a folder: there is a file of this name", "choose another folder"
                ) from error
            except (OSError, ValueError, RuntimeError) as error:
                raise unusable_because(self.root, error) from error
            remove_leftovers(self.root)

    def close(self) -> None:
        """Let the next run have the folder."""
        if self._run_lock is not None:
            self._run_lock.release()

    def describe(self, *, run_id: str, task: str, workflow: str) -> tuple[str, ...]:
        """Set what the manifest says about the run, stored with the next file; return what there is to say of the old one."""
        with self._lock:
            return self._manifest.begin_run(run_id=run_id, task=task, workflow=workflow)

    def write(
        self,
        path: str,
        text: str,
        *,
        role: str,
        agent_id: str,
        round: int,  # noqa: A002
        status: str,
        ignored: tuple[str, ...] = (),
        planned_as: str = "",
    ) -> WrittenFile:
        """Store a finished file; the version before it, also the user's own, is kept under .quintet/versions/.

        The same content again makes no new version. When this returns, file and manifest are on the disk.

        Raises:
            ArtifactError: the path or the content was refused; nothing was changed.
            WorkspaceError: the disk failed; the old file is intact.
        """
        with self._lock:
            try:
                made_by = (role, agent_id, round, status, self._manifest.run_id)
                entry = WrittenFile(path, "", 0, 1, *made_by, kept="", ignored=ignored, planned_as=planned_as)
                return self._write(entry, text)
            except OSError as error:
                raise unusable_because(self.root, error) from error

    def reject(self, path: str, why: str, *, rule: ArtifactFaultKind = "invalid", asked_again: bool = False) -> None:
        """Record in the manifest that a file was not written."""
        entry = RejectedFile(
            plain_line(path, limit=MAX_WHY_CHARS), plain_line(why, limit=MAX_WHY_CHARS), rule, asked_again
        )
        with self._lock:
            self._manifest.reject(entry)
            try:
                self._store_manifest()
            except OSError as error:
                raise unusable_because(self.root, error) from error

    def hold(self, path: str, text: str, why: str) -> str:
        """Keep a file that acts without being asked where nothing acts on it, and return where that is.

        Raises:
            ArtifactError: the path was refused; nothing was changed.
            WorkspaceError: the disk failed.
        """
        name = safe_relative_path(path)
        held = PurePosixPath(*HELD_PARTS, f"{name}{HELD_SUFFIX}")
        with self._lock:
            try:
                with self._open(held.parts[:-1]) as opened:
                    opened.replace(held.name, storable(text).encode(), mode=0o600)
                self._manifest.reject(RejectedFile(path, plain_line(why, limit=MAX_WHY_CHARS), "acts", held=str(held)))
                self._store_manifest()
            except OSError as error:
                raise unusable_because(self.root, error) from error
        return str(held)

    def read(self, path: str) -> str:
        """Return the text of a file in the folder.

        Raises:
            ArtifactError: the path was refused, the file is missing, too large, or not a regular file.
        """
        text = self.read_if_there(path)
        if text is None:
            raise ArtifactError("missing", f"there is no file {path} in the output folder")
        return text

    def read_if_there(self, path: str) -> str | None:
        """Return the text of a file in the folder, None where there is none; ArtifactError as `read` else."""
        name = safe_relative_path(path)
        try:
            with self._open(name.parts[:-1], create=False) as opened:
                return storable(opened.read(name.name, limit_bytes=self._max_file_bytes).decode(errors="replace"))
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _link(name) from error
            raise ArtifactError("unreadable", f"{path} cannot be read: {error.strerror}") from error

    def check_delivered(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Return which of these files are not there any more, and mark them in the manifest; never raises."""
        with self._lock:
            gone = tuple(path for path in paths if not self._is_there(path))
            for path in gone:
                if (entry := self._manifest.files.get(path)) is not None:
                    self._manifest.files[path] = replace(entry, status="missing")
            if gone:
                with contextlib.suppress(OSError, WorkspaceError, ArtifactError):
                    self._store_manifest()
            return gone

    def _is_there(self, path: str) -> bool:
        name = PurePosixPath(path)
        try:
            with self._open(name.parts[:-1], create=False) as opened:
                status = opened.status(name.name)
                return status is not None and stat.S_ISREG(status.st_mode)
        except (OSError, WorkspaceError, ArtifactError):
            return False

    def _write(self, entry: WrittenFile, text: str) -> WrittenFile:
        if entry.status != "ok":
            raise ArtifactError(
                "incomplete", f"{entry.path} is {entry.status}, not finished", hint="only whole files are written"
            )
        name = safe_relative_path(entry.path)
        plain = storable(text)
        limits = {"max_files": self._max_files, "max_file_bytes": self._max_file_bytes}
        check_acceptable(name, plain, self._manifest.files, run_id=self._manifest.run_id, **limits)
        content = plain.encode()
        with self._open(name.parts[:-1]) as opened:
            present = opened.status(name.name)
            if present is not None and (stat.S_ISLNK(present.st_mode) or is_junction(present)):
                raise _link(name)
            if holds(opened, name.name, present, content):
                version, kept = self._versions.kept(name) + 1, ""
            else:
                ours = self._manifest.files.get(str(name))
                version, kept = self._versions.put(
                    opened, name, content, is_ours=lambda: ours is not None and is_as_written(opened, name.name, ours)
                )
        digest = hashlib.sha256(content).hexdigest()
        entry = replace(entry, path=str(name), sha256=digest, bytes=len(content), version=version, kept=kept)
        self._manifest.files[str(name)] = entry
        self._store_manifest()
        return entry

    def write_report(self, name: str, text: str, *, is_report: Callable[[bytes], bool]) -> str:
        """Put a report of the run in its place, and return where a file is kept that was there and is none of ours.

        `is_report` tells a content that the engine has written from others.

        Raises:
            ArtifactError: there is no file in its place, but something else.
            WorkspaceError: the disk failed.
        """
        content = storable(text).encode()

        def is_ours() -> bool:
            return is_report(opened.read(name, limit_bytes=MAX_COMPARED_BYTES))

        with self._lock:
            try:
                with self._open(()) as opened:
                    present = opened.status(name)
                    if present is not None and stat.S_ISREG(present.st_mode) and is_ours():
                        opened.replace(name, content, mode=0o644)
                        return ""
                    return self._versions.put(opened, PurePosixPath(name), content, is_ours=lambda: False)[1]
            except OSError as error:
                raise unusable_because(self.root, error) from error

    def _store_manifest(self) -> None:
        content = self._manifest.to_json().encode(errors="replace")
        with self._open(()) as opened:
            present = opened.status(MANIFEST_NAME)
            foreign = present is not None and stat.S_ISREG(present.st_mode) and read_manifest(opened) is None
            if foreign:
                self._versions.put(opened, PurePosixPath(MANIFEST_NAME), content, is_ours=lambda: False)
            else:
                opened.replace(MANIFEST_NAME, content, mode=0o644)

    def _hold(self) -> None:
        with contextlib.suppress(OSError, ArtifactError):  # without a lock every file is still written whole
            self._run_lock = RunLock.take(lambda: self._open(OWN_PARTS))

    def _open(self, parts: tuple[str, ...], *, create: bool = True) -> contextlib.AbstractContextManager[OpenFolder]:
        return open_folder(self.root, parts, create=create, by_descriptor=self._by_descriptor, expected=self._identity)

    def _identified(self) -> FolderIdentity:
        """Return which folder the root is now; it stays open, so that the system gives its number to no other."""
        if not self._by_descriptor:
            return FolderIdentity.of(self.root.lstat())
        descriptor = open_root(self.root, None)
        weakref.finalize(self, os.close, descriptor)
        return FolderIdentity.of(os.fstat(descriptor))


def _link(name: PurePosixPath) -> ArtifactError:
    return ArtifactError("symlink", f"{name} is a symbolic link", hint="remove the link: only real files are replaced")


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
