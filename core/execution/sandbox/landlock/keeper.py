"""Keeps one command behind Landlock: a process of its own, started with the descriptors CONFIG, STATUS and CONTROL.

A child locks itself and becomes the command; this process stays outside the lock, takes in every process that loses its
parent, and ends them all when the command ends or CONTROL closes, so that nothing is left even when Quintet itself is
killed. STATUS gets {"started": true}, and at the end {"status": ...} as a shell tells it. Only the standard library is
there, and little of it is imported: this is started for each command.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
import sys

from core.execution.sandbox.landlock.attributes import answer
from core.execution.sandbox.landlock.lock import become, become_subreaper, take_descriptor

# Numbers that belong to nobody; a container may know the lower ones only.
FIRST_USERS = (2_000_000_000, 60_000)
USERS_EACH = 4000
SHELL_SIGNAL = 128
DEEPEST_PATH = 4096  # folders that a path can name


def main() -> None:
    config_fd, status_fd, control_fd = (int(word) for word in sys.argv[-3:])
    os.set_inheritable(status_fd, False)
    os.set_inheritable(control_fd, False)
    with os.fdopen(config_fd, "rb") as file:
        config = marshal.load(file)  # noqa: S302  # Quintet wrote it, and the same Python
    temporary = config["temporary"]
    os.mkdir(temporary, 0o700)
    become_subreaper()
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write)
    user = _free_user() if os.geteuid() == 0 else None
    told_read, told_write = os.pipe()
    go_read, go_write = os.pipe()
    child = os.fork()
    if child == 0:
        become(config, status_fd, user, told_write, go_read)
    os.write(status_fd, b'{"started": true}\n')
    os.close(told_write)
    listener = take_descriptor(child, os.read(told_read, 16))
    os.write(go_write, b"1")
    own = tuple(os.path.realpath(path) for path in config["own"])
    status = _wait(child, control_fd, wake_read, listener, own)
    _end_all(user)
    try:
        sys.setrecursionlimit(DEEPEST_PATH)
        _remove(temporary)
    except OSError:  # it must not hide how the command ended
        pass
    if status is not None:
        os.write(status_fd, b'{"status": %d}\n' % status)


def _wait(child: int, control_fd: int, wake_fd: int, listener: int | None, own: tuple[str, ...]) -> int | None:
    """Take in every process that ends, until the command itself does or nobody wants it any more."""
    watched = [control_fd, wake_fd] if listener is None else [control_fd, wake_fd, listener]
    while True:
        ready, _, _ = select.select(watched, [], [])
        if control_fd in ready:
            return None
        if listener in ready and not answer(listener, own):
            watched.remove(listener)
        if wake_fd in ready:
            os.read(wake_fd, 4096)
            status = _take_in(child)
            if status is not None:
                return status


def _take_in(child: int) -> int | None:
    """Take in all that has ended; return the status of the command if it is among them."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return None
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else SHELL_SIGNAL - code
        if pid == 0:
            return None


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
