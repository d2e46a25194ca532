"""The filter of system calls that both Linux sandboxes load: what no test needs, and what other walls do not hold.

It denies by number and plain arguments; paths and addresses cannot be seen by it. The numbers are those of the kernel's
tables for 64-bit x86 and ARM, which never change.
"""

from __future__ import annotations

import errno
import platform
import struct
from dataclasses import dataclass
from typing import Literal

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_X32 = 0x40000000  # calls of the 32-bit-pointer interface of x86, with numbers of their own

# Classic BPF, as struct sock_filter takes it.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET, _ARGUMENTS_OFFSET = 0, 4, 16
_ALLOW, _FAIL, _ASK = 0x7FFF0000, 0x00050000, 0x7FC00000

_NEW_NAMESPACES = 0x7E020000  # every CLONE_NEW* that clone takes
_SET_ID_BITS = 0o6000
_O_CREAT = 0o100
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_SOCK_DGRAM, _SOCK_TYPE = 2, 0xF
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C

# x86_64, aarch64; None where an architecture has no such call.
_DENIED: dict[str, tuple[int | None, int | None]] = {
    # the memory, the descriptors and the limits of other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    # keys of the kernel, which no namespace holds
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # mounts and namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "unshare": (272, 97),
    "setns": (308, 268),
    # files by handle instead of by path
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # memory that belongs to no process, and what other programs share by a number
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    # attributes beside a file's content
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    # the machine
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "fanotify_init": (300, 262),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "iopl": (172, None),
    "ioperm": (173, None),
}

# Callers of these know a kernel without them, and do without.
_ABSENT: dict[str, tuple[int | None, int | None]] = {
    "clone3": (435, 435),  # its flags lie in memory
    "openat2": (437, 437),  # its mode lies in memory
    "memfd_create": (319, 279),
    "io_uring_setup": (425, 425),  # opens sockets without the call for it
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}

# What would leave the process, where no namespace of its own holds the network: all but pairs of connected streams.
_SOCKETS: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
}


# Modes and times, which Landlock does not hold. The first are handed to the keeper; the old ones and owners are denied.
_ASKED: tuple[tuple[int | None, int | None], ...] = (
    (90, None),  # chmod
    (91, 52),  # fchmod
    (268, 53),  # fchmodat
    (452, 452),  # fchmodat2
    (280, 88),  # utimensat
)
_OWNERS: tuple[tuple[int | None, int | None], ...] = ((92, None), (93, 55), (94, None), (260, 54))
_OLD_TIMES: tuple[tuple[int | None, int | None], ...] = ((132, None), (235, None), (261, None))


@dataclass(frozen=True, slots=True)
class _Rule:
    """Denies a call where one of its arguments, masked, is or is not a value."""

    numbers: tuple[int | None, int | None]
    argument: int
    test: Literal["any_bit", "equal", "none_of"]
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF
    error: int = errno.EPERM


_CONDITIONAL = (
    _Rule((56, 220), 0, "any_bit", (_NEW_NAMESPACES,)),  # clone
    _Rule((16, 29), 1, "equal", (_TIOCSTI,)),  # ioctl
    _Rule((16, 29), 1, "equal", (_TIOCLINUX,)),
    # set-user-id and set-group-id: the file outlives the sandbox
    _Rule((90, None), 1, "any_bit", (_SET_ID_BITS,)),  # chmod
    _Rule((91, 52), 1, "any_bit", (_SET_ID_BITS,)),  # fchmod
    _Rule((268, 53), 2, "any_bit", (_SET_ID_BITS,)),  # fchmodat
    _Rule((452, 452), 2, "any_bit", (_SET_ID_BITS,)),  # fchmodat2
    _Rule((85, None), 1, "any_bit", (_SET_ID_BITS,)),  # creat
    _Rule((133, None), 1, "any_bit", (_SET_ID_BITS,)),  # mknod
    _Rule((259, 33), 2, "any_bit", (_SET_ID_BITS,)),  # mknodat
    # the limits, priority and processors of another process: 0 is the caller itself
    _Rule((302, 261), 0, "none_of", (0,)),  # prlimit64
    _Rule((141, 140), 1, "none_of", (0,)),  # setpriority
    _Rule((203, 122), 0, "none_of", (0,)),  # sched_setaffinity
    _Rule((144, 119), 0, "none_of", (0,)),  # sched_setscheduler
    _Rule((142, 118), 0, "none_of", (0,)),  # sched_setparam
    _Rule((314, 274), 0, "none_of", (0,)),  # sched_setattr
    _Rule((251, 30), 1, "none_of", (0,)),  # ioprio_set
)
_OPEN_WITH_SET_ID = (((2, None), 1), ((257, 56), 2))  # open, openat, and which argument holds the flags

# Some families, such as that of virtual machines, know no network namespace.
_NAMESPACED_FAMILIES = _Rule(
    (41, 198), 0, "none_of", (_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK), error=errno.EAFNOSUPPORT
)
# A datagram of a pair can be sent to any socket in the file system.
_NO_DATAGRAM_PAIRS = _Rule((53, 199), 1, "equal", (_SOCK_DGRAM,), mask=_SOCK_TYPE, error=errno.EACCES)


def filter_program(*, own_network: bool, asks: bool = False, machine: str | None = None) -> bytes | None:
    """Return the filter as the kernel takes it, None for an architecture that it was not written for.

    Args:
        own_network: whether the sandbox has a network namespace, so that sockets lead nowhere.
        asks: whether somebody outside makes changes to modes and times.
        machine: the architecture; this one's unless it is named.
    """
    known = _ARCHITECTURES.get(machine or platform.machine())
    if known is None:
        return None
    column, architecture = known
    program = [
        _statement(_LOAD, _ARCHITECTURE_OFFSET),
        _jump(_EQUAL, architecture, 1, 0),
        _fail(errno.ENOSYS),
        _statement(_LOAD, _NUMBER_OFFSET),
        _jump(_AT_LEAST, _X32, 0, 1),
        _fail(errno.ENOSYS),
    ]
    outright = [(numbers, errno.EPERM) for numbers in _DENIED.values()]
    outright += [(numbers, errno.ENOSYS) for numbers in _ABSENT.values()]
    if not own_network:
        outright += [(numbers, errno.EACCES) for numbers in _SOCKETS.values()]
    if asks:
        outright += [(numbers, errno.EPERM) for numbers in _OWNERS]
        outright += [(numbers, errno.ENOSYS) for numbers in _OLD_TIMES]
    for numbers, error in outright:
        if (number := numbers[column]) is not None:
            program += [_jump(_EQUAL, number, 0, 1), _fail(error)]
    for rule in (*_CONDITIONAL, _NAMESPACED_FAMILIES if own_network else _NO_DATAGRAM_PAIRS):
        if (number := rule.numbers[column]) is not None:
            program += _block(number, _tested(rule))
    for numbers, flags in _OPEN_WITH_SET_ID:
        if (number := numbers[column]) is not None:
            creates = [_argument(flags), _jump(_ANY_BIT, _O_CREAT, 0, 3)]
            sets_id = [_argument(flags + 1), _jump(_ANY_BIT, _SET_ID_BITS, 0, 1), _fail(errno.EPERM)]
            program += _block(number, creates + sets_id)
    for numbers in _ASKED if asks else ():
        if (number := numbers[column]) is not None:
            program += [_jump(_EQUAL, number, 0, 1), _statement(_RETURN, _ASK)]
    return b"".join([*program, _statement(_RETURN, _ALLOW)])


def _tested(rule: _Rule) -> list[bytes]:
    load = [_argument(rule.argument)]
    if rule.mask != 0xFFFFFFFF:
        load.append(_statement(_AND, rule.mask))
    if rule.test == "none_of":
        left = len(rule.values)
        return [*load, *(_jump(_EQUAL, value, left - at, 0) for at, value in enumerate(rule.values)), _fail(rule.error)]
    (value,) = rule.values
    return [*load, _jump(_ANY_BIT if rule.test == "any_bit" else _EQUAL, value, 0, 1), _fail(rule.error)]


def _block(number: int, tested: list[bytes]) -> list[bytes]:
    """Return the tests for one call, after which its number is loaded again."""
    return [_jump(_EQUAL, number, 0, len(tested) + 1), *tested, _statement(_LOAD, _NUMBER_OFFSET)]


def _argument(index: int) -> bytes:
    return _statement(_LOAD, _ARGUMENTS_OFFSET + 8 * index)  # its lower half: all of them are 32 bits wide


def _fail(error: int) -> bytes:
    return _statement(_RETURN, _FAIL | error)


def _statement(code: int, value: int) -> bytes:
    return _jump(code, value, 0, 0)


def _jump(code: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
