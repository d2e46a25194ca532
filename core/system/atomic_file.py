"""Replaces a file in one step: a reader finds the old content or the new one, whole, whatever fails in between."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from pathlib import Path

TEMPORARY_NAME = re.compile(r"\.quintet-tmp-(\d+)-[0-9a-f]{16}")
"""What an unfinished file is called; the number is the process that writes it."""

_BINARY = getattr(os, "O_BINARY", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = getattr(os, "O_DIRECTORY", 0)


def temporary_name() -> str:
    """Return a name for an unfinished file of this process that nothing else has."""
    return f".quintet-tmp-{os.getpid()}-{secrets.token_hex(8)}"


def write_atomically(
    path: Path | str,
    content: bytes,
    *,
    mode: int = 0o600,
    exact_mode: bool = False,
    durable: bool = True,
    folder_descriptor: int | None = None,
) -> None:
    """Put `content` in the place of the file at `path`; if it raises, the old file stays and nothing else is left.

    Args:
        path: the file; its folder exists. A bare name where `folder_descriptor` is given.
        content: what the file holds afterwards.
        mode: its rights.
        exact_mode: whether they are given whatever the umask says.
        durable: whether it survives a power cut too, and not only the end of this process; costs a wait for the disk.
        folder_descriptor: an open folder: nobody can make the path lead elsewhere meanwhile.
    """
    target = Path(path)
    temporary = target.with_name(temporary_name())
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY | _NO_FOLLOW
    descriptor = os.open(temporary, flags, mode, dir_fd=folder_descriptor)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if exact_mode and hasattr(os, "fchmod"):  # the umask must not narrow what the old file had
                os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            if durable:
                os.fsync(descriptor)
        os.replace(temporary, target, src_dir_fd=folder_descriptor, dst_dir_fd=folder_descriptor)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder_descriptor)
        raise
    if durable:
        sync_folder(target.parent, folder_descriptor)


def sync_folder(folder: Path, descriptor: int | None = None) -> None:
    """Make renames in a folder survive a power cut, where the system can; its open descriptor is taken if there is one."""
    with contextlib.suppress(OSError):  # some network filesystems refuse to sync a folder, and Windows to open one
        opened = os.open(folder, os.O_RDONLY | _FOLDER) if descriptor is None else descriptor
        try:
            os.fsync(opened)
        finally:
            if descriptor is None:
                os.close(opened)
