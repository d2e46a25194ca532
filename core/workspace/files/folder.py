"""The output folder: the only place files are written to, whole or not at all, with every earlier version kept."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
import threading
from pathlib import Path, PurePosixPath

from core.errors import ArtifactError, WorkspaceError
from core.text.sanitize import storable
from core.workspace.file_kinds import EMPTY_FILE_NAMES
from core.workspace.files.manifest import MANIFEST_NAME, Manifest, WrittenFile, load_manifest
from core.workspace.files.paths import safe_relative_path
from core.workspace.files.tree import HAS_DESCRIPTORS, OpenFolder, is_junction, open_folder, remove_leftovers

MAX_FILE_BYTES = 1024 * 1024
MAX_FILES = 200
MAX_KEPT_BYTES = 64 * 1024 * 1024  # a file of the user's that we compare with before it is replaced

_OWN_PARTS = (".quintet", "versions")
_REASONS = {
    errno.EACCES: ("is not writable", "choose another folder or change its permissions"),
    errno.EPERM: ("is not writable", "choose another folder or change its permissions"),
    errno.EROFS: ("is on a read-only filesystem", "choose another folder with --output or OUTPUT_DIR"),
    errno.ENOSPC: ("is on a full disk", "free some space"),
    errno.EDQUOT: ("is over its disk quota", "free some space"),
    errno.ENAMETOOLONG: ("has a name that is too long", "choose a shorter one"),
    errno.ENOTDIR: ("is not a folder: a part of its path is a file", "choose another folder"),
    errno.ENOENT: ("cannot be made there", "choose another folder with --output or OUTPUT_DIR"),
    errno.ELOOP: ("leads in a circle of symbolic links", "choose another folder"),
}


class OutputFolder:
    """One folder with its manifest; every method does file work and may be called from any thread."""

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
        self._lock = threading.RLock()

    @property
    def files(self) -> tuple[WrittenFile, ...]:
        """The files of the manifest, sorted by path."""
        with self._lock:
            return tuple(entry for _, entry in sorted(self._manifest.files.items()))

    def prepare(self) -> None:
        """Make the folder, prove that it can be written to, remove what a crash left, and read its manifest.

        Raises:
            WorkspaceError: it cannot be used; the message says why.
        """
        with self._lock:
            try:
                self.root.mkdir(parents=True, exist_ok=True)
                self.root = self.root.resolve()
                with self._open(()) as opened:
                    opened.probe()
            except FileExistsError as error:
                raise self._unusable(
                    "is not a folder: there is a file of this name", "choose another folder"
                ) from error
            except (OSError, ValueError, RuntimeError) as error:
                raise self._unusable_because(error) from error
            remove_leftovers(self.root)
            self._manifest = load_manifest(self.root) or Manifest()

    def describe(self, *, run_id: str, task: str, workflow: str) -> None:
        """Set what the manifest says about the run; it is stored with the next file."""
        with self._lock:
            self._manifest.run_id, self._manifest.task, self._manifest.workflow = run_id, task, workflow

    def write(self, path: str, text: str, *, role: str, agent_id: str, round: int, status: str) -> WrittenFile:  # noqa: A002
        """Store a finished file; the version before it, also the user's own, is kept under .quintet/versions/.

        The same content again makes no new version. When this returns, file and manifest are on the disk.

        Raises:
            ArtifactError: the path or the content was refused (also recorded in the manifest); nothing was changed.
            WorkspaceError: the disk failed; the old file is intact.
        """
        with self._lock:
            try:
                return self._write(path, text, role=role, agent_id=agent_id, round_number=round, status=status)
            except ArtifactError as error:
                self.reject(path, str(error))
                raise
            except OSError as error:
                raise self._unusable_because(error) from error

    def reject(self, path: str, why: str) -> None:
        """Record in the manifest that a file was not written."""
        with self._lock:
            self._manifest.reject(path, why)
            try:
                self._store_manifest()
            except OSError as error:
                raise self._unusable_because(error) from error

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

    def _write(self, path: str, text: str, *, role: str, agent_id: str, round_number: int, status: str) -> WrittenFile:
        if status != "ok":
            raise ArtifactError("incomplete", f"{path} is {status}, not finished", hint="only whole files are written")
        name = safe_relative_path(path)
        content = storable(text).encode()
        self._check(name, content)
        with self._open(name.parts[:-1]) as opened:
            present = opened.status(name.name)
            if present is not None and (stat.S_ISLNK(present.st_mode) or is_junction(present)):
                raise _link(name)
            version = self._kept_versions(name) + 1
            if not self._holds(opened, name.name, present, content):
                version = self._replace(opened, name, present, content, version)
        digest = hashlib.sha256(content).hexdigest()
        entry = WrittenFile(str(name), digest, len(content), version, role, agent_id, round_number, status)
        self._manifest.files[str(name)] = entry
        self._store_manifest()
        return entry

    def _replace(
        self, opened: OpenFolder, name: PurePosixPath, present: os.stat_result | None, content: bytes, version: int
    ) -> int:
        """Keep the present file as `version`, put the content in its place, and return the version it now has."""
        if present is None:
            opened.replace(name.name, content, mode=0o755 if content.startswith(b"#!") else 0o644)
            return version
        if stat.S_ISDIR(present.st_mode):
            raise ArtifactError("is_folder", f"{name} is a folder", hint="choose another path")
        if not stat.S_ISREG(present.st_mode):
            raise ArtifactError("not_a_file", f"{name} is not a regular file", hint="choose another path")
        with self._open(_OWN_PARTS + name.parts[:-1]) as versions:
            kept = f"{name.name}.{version}"
            opened.keep(name.name, versions, kept)
            try:
                opened.replace(name.name, content, mode=stat.S_IMODE(present.st_mode) & 0o777, exact_mode=True)
            except BaseException:
                versions.remove(kept)  # the original is still in its place
                raise
        return version + 1

    def _check(self, name: PurePosixPath, content: bytes) -> None:
        if str(name).casefold() == MANIFEST_NAME:
            raise ArtifactError("own_file", f"{name} is the record of the output folder", hint="choose another path")
        if not content.strip() and name.name not in EMPTY_FILE_NAMES:
            raise ArtifactError("empty", f"{name} would be empty", hint="ask for the file again")
        if len(content) > self._max_file_bytes:
            raise ArtifactError("too_large", f"{name} has {len(content)} bytes; the limit is {self._max_file_bytes}")
        known = self._manifest.files
        if str(name) not in known and len(known) >= self._max_files:
            raise ArtifactError(
                "too_many", f"{name} would be file number {len(known) + 1}; the limit is {self._max_files}"
            )
        twin = next((path for path in known if path != str(name) and path.casefold() == str(name).casefold()), None)
        if twin is not None:
            raise ArtifactError("same_name", f"{name} and {twin} are one file on many systems", hint=f"use {twin}")

    def _holds(self, opened: OpenFolder, name: str, present: os.stat_result | None, content: bytes) -> bool:
        if present is None or not stat.S_ISREG(present.st_mode) or present.st_size != len(content):
            return False
        return opened.read(name, limit_bytes=MAX_KEPT_BYTES) == content

    def _kept_versions(self, name: PurePosixPath) -> int:
        try:
            with self._open(_OWN_PARTS + name.parts[:-1], create=False) as versions:
                matches = [re.fullmatch(re.escape(name.name) + r"\.(\d+)", other) for other in versions.names()]
                return max((int(match[1]) for match in matches if match is not None), default=0)
        except FileNotFoundError:
            return 0

    def _store_manifest(self) -> None:
        content = self._manifest.to_json().encode(errors="replace")
        name = PurePosixPath(MANIFEST_NAME)
        with self._open(()) as opened:
            present = opened.status(MANIFEST_NAME)
            foreign = present is not None and stat.S_ISREG(present.st_mode) and load_manifest(self.root) is None
            if foreign:
                self._replace(opened, name, present, content, self._kept_versions(name) + 1)
            else:
                opened.replace(MANIFEST_NAME, content, mode=0o644)

    def _open(self, parts: tuple[str, ...], *, create: bool = True) -> contextlib.AbstractContextManager[OpenFolder]:
        return open_folder(self.root, parts, create=create, by_descriptor=self._by_descriptor)

    def _unusable_because(self, error: Exception) -> WorkspaceError:
        code = error.errno if isinstance(error, OSError) else None
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        why, hint = _REASONS.get(code or 0, (f"cannot be used: {reason}", "choose another folder"))
        return self._unusable(why, hint)

    def _unusable(self, why: str, hint: str) -> WorkspaceError:
        shown = str(self.root)
        shown = shown if len(shown) <= 120 else f"{shown[:119]}…"
        return WorkspaceError(f"the output folder {shown!r} {why}", hint=hint)


def _link(name: PurePosixPath) -> ArtifactError:
    return ArtifactError("symlink", f"{name} is a symbolic link", hint="remove the link: only real files are replaced")
