"""Changes modes and times for a command behind Landlock, which does not hold them: in its folders only.

The filter of system calls hands each such call to the keeper, which opens what is meant, looks where it lies, and makes the
change itself through what it has opened, so that nothing can be exchanged in between. It is imported where little else is.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time

RECEIVE, SEND, IS_VALID = 0xC0502100, 0xC0182101, 0x40082102
NOTICE, ANSWER = "=QIIiIQ6Q", "=QqiI"
CURRENT_FOLDER, NO_FOLLOW, EMPTY_PATH = -100, 0x100, 0x1000
NOW, OMIT = 0x3FFFFFFF, 0x3FFFFFFE
LONGEST_PATH = 4096
MODE_BITS = 0o1777
NANOSECONDS = 1_000_000_000

CALLS = {  # by number
    "x86_64": {90: "chmod", 91: "fchmod", 268: "fchmodat", 452: "fchmodat2", 280: "utimensat"},
    "aarch64": {52: "fchmod", 53: "fchmodat", 452: "fchmodat2", 88: "utimensat"},
}


def answer(listener: int, own: tuple[str, ...]) -> bool:
    """Answer one call; False when nobody is left who could make one."""
    data = bytearray(struct.calcsize(NOTICE))
    try:
        fcntl.ioctl(listener, RECEIVE, data)
    except OSError as error:
        return error.errno == errno.EINTR
    number, pid, _, call, _, _, *arguments = struct.unpack(NOTICE, data)
    try:
        _make(CALLS[os.uname().machine][call], pid, arguments, own, listener, number)
        failure = 0
    except OSError as error:
        failure = -(error.errno or errno.EPERM)
    try:
        fcntl.ioctl(listener, SEND, bytearray(struct.pack(ANSWER, number, 0, failure, 0)))
    except OSError:  # who asked has ended
        pass
    return True


def _make(call: str, pid: int, arguments: list[int], own: tuple[str, ...], listener: int, number: int) -> None:
    """Make one change; OSError is what the command gets."""
    flags = 0
    match call:
        case "chmod":
            base, path = CURRENT_FOLDER, arguments[0]
        case "fchmod":
            base, path = _signed(arguments[0]), 0
        case "fchmodat2" | "utimensat":
            base, path, flags = _signed(arguments[0]), arguments[1], arguments[3]
        case _:
            base, path = _signed(arguments[0]), arguments[1]
    target = _opened(pid, base, _text(pid, path) if path else "", flags)
    try:
        # The process that asked is still there, so that what was read of it was its own.
        fcntl.ioctl(listener, IS_VALID, struct.pack("=Q", number))
        place = os.readlink(f"/proc/self/fd/{target}")
        if not any(place == folder or place.startswith(f"{folder}/") for folder in own):
            raise PermissionError(errno.EPERM, "outside")
        if call == "utimensat":
            _set_times(target, _memory(pid, arguments[2], 32) if arguments[2] else b"")
        else:
            os.chmod(f"/proc/self/fd/{target}", arguments[2 if "at" in call else 1] & MODE_BITS)
    finally:
        os.close(target)


def _opened(pid: int, base: int, path: str, flags: int) -> int:
    """Return a descriptor of what is meant, which can neither be read nor written by it."""
    where = f"/proc/{pid}/cwd" if base == CURRENT_FOLDER else f"/proc/{pid}/fd/{base}"
    start = os.open(where, os.O_PATH)
    if not path:
        return start
    try:
        return os.open(path, os.O_PATH | (os.O_NOFOLLOW if flags & NO_FOLLOW else 0), dir_fd=start)
    finally:
        os.close(start)


def _set_times(target: int, given: bytes) -> None:
    name = f"/proc/self/fd/{target}"
    if not given:
        os.utime(name)
        return
    found = os.stat(name)
    times = []
    for (seconds, part), present in zip(
        struct.iter_unpack("=qq", given), (found.st_atime_ns, found.st_mtime_ns), strict=True
    ):
        if part == OMIT:
            times.append(present)
        else:
            times.append(time.time_ns() if part == NOW else seconds * NANOSECONDS + part)
    os.utime(name, ns=(times[0], times[1]))


def _text(pid: int, address: int) -> str:
    return os.fsdecode(_memory(pid, address, LONGEST_PATH).split(b"\0")[0])


def _memory(pid: int, address: int, size: int) -> bytes:
    descriptor = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        return os.pread(descriptor, size, address)
    finally:
        os.close(descriptor)


def _signed(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value
