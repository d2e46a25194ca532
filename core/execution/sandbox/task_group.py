"""A kernel group that bounds the number of processes and threads of a tree, where this user may make one."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
PREFIX = "quintet-"


class TaskGroup:
    """A cgroup with a limit on tasks. Only root is asked to make one: nobody else is held by less without it.

    RLIMIT_NPROC holds every other user, and never root.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def around(cls, pid: int, most_tasks: int) -> TaskGroup | None:
        """Put a process into a group, and so all that it starts; None where no group is needed or can be made."""
        if os.geteuid() != 0:
            return None
        for parent in (CGROUPS / "pids", CGROUPS):  # the old layout has a folder for each controller
            with contextlib.suppress(OSError):
                if not (parent / "cgroup.procs").exists():
                    continue
                _remove_left_behind(parent)
                group = cls(Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent)))
                try:
                    group.bound(pid, most_tasks)
                except OSError:  # this controller is not handed on to groups
                    group.remove()
                    continue
                return group
        return None

    def bound(self, pid: int, most_tasks: int) -> None:
        """Set the limit and put a process under it."""
        (self._folder / "pids.max").write_text(str(most_tasks))
        (self._folder / "cgroup.procs").write_text(str(pid))

    def refused(self) -> bool:
        """Whether the limit was met."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int((self._folder / "pids.events").read_text().split()[1]) > 0
        return False

    def remove(self) -> None:
        """Take the group away; its processes have to be gone."""
        with contextlib.suppress(OSError):
            self._folder.rmdir()


def _remove_left_behind(parent: Path) -> None:
    """Take away the groups of a Quintet that was killed: their processes ended with it."""
    for folder in parent.glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        # One of this process's own is still in use only while something is in it, and then it stays.
        if owner.isdigit() and (int(owner) == os.getpid() or not Path(f"/proc/{owner}").exists()):
            with contextlib.suppress(OSError):
                folder.rmdir()
