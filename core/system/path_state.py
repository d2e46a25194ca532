"""What stands in the way of a path: nothing there, something else there, no right, no room; and whether Quintet made it.

Looks, and changes nothing.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

LITTLE_ROOM_BYTES = 1024 * 1024
LOG_HINT = "set LOG_FILE to a file you may write"
GGUF_MAGIC = b"GGUF"  # what the file of a model begins with

MANIFEST_NAME = "manifest.json"
MARKDOWN_REPORT = "report.md"
REPORT_NAMES = ("report.json", MARKDOWN_REPORT)
OWN_NAMES = frozenset({MANIFEST_NAME, *REPORT_NAMES})
"""Files that only the engine writes at the top of an output folder."""
MANIFEST_MARKER = "quintet"
MAX_MANIFEST_BYTES = 4 * 1024 * 1024

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISREG, "a file"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a disk"),
)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a path cannot be used, as the end of a sentence about it.

    `code` is the error of the system for what the path itself is not to blame for: rights, a read-only or full disk.
    """

    reason: str
    code: int | None = None
    is_missing: bool = False


def obstacle_to_folder(path: Path) -> Obstacle | None:
    """Return why this is no folder that can be read."""
    status = _status(path)
    if isinstance(status, Obstacle):
        return status
    if not stat.S_ISDIR(status.st_mode):
        return Obstacle(f"is {_kind(status)}, not a folder")
    return None if os.access(path, os.R_OK | os.X_OK) else _forbidden("read")


def obstacle_to_reading(path: Path) -> Obstacle | None:
    """Return why this is no file that can be read."""
    status = _status(path)
    if isinstance(status, Obstacle):
        return status
    if not stat.S_ISREG(status.st_mode):
        return Obstacle(f"is {_kind(status)}, not a file")
    return None if os.access(path, os.R_OK) else _forbidden("read")


def obstacle_to_model(path: Path) -> Obstacle | None:
    """Return why this is no model's file; only its first bytes are looked at."""
    found = obstacle_to_reading(path)
    if found is not None:
        return found
    try:
        with path.open("rb") as file:
            begins = file.read(len(GGUF_MAGIC))
    except OSError as error:
        return Obstacle(f"cannot be read: {error.strerror or error}", error.errno)
    if begins == GGUF_MAGIC:
        return None
    return Obstacle("does not begin with the letters GGUF: it is no GGUF file" if begins else "is empty")


def obstacle_to_filling(path: Path) -> Obstacle | None:
    """Return why no files can be put into this folder; one that is not there yet is taken for made, where it can be."""
    nearest, status = nearest_that_exists(path)
    found = status if isinstance(status, Obstacle) else _obstacle_inside(nearest, status)
    if found is None or nearest == path:
        return found
    return replace(found, reason=f"cannot be made: {nearest} {found.reason}")


def obstacle_to_appending(path: Path) -> Obstacle | None:
    """Return why no lines can be appended to this file; it and its folder are taken for made, where they can be."""
    target = Path(os.path.realpath(path))  # a link may lead to a file that is still to be made
    status = _status(target)
    if isinstance(status, Obstacle):
        return obstacle_to_filling(target.parent) if status.is_missing else status
    if stat.S_ISDIR(status.st_mode) or stat.S_ISSOCK(status.st_mode) or stat.S_ISBLK(status.st_mode):
        return Obstacle(f"is {_kind(status)}, not a file")
    if not os.access(target, os.W_OK):
        return _not_writable(target)
    return _no_room(target) if stat.S_ISREG(status.st_mode) else None


def no_log_message(path: Path, reason: str) -> str:
    """Return what is said of a log file that cannot be opened, before it is tried and after."""
    return f"no log is written: {path} cannot be opened ({reason})"


def nearest_that_exists(path: Path) -> tuple[Path, os.stat_result | Obstacle]:
    """Return the path, or the nearest folder above it of which more can be said than that it is missing, and what it is."""
    nearest = path
    while isinstance(status := _status(nearest), Obstacle) and status.is_missing and nearest != nearest.parent:
        nearest = nearest.parent
    return nearest, status


def _status(path: Path) -> os.stat_result | Obstacle:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if os.path.islink(path):  # noqa: PTH114 - unlike Path.is_symlink this never raises
            return Obstacle("is a link that leads to nothing")
        return Obstacle("does not exist", is_missing=True)
    except PermissionError:
        return _forbidden("looked at")
    except OSError as error:
        if error.errno == errno.ELOOP:
            return Obstacle("leads in a circle of links")
        if error.errno == errno.ENAMETOOLONG:
            return Obstacle("has a name that is too long")
        return Obstacle(f"cannot be looked at: {error.strerror or error}", error.errno)
    except ValueError as error:
        return Obstacle(f"is no path: {error}")


def _obstacle_inside(folder: Path, status: os.stat_result) -> Obstacle | None:
    if not stat.S_ISDIR(status.st_mode):
        return Obstacle(f"is {_kind(status)}, not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        return _not_writable(folder)
    return _no_room(folder)


def _not_writable(path: Path) -> Obstacle:
    if _is_read_only(path):
        return Obstacle("is on a read-only file system", errno.EROFS)
    return _forbidden("written")


def _forbidden(what: str) -> Obstacle:
    return Obstacle(f"cannot be {what}: permission denied", errno.EACCES)


if hasattr(os, "statvfs"):

    def _is_read_only(path: Path) -> bool:
        try:
            return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
        except OSError:
            return False

    def _no_room(path: Path) -> Obstacle | None:
        try:
            disk = os.statvfs(path)
        except OSError:
            return None
        blocks = disk.f_bavail if os.geteuid() else disk.f_bfree
        # File systems without files of their own, such as /proc, have no blocks at all.
        if disk.f_blocks and blocks * disk.f_frsize < LITTLE_ROOM_BYTES:
            return Obstacle("is on a full disk", errno.ENOSPC)
        return None

else:

    def _is_read_only(path: Path) -> bool:
        del path
        return False

    def _no_room(path: Path) -> Obstacle | None:
        del path
        return None


def _kind(status: os.stat_result) -> str:
    return next((name for holds, name in _KINDS if holds(status.st_mode)), "something else")


def output_folder_around(folder: Path) -> Path | None:
    """Return the folder itself, or the nearest above it, that Quintet made; None when there is none."""
    try:
        inside = folder.absolute()
    except OSError:  # the current folder is gone
        return None
    return next((path for path in (inside, *inside.parents) if _is_made(path / MANIFEST_NAME)), None)


def _is_made(manifest: Path) -> bool:
    try:
        status = manifest.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_MANIFEST_BYTES:
            return False
        document = json.loads(manifest.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("made_by") == MANIFEST_MARKER
