"""One run at a time in an output folder: a lock that ends with the process that holds it, and says who that is."""

from __future__ import annotations

import json
import os
import platform
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import WorkspaceError
from core.system.file_lock import try_lock
from core.text.sanitize import plain_line
from core.workspace.files.tree import OpenFolder

OWN_PARTS = (".quintet",)  # where what is ours lies in an output folder
LOCK_NAME = "run.lock"
MAX_LOCK_BYTES = 1000
MAX_SHOWN_CHARS = 80
MAX_PROCESS_ID = 1 << 31

_TRIES = 5  # another run may remove the file, when it ends, between our steps
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


OpenedFolder = Callable[[], AbstractContextManager[OpenFolder]]


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a folder; `boot` tells one start of its machine from the next."""

    process_id: int
    host: str
    boot: str

    def __str__(self) -> str:
        """Return who it is as the words of a sentence."""
        if not self.process_id:
            return "another run"
        where = "" if self.host == platform.node() else f" on {plain_line(self.host, limit=MAX_SHOWN_CHARS)}"
        return f"another run (process {self.process_id}{where})"

    def is_gone(self) -> bool:
        """Return whether the process does not run any more for certain; nobody can tell for another machine."""
        import psutil  # only where a file system knows no locks is it worth its import

        if self.host != platform.node() or not self.process_id:
            return False
        return self.boot != _boot() or not psutil.pid_exists(self.process_id)


class HeldError(WorkspaceError):
    """Another run holds the folder."""

    def __init__(self, holder: Holder) -> None:
        super().__init__(f"{holder} writes to this folder", hint="choose another folder, or wait for its end")


class RunLock:
    """The lock of one folder, held from `take` to `release`, or to the end of the process."""

    def __init__(self, descriptor: int, folder: OpenFolder) -> None:
        self._path = folder.path
        self._number = os.fstat(descriptor).st_ino
        self._close = weakref.finalize(self, os.close, descriptor)

    @classmethod
    def take(cls, open_folder: OpenedFolder, *, try_lock: Callable[[int], bool | None] = try_lock) -> RunLock | None:
        """Hold a folder for this run; None where no such file can be made, and runs cannot be kept apart.

        The lock is the system's, which frees it with the process: what a killed run left behind counts for nothing. On
        file systems that know no locks the file alone counts, unless the process named in it is gone.

        Args:
            open_folder: opens the folder that the file is in, and makes it where it is missing.
            try_lock: locks an open file as `core.system.file_lock.try_lock` does.

        Raises:
            HeldError: another run holds it.
        """
        for _ in range(_TRIES):
            with suppress(FileNotFoundError), open_folder() as folder:  # a run that ends takes file and folder away
                if (lock := cls._taken(folder, try_lock)) is not None:
                    return lock
        return None

    @classmethod
    def _taken(cls, folder: OpenFolder, try_lock: Callable[[int], bool | None]) -> RunLock | None:
        descriptor, is_new = _opened(folder)
        try:
            is_locked = try_lock(descriptor)
            if is_locked is None and not is_new and _holder(descriptor).is_gone():
                folder.remove(LOCK_NAME)
            elif not (is_locked or (is_locked is None and is_new)):
                raise HeldError(_holder(descriptor))  # noqa: TRY301 - the file has to be closed here too
            elif _is_there(folder, descriptor):
                _sign(descriptor)
                return cls(descriptor, folder)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    def release(self) -> None:
        """Let the next run have the folder."""
        if not self._close.alive:
            return
        path = self._path / LOCK_NAME
        if os.name != "nt":  # which removes no file that is open
            _remove(path, self._number)
        self._close()
        if os.name == "nt":
            _remove(path, self._number)


def _opened(folder: OpenFolder) -> tuple[int, bool]:
    """Return the open file, and whether it was made now; OSError if it can be neither made nor opened."""
    for flags in (os.O_RDWR | os.O_CREAT | os.O_EXCL, os.O_RDWR, os.O_RDONLY):
        try:
            descriptor = os.open(folder.name(LOCK_NAME), flags | _FLAGS, 0o644, dir_fd=folder.descriptor)
        except (FileExistsError, PermissionError):
            continue
        return descriptor, bool(flags & os.O_EXCL)
    raise PermissionError


def _is_there(folder: OpenFolder, descriptor: int) -> bool:
    """Return whether the file is still the one of that name: another run may have removed it when it ended."""
    present = folder.status(LOCK_NAME)
    return present is not None and os.path.samestat(present, os.fstat(descriptor))


def _holder(descriptor: int) -> Holder:
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        said = json.loads(os.read(descriptor, MAX_LOCK_BYTES))
        process_id = int(said["process"])
        return Holder(process_id if 0 < process_id < MAX_PROCESS_ID else 0, str(said["host"]), str(said["boot"]))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return Holder(0, "", "")


def _sign(descriptor: int) -> None:
    said = {"process": os.getpid(), "host": platform.node(), "boot": _boot()}
    with suppress(OSError):  # on a full disk the lock holds without a name in it
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, json.dumps(said).encode())


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        import psutil  # only systems without that file need it

        return str(round(psutil.boot_time()))


def _remove(path: Path, number: int) -> None:
    with suppress(OSError):
        if path.lstat().st_ino == number:
            path.unlink()
            path.parent.rmdir()  # unless something else is in it
