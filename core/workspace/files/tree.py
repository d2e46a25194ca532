"""File operations that stay inside one folder: no step of the way may be a symbolic link, no file is ever half there."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from core.errors import ArtifactError, WorkspaceError
from core.system.atomic_file import TEMPORARY_NAME, sync_folder, temporary_name, write_atomically

HAS_DESCRIPTORS = os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
"""Whether folders can be walked by descriptor, so that no other process can swap one for a link between check and use."""

MAX_SHOWN_CHARS = 120

_BINARY = getattr(os, "O_BINARY", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_MOUNT_POINT_TAG = 0xA0000003  # what Windows calls a junction
_NO_BLOCK = getattr(os, "O_NONBLOCK", 0)  # opening a named pipe must not wait for its writer


@dataclass(frozen=True, slots=True)
class FolderIdentity:
    """Which folder a path led to, whatever the path leads to later."""

    device: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        return cls(status.st_dev, status.st_ino)


@dataclass(frozen=True, slots=True)
class OpenFolder:
    """An open folder; names in it are reached by its descriptor where the system can, else by its checked path."""

    path: Path
    descriptor: int | None

    def name(self, name: str) -> str:
        return name if self.descriptor is not None else str(self.path / name)

    def status(self, name: str) -> os.stat_result | None:
        """Return what `name` is without following a link, or None when it is not there."""
        try:
            return os.stat(self.name(name), dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def names(self) -> list[str]:
        with os.scandir(self.descriptor if self.descriptor is not None else self.path) as entries:
            return [entry.name for entry in entries]

    def probe(self) -> None:
        """Raise OSError unless a file can be made here."""
        name = temporary_name()
        os.close(os.open(self.name(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self.descriptor))
        self.remove(name)

    def remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self.name(name), dir_fd=self.descriptor)

    def read(self, name: str, *, limit_bytes: int) -> bytes:
        """Return a regular file's bytes; OSError for anything else, ArtifactError("too_large") above the limit."""
        descriptor = os.open(self.name(name), os.O_RDONLY | _BINARY | _NO_FOLLOW | _NO_BLOCK, dir_fd=self.descriptor)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ArtifactError("not_a_file", f"{name!r} is not a regular file")
            content = file.read(limit_bytes + 1)
        if len(content) > limit_bytes:
            raise ArtifactError("too_large", f"{name!r} is larger than {limit_bytes} bytes")
        return content

    def replace(self, name: str, content: bytes, *, mode: int, exact_mode: bool = False) -> None:
        """Put `content` in the place of `name` at once; whatever fails, the old file stays and nothing else is left."""
        write_atomically(self.name(name), content, mode=mode, exact_mode=exact_mode, folder_descriptor=self.descriptor)

    def sync(self) -> None:
        """Make renames in this folder survive a power cut, where the system can."""
        sync_folder(self.path, self.descriptor)

    def keep(self, name: str, other: OpenFolder, other_name: str) -> None:
        """Give the file a second name in another folder, by link where possible, else by copy."""
        try:
            os.link(
                self.name(name),
                other.name(other_name),
                src_dir_fd=self.descriptor,
                dst_dir_fd=other.descriptor,
                follow_symlinks=False,
            )
        except (FileExistsError, FileNotFoundError):
            raise
        except (OSError, NotImplementedError):
            other.replace(other_name, self.read(name, limit_bytes=1 << 30), mode=0o644)
        other.sync()


@contextlib.contextmanager
def open_folder(
    root: Path,
    parts: tuple[str, ...],
    *,
    create: bool,
    by_descriptor: bool = HAS_DESCRIPTORS,
    expected: FolderIdentity | None = None,
) -> Iterator[OpenFolder]:
    """Open the folder at `parts` below `root`, made on the way if `create`; `root` has to be the `expected` folder.

    Raises:
        ArtifactError: symlink or not_a_folder, when a step of the way is one.
        WorkspaceError: `root` is not the expected folder any more.
        OSError: a folder is missing and `create` is false, or the system refused.
    """
    if by_descriptor:
        descriptor = _walk(root, parts, create=create, expected=expected)
        try:
            yield OpenFolder(root.joinpath(*parts), descriptor)
        finally:
            os.close(descriptor)
    else:
        if expected is not None and _identity_at(root) != expected:
            raise _changed(root)
        path = root
        for depth, part in enumerate(parts, start=1):
            path = path / part
            if create:
                with contextlib.suppress(FileExistsError):
                    path.mkdir()
            _check_step(path.lstat(), "/".join(parts[:depth]))
        yield OpenFolder(path, None)


def remove_leftovers(root: Path, *, limit: int = 20_000) -> tuple[str, ...]:
    """Delete the temporary files of writers that no longer live and return their paths; looks at `limit` entries at most."""
    removed: list[str] = []
    seen = 0
    for folder, folders, names in os.walk(root, followlinks=False):
        folders[:] = [name for name in folders if name not in {".git", "node_modules", ".venv"}]
        for name in names:
            match = TEMPORARY_NAME.fullmatch(name)
            if match is None or _is_alive(int(match[1])):
                continue
            path = Path(folder, name)
            with contextlib.suppress(OSError):
                if stat.S_ISREG(path.lstat().st_mode):
                    path.unlink()
                    removed.append(str(PurePosixPath(path.relative_to(root))))
        seen += len(names)
        if seen > limit:
            break
    return tuple(removed)


def _is_alive(process_id: int) -> bool:
    import psutil  # only a leftover is worth its import

    return process_id != os.getpid() and bool(psutil.pid_exists(process_id))


def open_root(root: Path, expected: FolderIdentity | None) -> int:
    """Return a descriptor of the folder at `root`; a path that is expected to lead somewhere may be no link."""
    if expected is None:
        return os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        if _identity_at(root) == expected:
            raise
        raise _changed(root) from error
    if FolderIdentity.of(os.fstat(descriptor)) != expected:
        os.close(descriptor)
        raise _changed(root)
    return descriptor


def _identity_at(root: Path) -> FolderIdentity | None:
    try:
        status = root.lstat()
    except OSError:
        return None
    return FolderIdentity.of(status) if stat.S_ISDIR(status.st_mode) else None


def _changed(root: Path) -> WorkspaceError:
    try:
        status = root.lstat()
    except OSError:
        what, hint = "was removed", "what had been written went with it; start the run again"
    else:
        hint = "nothing is written there; put the folder back, or choose another one, and start the run again"
        if stat.S_ISLNK(status.st_mode) or is_junction(status):
            what = "was replaced by a link"
        else:
            what = f"was replaced by {'another folder' if stat.S_ISDIR(status.st_mode) else 'a file'}"
    return WorkspaceError(f"the output folder {shown_root(root)} {what} during the run", hint=hint)


def shown_root(root: Path) -> str:
    """Return a folder's path for a message of one line."""
    shown = str(root)
    return repr(shown if len(shown) <= MAX_SHOWN_CHARS else f"{shown[: MAX_SHOWN_CHARS - 1]}…")


def _walk(root: Path, parts: tuple[str, ...], *, create: bool, expected: FolderIdentity | None) -> int:
    descriptor = open_root(root, expected)
    try:
        for depth, part in enumerate(parts, start=1):
            if create:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=descriptor)
            _check_step(os.stat(part, dir_fd=descriptor, follow_symlinks=False), "/".join(parts[:depth]))
            deeper = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_step(status: os.stat_result, where: str) -> None:
    if stat.S_ISLNK(status.st_mode) or is_junction(status):
        raise ArtifactError(
            "symlink", f"{where} is a symbolic link", hint="files are only written to real folders: remove the link"
        )
    if not stat.S_ISDIR(status.st_mode):
        raise ArtifactError(
            "not_a_folder", f"{where} is a file, not a folder", hint="choose another path or move the file"
        )


def is_junction(status: os.stat_result) -> bool:
    """Tell whether Windows would lead elsewhere from here; False on other systems."""
    return getattr(status, "st_reparse_tag", 0) == _MOUNT_POINT_TAG
