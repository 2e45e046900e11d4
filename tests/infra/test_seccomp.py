"""The filter of system calls, run by an interpreter of the kernel's packet filter language, and by the kernel."""

import errno
import platform
import struct
import sys
from pathlib import Path

import pytest

from infra.process import Bounds
from infra.sandbox import CHECKOUT, Bind, Confinement
from infra.sandbox.seccomp import ALLOW, FAMILIES, MACHINES, NO_FAMILY, REFUSE, TIOCLINUX, TIOCSTI, Machine, program
from tests.needs import missing, working_sandbox

PYTHON = str(Path(sys.base_prefix).resolve() / "bin" / "python3")


def answer(filtering: bytes, machine: Machine, number: int, *, audit: int | None = None, first: int = 1, second: int = 0) -> int:
    """What the filter says to a call."""
    data = struct.pack("=IIQQQ", number, audit or machine.audit, 0, first, second)
    place = held = 0
    while True:
        code, then, otherwise, value = struct.unpack_from("=HBBI", filtering, place * 8)
        place += 1
        if code == 0x20:
            held = struct.unpack_from("=I", data, value)[0]
        elif code == 0x15:
            place += then if held == value else otherwise
        elif code == 0x35:
            place += then if held >= value else otherwise
        else:
            assert code == 0x06
            return int(value)


@pytest.mark.parametrize("name", MACHINES)
def test_what_is_named_is_refused_and_nothing_else(name: str) -> None:
    """Proves: T24."""
    machine, filtering = MACHINES[name], program(name)
    assert filtering is not None
    refused = {number for number in range(600) if answer(filtering, machine, number) == REFUSE}
    assert refused == set(machine.refused.values())
    assert len(refused) == len(machine.refused)


@pytest.mark.parametrize("name", MACHINES)
def test_typing_into_the_terminal_and_other_architectures_are_refused(name: str) -> None:
    """Proves: T24."""
    machine, filtering = MACHINES[name], program(name)
    assert filtering is not None
    assert {answer(filtering, machine, machine.ioctl, second=request) for request in (TIOCSTI, TIOCLINUX)} == {REFUSE}
    assert answer(filtering, machine, machine.ioctl, second=0x5401) == ALLOW
    assert answer(filtering, machine, 1, audit=0x40000003) == REFUSE
    if machine.foreign is not None:
        assert answer(filtering, machine, machine.foreign + 1) == REFUSE


@pytest.mark.parametrize("name", MACHINES)
def test_there_are_four_kinds_of_sockets(name: str) -> None:
    """Proves: T24, T14."""
    machine, filtering = MACHINES[name], program(name)
    assert filtering is not None
    for call in machine.sockets:
        answers = {family: answer(filtering, machine, call, first=family) for family in range(100)}
        assert {family for family, said in answers.items() if said == ALLOW} == set(FAMILIES.values())
        assert {said for said in answers.values() if said != ALLOW} == {NO_FAMILY}


def test_a_machine_without_numbers_has_no_filter() -> None:
    assert program("pdp11") is None


def test_the_kernel_takes_the_filter_and_refuses(tmp_path: Path) -> None:
    """Proves: T24."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        missing(f"numbers of system calls for {platform.machine()}")
    numbers = [machine.refused[name] for name in ("keyctl", "io_uring_setup", "bpf", "unshare", "userfaultfd")]
    code = (
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        f"print([(libc.syscall({numbers}[n], 0, 0, 0, 0), ctypes.get_errno()) for n in range({len(numbers)})])\n"
        "print([(libc.socket(family, 1, 0) < 0 and ctypes.get_errno()) for family in (1, 2, 10, 40, 38, 17, 30, 44)])\n"
    )
    confinement = Confinement((PYTHON, "-I", "-S", "-c", code), (Bind(tmp_path, CHECKOUT),))
    captured = working_sandbox(tmp_path / "scratch").run(confinement, Bounds(30))
    sockets = [False] * 3 + [errno.EAFNOSUPPORT] * 5
    assert captured.stdout.text == f"{[(-1, errno.EPERM)] * len(numbers)}\n{sockets}\n", captured.stderr.text
