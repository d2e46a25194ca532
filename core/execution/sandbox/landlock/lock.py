"""Locks a process: Landlock, a filter of system calls, limits, and for root another user; then it becomes a command."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing would make the start of every command a good deal longer
    from typing import Any

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every architecture
PATH_RULE, VERSION_FLAG = 1, 1
SECCOMP, SET_FILTER, NEW_LISTENER = {"x86_64": 317, "aarch64": 277}, 1, 8
PIDFD_GETFD = 438
PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER = 1, 8, 22, 36
PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, FILTER_MODE = 38, 47, 2, 2
CAPABILITY_VERSION, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 0x20080522, 1, 2

EXECUTE, WRITE_FILE, READ_FILE, READ_FOLDER, TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
MAKE_CHARACTER_DEVICE, MAKE_BLOCK_DEVICE, DEVICE_CONTROL = 1 << 6, 1 << 11, 1 << 15
OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
TO_READ = EXECUTE | READ_FILE | READ_FOLDER
TCP, SIGNALS_AND_ABSTRACT_SOCKETS = 3, 3

libc = ctypes.CDLL(None, use_errno=True)


def landlock_version() -> int:
    """Return the version of Landlock's interface, 0 where the kernel has none or forbids it."""
    return max(0, int(libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(VERSION_FLAG))))


def become(config: dict[str, Any], status_fd: int, user: int | None, told_fd: int, go_fd: int) -> None:
    """Lock this process and replace it by the command; never returns."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        os.setpriority(os.PRIO_PROCESS, 0, config["niceness"])
        program = _found(
            config["argv"][0], config["environment"].get("PATH", "")
        )  # nothing can be imported once locked
        ruleset = _ruleset(config)
        _limit(config["limits"], user)
        _checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        if user is not None:
            _change_user(user)
        _checked(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
        _checked(libc.syscall(RESTRICT_SELF, ruleset, 0))
        _load_filter(config["filter"], told_fd if config["asks"] else None)
        os.close(told_fd)
        os.read(go_fd, 1)
        os.execve(program, config["argv"], config["environment"])
    except OSError as error:
        os.write(2, f"{config['argv'][0]}: {error.strerror or error}\n".encode(errors="replace"))
    finally:
        os.write(status_fd, b'{"failed": true}\n')
        os._exit(1)


def _found(program: str, path: str) -> str:
    """Return where a program is, as a shell finds it; its name where it is nowhere."""
    if "/" not in program:
        for folder in path.split(":"):
            candidate = f"{folder}/{program}"
            if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):
                return candidate
    return program


def _ruleset(config: dict[str, Any]) -> int:
    """Return the descriptor of what may be read and written; everything else is denied."""
    version = landlock_version()
    rights = 13 + (version >= 2) + (version >= 3) + (version >= 5)
    handled = (1 << rights) - 1
    fields = [handled, TCP if version >= 4 else 0, SIGNALS_AND_ABSTRACT_SOCKETS]
    known = 1 + (version >= 4) + (version >= 6)
    attributes = struct.pack(f"{known}Q", *fields[:known])
    ruleset = _checked(libc.syscall(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)))
    to_write = handled & ~(MAKE_CHARACTER_DEVICE | MAKE_BLOCK_DEVICE | DEVICE_CONTROL)
    for paths, allowed in ((config["writable"], to_write), (config["readable"], TO_READ)):
        for path in paths:
            descriptor = os.open(path, os.O_PATH)
            here = handled & (allowed if os.path.isdir(path) else allowed & OF_A_FILE)
            rule = struct.pack("=Qi", here, descriptor)
            _checked(libc.syscall(ADD_RULE, ruleset, PATH_RULE, rule, 0))
            os.close(descriptor)
    return ruleset


def _limit(limits: dict[str, int], user: int | None) -> None:
    tasks = limits["tasks"] if user is not None else limits["tasks"] + _tasks_of_this_user()
    for kind, most in (
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, tasks),
    ):
        hard = resource.getrlimit(kind)[1]
        bounded = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (bounded, bounded))
    seconds = limits["cpu_seconds"]
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))


def _tasks_of_this_user() -> int:
    """Count threads: the limit of a user counts those of all programs."""
    total = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.stat(f"/proc/{name}").st_uid == os.getuid():
                    total += len(os.listdir(f"/proc/{name}/task"))
            except OSError:
                continue
    return total


def _change_user(user: int) -> None:
    """Become a user who owns nothing, and keep only the right to open what Landlock allows, whoever owns it."""
    os.setgroups([])
    os.setresgid(user, user, user)
    _checked(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setresuid(user, user, user)
    header = struct.pack("Ii", CAPABILITY_VERSION, 0)
    held = ctypes.create_string_buffer(24)
    _checked(libc.capget(header, held))
    permitted = struct.unpack("6I", held.raw)[1]
    kept = permitted & (1 << CAP_DAC_OVERRIDE | 1 << CAP_DAC_READ_SEARCH)
    _checked(libc.capset(header, struct.pack("6I", kept, kept, kept, 0, 0, 0)))
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        if kept & 1 << capability:
            _checked(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0))


def _load_filter(program: bytes, told_fd: int | None) -> None:
    """Load the filter; where it hands calls on, tell the number of the descriptor they come from."""
    buffer = ctypes.create_string_buffer(program, len(program))
    pointer = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    if told_fd is None:
        _checked(libc.prctl(PR_SET_SECCOMP, FILTER_MODE, pointer, 0, 0))
    else:
        listener = _checked(libc.syscall(SECCOMP[os.uname().machine], SET_FILTER, NEW_LISTENER, pointer))
        os.write(told_fd, str(listener).encode())


def take_descriptor(pid: int, number: bytes) -> int | None:
    """Return a descriptor of another process; None where it told of none."""
    if not number:
        return None
    process = os.pidfd_open(pid)
    taken = int(libc.syscall(PIDFD_GETFD, process, int(number), 0))
    os.close(process)
    return taken if taken >= 0 else None


def become_subreaper() -> None:
    """Let every process that descends from this one become its child when it loses its parent."""
    _checked(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
