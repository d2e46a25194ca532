"""The filter of system calls decides as it should on both architectures, of which one machine can try only one."""

from __future__ import annotations

import errno
import struct

import pytest

from core.execution.sandbox.seccomp import filter_program

ALLOW, FAIL, ASK = 0x7FFF0000, 0x00050000, 0x7FC00000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
DENIED = FAIL | errno.EPERM
# By name: the numbers of x86_64 and aarch64 (None: there is no such call), arguments, what a network namespace and a keeper
# change, and the decision.
CASES: dict[str, tuple[int | None, int | None, tuple[int, ...], dict[str, bool], int]] = {
    "read": (0, 63, (), {}, ALLOW),
    "exit_group": (231, 94, (), {}, ALLOW),
    "ptrace": (101, 117, (16,), {}, DENIED),
    "keyctl": (250, 219, (), {}, DENIED),
    "mount": (165, 40, (), {}, DENIED),
    "a thread": (56, 220, (0x3D0F00,), {}, ALLOW),
    "a process": (56, 220, (17,), {}, ALLOW),
    "a user namespace": (56, 220, (0x10000011,), {}, DENIED),
    "clone3": (435, 435, (), {}, FAIL | errno.ENOSYS),
    "io_uring": (425, 425, (), {}, FAIL | errno.ENOSYS),
    "a socket of the internet": (41, 198, (2, 1), {"own_network": True}, ALLOW),
    "a socket of virtual machines": (41, 198, (40, 1), {"own_network": True}, FAIL | errno.EAFNOSUPPORT),
    "any socket": (41, 198, (1, 1), {}, FAIL | errno.EACCES),
    "a pair of streams": (53, 199, (1, 1 | 0o2000000), {}, ALLOW),
    "a pair of datagrams": (53, 199, (1, 2 | 0o2000000), {}, FAIL | errno.EACCES),
    "a terminal's size": (16, 29, (0, 0x5413), {}, ALLOW),
    "typing": (16, 29, (0, 0x5412), {}, DENIED),
    "opening with a mode": (257, 56, (0, 0, 0o100, 0o644), {}, ALLOW),
    "opening with set-user-id": (257, 56, (0, 0, 0o100, 0o4755), {}, DENIED),
    "opening what is there": (257, 56, (0, 0, 0, 0o4755), {}, ALLOW),
    "chmod": (90, None, (0, 0o755), {}, ALLOW),
    "chmod to be asked": (90, None, (0, 0o755), {"asks": True}, ASK),
    "fchmod to be asked": (91, 52, (0, 0o755), {"asks": True}, ASK),
    "fchmod with set-user-id": (91, 52, (0, 0o4755), {"asks": True}, DENIED),
    "times to be asked": (280, 88, (), {"asks": True}, ASK),
    "an owner": (93, 55, (), {"asks": True}, DENIED),
    "its own limits": (302, 261, (0,), {}, ALLOW),
    "limits of another": (302, 261, (17,), {}, DENIED),
}


def decide(program: bytes, architecture: int, number: int, arguments: tuple[int, ...]) -> int:
    """Run the filter as the kernel does."""
    data = struct.pack("=IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    steps = list(struct.iter_unpack("=HBBI", program))
    at = held = 0
    while True:
        code, if_true, if_false, value = steps[at]
        at += 1
        match code:
            case 0x20:
                held = struct.unpack_from("=I", data, value)[0]
            case 0x54:
                held &= value
            case 0x06:
                return int(value)
            case _:
                holds = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[code]
                at += if_true if holds else if_false


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize("case", CASES)
def test_the_filter_decides(case: str, machine: str) -> None:
    x86, arm, arguments, options, decision = CASES[case]
    number = x86 if machine == "x86_64" else arm
    if number is None:
        pytest.skip("there is no such call")
    program = filter_program(
        own_network=options.get("own_network", False), asks=options.get("asks", False), machine=machine
    )
    assert program is not None
    assert decide(program, ARCHITECTURES[machine], number, arguments) == decision


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_calls_of_another_architecture_are_unknown(machine: str) -> None:
    program = filter_program(own_network=True, machine=machine)
    assert program is not None
    assert decide(program, 0x40000003, 0, ()) == FAIL | errno.ENOSYS
    assert decide(program, ARCHITECTURES[machine], 0x40000001, ()) == FAIL | errno.ENOSYS


def test_an_unknown_machine_has_no_filter() -> None:
    assert filter_program(own_network=True, machine="riscv64") is None
