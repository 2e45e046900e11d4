"""System calls no program inside needs, refused by the kernel itself: the ones holes were found in again and again.

A filter is a program of the kernel's old packet filter language: https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

import errno
import platform
import struct
from collections.abc import Mapping
from dataclasses import dataclass

LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER, ARCHITECTURE, SECOND_ARGUMENT = 0, 4, 24
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
"""Requests of `ioctl` that type into the terminal of whoever started us."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The numbers of one architecture. From `foreign` on, numbers belong to another one that the kernel also understands."""

    audit: int
    ioctl: int
    refused: Mapping[str, int]
    foreign: int | None = None


MACHINES: Mapping[str, Machine] = {
    "x86_64": Machine(0xC000003E, 16, {
        "acct": 163, "add_key": 248, "bpf": 321, "clock_settime": 227, "delete_module": 176, "finit_module": 313, "fsconfig": 431,
        "fsmount": 432, "fsopen": 430, "fspick": 433, "init_module": 175, "io_uring_enter": 426, "io_uring_register": 427,
        "io_uring_setup": 425, "kexec_file_load": 320, "kexec_load": 246, "keyctl": 250, "lookup_dcookie": 212, "mount": 165,
        "mount_setattr": 442, "move_mount": 429, "open_by_handle_at": 304, "open_tree": 428, "perf_event_open": 298, "pivot_root": 155,
        "quotactl": 179, "reboot": 169, "request_key": 249, "setns": 308, "settimeofday": 164, "swapoff": 168, "swapon": 167,
        "syslog": 103, "umount2": 166, "unshare": 272, "userfaultfd": 323, "vhangup": 153,
    }, foreign=0x40000000),
    "aarch64": Machine(0xC00000B7, 29, {
        "acct": 89, "add_key": 217, "bpf": 280, "clock_settime": 112, "delete_module": 106, "finit_module": 273, "fsconfig": 431,
        "fsmount": 432, "fsopen": 430, "fspick": 433, "init_module": 105, "io_uring_enter": 426, "io_uring_register": 427,
        "io_uring_setup": 425, "kexec_file_load": 294, "kexec_load": 104, "keyctl": 219, "lookup_dcookie": 18, "mount": 40,
        "mount_setattr": 442, "move_mount": 429, "open_by_handle_at": 265, "open_tree": 428, "perf_event_open": 241, "pivot_root": 41,
        "quotactl": 60, "reboot": 142, "request_key": 218, "setns": 268, "settimeofday": 170, "swapoff": 225, "swapon": 224,
        "syslog": 116, "umount2": 39, "unshare": 97, "userfaultfd": 282, "vhangup": 58,
    }),
}  # fmt: skip


def program(machine: str | None = None) -> bytes | None:
    """The filter for a machine (default: this one), as bubblewrap reads it; None for one we have no numbers of."""
    known = MACHINES.get(machine or platform.machine())
    return _assembled(known) if known else None


def _assembled(machine: Machine) -> bytes:
    """Refuse everything of another architecture, the named calls, and two requests of `ioctl`; allow the rest.

    Jumps are counted from the end, where the two answers stand: first `allow`, then `refuse`.
    """
    requests = [(EQUAL, TIOCLINUX), (EQUAL, TIOCSTI)]
    numbers = [(EQUAL, number) for number in sorted(machine.refused.values())]
    if machine.foreign is not None:
        numbers.append((AT_LEAST, machine.foreign))
    total = len(requests) + len(numbers)
    lines = [_line(LOAD, ARCHITECTURE), _line(EQUAL, machine.audit, 0, total + 4), _line(LOAD, NUMBER)]
    for place, (test, value) in enumerate(numbers):
        left = len(numbers) - place - 1
        lines.append(_line(test, value, left + 2 + len(requests) + 1, 0))
    lines.append(_line(EQUAL, machine.ioctl, 0, len(requests) + 1))
    lines.append(_line(LOAD, SECOND_ARGUMENT))
    for place, (test, value) in enumerate(requests):
        lines.append(_line(test, value, len(requests) - place, 0))
    return b"".join([*lines, _line(RETURN, ALLOW), _line(RETURN, REFUSE)])


def _line(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)
