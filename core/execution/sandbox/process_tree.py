"""What a process and all its descendants use at this moment, and over the time they were watched."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

THREADS_PER_PROCESS = 8  # a runtime such as node or go starts about as many as that for itself
NO_PROCESS = -1  # the root of a tree that somebody else watches
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class TreeUsage:
    """What a tree uses: memory is what is resident, CPU and bytes written are counted from the beginning."""

    processes: int = 0
    threads: int = 0
    memory_bytes: int = 0
    cpu_seconds: float = 0.0
    written_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Seen:
    """One process at one look; `cpu` is its own, `inherited` that of children it has waited for."""

    pid: int
    parent: int
    started: float
    cpu: float
    inherited: float
    threads: int
    resident: int

    @property
    def key(self) -> tuple[int, float]:
        """What tells it from a later process with the same number."""
        return self.pid, self.started


class ProcessTree:
    """The descendants of one process; the process itself belongs to the sandbox and is not counted."""

    def __init__(self, root_pid: int) -> None:
        self._root_pid = root_pid
        self._cpu: dict[tuple[int, float], float] = {}
        self._written: dict[tuple[int, float], int] = {}

    def members(self) -> list[int]:
        """Return the numbers of the processes that live now."""
        return [process.pid for process in self._look()]

    def usage(self, most_processes: int) -> TreeUsage:
        """Look at every process once; a tree of more than `most_processes` is only counted: it has to end soon."""
        processes = self._look()
        if len(processes) > most_processes:
            return TreeUsage(processes=len(processes))
        for process in processes:
            self._cpu[process.key] = process.cpu
            self._written[process.key] = max(_written_by(process.pid), self._written.get(process.key, 0))
        # A parent tells of children that came and went between two looks; one that is gone was seen before.
        cpu = max(sum(process.cpu + process.inherited for process in processes), sum(self._cpu.values()))
        return TreeUsage(
            processes=len(processes),
            threads=sum(process.threads for process in processes),
            memory_bytes=sum(process.resident for process in processes),
            cpu_seconds=cpu,
            written_bytes=sum(self._written.values()),
        )

    def shared_memory_counted_once(self) -> int:
        """Return the resident memory without counting twice what processes share; slow, for when it matters."""
        return sum(_proportional_memory(process) for process in self._look())

    def _look(self) -> list[_Seen]:
        children: dict[int, list[_Seen]] = {}
        for process in _from_proc() if sys.platform == "linux" else _from_psutil():
            children.setdefault(process.parent, []).append(process)
        found: list[_Seen] = []
        pending = [self._root_pid]
        while pending:
            below = children.pop(pending.pop(), [])
            found += below
            pending += [process.pid for process in below]
        return found


def _from_proc() -> Iterable[_Seen]:
    """Read one file a process: psutil reads several and takes seconds where a fork bomb is at work."""
    tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    for name in os.listdir(PROC):  # noqa: PTH208  # thousands of names, several times a second
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123  # as above
                # The name of the program stands in parentheses and may hold anything.
                fields = file.read().rpartition(b")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        yield _Seen(
            pid=int(name),
            parent=int(fields[1]),
            started=float(fields[19]),
            cpu=(int(fields[11]) + int(fields[12])) / tick,
            inherited=(int(fields[13]) + int(fields[14])) / tick,
            threads=int(fields[17]),
            resident=int(fields[21]) * page,
        )


def _from_psutil() -> Iterable[_Seen]:
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                times = process.cpu_times()
                yield _Seen(
                    pid=process.pid,
                    parent=process.ppid(),
                    started=process.create_time(),
                    cpu=times.user + times.system,
                    inherited=0.0,
                    threads=process.num_threads(),
                    resident=process.memory_info().rss,
                )
        except psutil.Error:  # it ended meanwhile, or is not ours
            continue


def _written_by(pid: int) -> int:
    """Return the bytes that a process has sent towards a disk, 0 where the system does not tell."""
    try:
        with open(f"/proc/{pid}/io", "rb") as file:  # noqa: PTH123  # several times a second
            return next((int(line.split()[1]) for line in file if line.startswith(b"write_bytes")), 0)
    except OSError:
        return 0


def _proportional_memory(process: _Seen) -> int:
    try:
        with open(f"/proc/{process.pid}/smaps_rollup", "rb") as file:  # noqa: PTH123
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith(b"Pss:")), process.resident)
    except OSError:
        return process.resident
