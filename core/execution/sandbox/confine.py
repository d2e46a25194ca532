"""The program that runs one command behind Landlock: `python -I -S confine.py CONFIG STATUS CONTROL` (descriptors).

It imports the standard library only. A child locks itself and becomes the command; this process stays outside the
lock, takes in every process that loses its parent, and ends them all when the command ends or CONTROL closes, so that
nothing is left even when Quintet itself is killed. STATUS gets {"started": true}, and at the end
{"status": ...} as a shell tells it.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import resource
import select
import signal
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing and contextlib would double the time that this program takes to start
    from typing import Any

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every architecture
PATH_RULE, VERSION_FLAG = 1, 1
PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER = 1, 8, 22, 36
PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, FILTER_MODE = 38, 47, 2, 2
CAPABILITY_VERSION, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 0x20080522, 1, 2

EXECUTE, WRITE_FILE, READ_FILE, READ_FOLDER, TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
MAKE_CHARACTER_DEVICE, MAKE_BLOCK_DEVICE, DEVICE_CONTROL = 1 << 6, 1 << 11, 1 << 15
OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
TO_READ = EXECUTE | READ_FILE | READ_FOLDER
TCP, SIGNALS_AND_ABSTRACT_SOCKETS = 3, 3

# Numbers that belong to nobody; a container may know the lower ones only.
FIRST_USERS = (2_000_000_000, 60_000)
USERS_EACH = 4000
SHELL_SIGNAL = 128
DEEPEST_PATH = 4096  # folders that a path can name

libc = ctypes.CDLL(None, use_errno=True)


def landlock_version() -> int:
    """Return the version of Landlock's interface, 0 where the kernel has none or forbids it."""
    return max(0, int(libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(VERSION_FLAG))))


def main() -> None:
    config_fd, status_fd, control_fd = (int(word) for word in sys.argv[1:4])
    os.set_inheritable(status_fd, False)
    os.set_inheritable(control_fd, False)
    with os.fdopen(config_fd, "rb") as file:
        config = marshal.load(file)  # noqa: S302  # Quintet wrote it, and the same Python
    temporary = config["temporary"]
    os.mkdir(temporary, 0o700)
    _checked(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write)
    user = _free_user() if os.geteuid() == 0 else None
    child = os.fork()
    if child == 0:
        _become(config, status_fd, user)
    os.write(status_fd, b'{"started": true}\n')
    status = _wait(child, control_fd, wake_read)
    _end_all(user)
    try:
        sys.setrecursionlimit(DEEPEST_PATH)
        _remove(temporary)
    except OSError:  # it must not hide how the command ended
        pass
    if status is not None:
        os.write(status_fd, b'{"status": %d}\n' % status)


def _wait(child: int, control_fd: int, wake_fd: int) -> int | None:
    """Take in every process that ends, until the command itself does or nobody wants it any more."""
    while True:
        ready, _, _ = select.select([control_fd, wake_fd], [], [])
        if control_fd in ready:
            return None
        os.read(wake_fd, 4096)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else SHELL_SIGNAL - code
            if pid == 0:
                break


def _end_all(user: int | None) -> None:
    """End every process of the tree; each that loses its parent becomes a child of this one."""
    while True:
        if user is not None:
            _kill_user(user)
        else:
            _kill_descendants()
        try:
            os.waitpid(-1, 0)
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return


def _kill_user(user: int) -> None:
    """Let the kernel end all processes of a user at once: none of them can start another meanwhile."""
    killer = os.fork()
    if killer == 0:
        os.setresuid(user, user, user)
        try:
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(killer, 0)


def _kill_descendants() -> None:
    """Stop first and kill then, or a process would be replaced by its children while others are ended."""
    stopped: set[int] = set()
    while fresh := _descendants() - stopped:
        for pid in fresh:
            _send(pid, signal.SIGSTOP)
        stopped |= fresh
    for pid in stopped:
        _send(pid, signal.SIGKILL)


def _descendants() -> set[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    state, parent = file.read().rpartition(b")")[2].split()[:2]
            except OSError:
                continue
            if state != b"Z":
                children.setdefault(int(parent), []).append(int(name))
    found: set[int] = set()
    pending = [os.getpid()]
    while pending:
        below = children.pop(pending.pop(), [])
        found.update(below)
        pending += below
    return found


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _remove(folder: str) -> None:
    """Remove a folder whatever the command has made of it; links in it lead nowhere."""
    try:
        os.chmod(folder, 0o700)
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError:
        return
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            _remove(entry.path)
        else:
            os.unlink(entry.path)
    os.rmdir(folder)


def _become(config: dict[str, Any], status_fd: int, user: int | None) -> None:
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
        _load_filter(config["filter"])
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


def _free_user() -> int:
    """Return a number that no other process has; this process's own number makes it unique among sandboxes."""
    for first in FIRST_USERS:
        user = first + os.getpid() % USERS_EACH
        probe = os.fork()
        if probe == 0:
            try:
                os.setresuid(user, user, user)
            except OSError:
                os._exit(1)
            os._exit(0)
        if os.waitpid(probe, 0)[1] == 0:
            return user
    raise SystemExit("no user number can be taken")


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


def _load_filter(program: bytes) -> None:
    if program:
        buffer = ctypes.create_string_buffer(program, len(program))
        pointer = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
        _checked(libc.prctl(PR_SET_SECCOMP, FILTER_MODE, pointer, 0, 0))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


if __name__ == "__main__":
    main()
