"""System calls no program inside needs, refused by the kernel itself: the ones holes were found in again and again.

A filter is a program of the kernel's old packet filter language: https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

import errno
import platform
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT, SECOND_ARGUMENT = 0, 4, 16, 24
ALLOW, REFUSE, NO_FAMILY = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.EAFNOSUPPORT
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
"""Requests of `ioctl` that type into the terminal of whoever started us."""
FAMILIES: Mapping[str, int] = {"unix": 1, "inet": 2, "inet6": 10, "netlink": 16}
"""The kinds of sockets there are inside. The others reach past the network namespace (vsock: the host of a virtual machine), or into
parts of the kernel that few look after."""

Line = tuple[int, int, str, str]
"""An instruction: its code, its value, and where to go on when a test holds or does not."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The numbers of one architecture. From `foreign` on, numbers belong to another one that the kernel also understands."""

    audit: int
    ioctl: int
    sockets: tuple[int, int]
    refused: Mapping[str, int]
    foreign: int | None = None


MACHINES: Mapping[str, Machine] = {
    "x86_64": Machine(0xC000003E, 16, (41, 53), {
        "acct": 163, "add_key": 248, "bpf": 321, "clock_settime": 227, "delete_module": 176, "finit_module": 313, "fsconfig": 431,
        "fsmount": 432, "fsopen": 430, "fspick": 433, "init_module": 175, "io_uring_enter": 426, "io_uring_register": 427,
        "io_uring_setup": 425, "kexec_file_load": 320, "kexec_load": 246, "keyctl": 250, "lookup_dcookie": 212, "mount": 165,
        "mount_setattr": 442, "move_mount": 429, "open_by_handle_at": 304, "open_tree": 428, "perf_event_open": 298, "pivot_root": 155,
        "quotactl": 179, "reboot": 169, "request_key": 249, "setns": 308, "settimeofday": 164, "swapoff": 168, "swapon": 167,
        "syslog": 103, "umount2": 166, "unshare": 272, "userfaultfd": 323, "vhangup": 153,
    }, foreign=0x40000000),
    "aarch64": Machine(0xC00000B7, 29, (198, 199), {
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
    """Refuse everything of another architecture, the named calls, two requests of `ioctl` and unusual sockets; allow the rest."""
    calls: list[Line] = [(EQUAL, number, "refuse", "") for number in sorted(machine.refused.values())]
    if machine.foreign is not None:
        calls.append((AT_LEAST, machine.foreign, "refuse", ""))
    return _linked([
        (LOAD, ARCHITECTURE, "", ""),
        (EQUAL, machine.audit, "", "refuse"),
        (LOAD, NUMBER, "", ""),
        *calls,
        (EQUAL, machine.ioctl, "ioctl", ""),
        *((EQUAL, number, "socket", "") for number in machine.sockets),
        (RETURN, ALLOW, "", ""),
        "ioctl",
        (LOAD, SECOND_ARGUMENT, "", ""),
        *((EQUAL, request, "refuse", "") for request in (TIOCSTI, TIOCLINUX)),
        (RETURN, ALLOW, "", ""),
        "socket",
        (LOAD, FIRST_ARGUMENT, "", ""),
        *((EQUAL, family, "allow", "") for family in FAMILIES.values()),
        (RETURN, NO_FAMILY, "", ""),
        "allow",
        (RETURN, ALLOW, "", ""),
        "refuse",
        (RETURN, REFUSE, "", ""),
    ])  # fmt: skip


def _linked(lines: Sequence[Line | str]) -> bytes:
    """The program: names stand for the line after them, an empty name for the next line. Jumps only go forward, at most 255 lines."""
    places: dict[str, int] = {}
    kept: list[Line] = []
    for line in lines:
        if isinstance(line, str):
            places[line] = len(kept)
        else:
            kept.append(line)
    jumps = [tuple(places[name] - at - 1 if name else 0 for name in line[2:]) for at, line in enumerate(kept)]
    return b"".join(struct.pack("=HBBI", code, *jump, value) for (code, value, *_), jump in zip(kept, jumps, strict=True))
