"""Attempts to break out of a sandbox, for whoever wants to know whether it holds on this machine.

Each tries the same outside first: an attempt that comes to nothing even there would prove nothing.
"""

import contextlib
import json
import os
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from infra.clock import SystemClock
from infra.process import Bounds
from infra.sandbox.confinement import CHECKOUT, Bind, Confinement, Sandbox
from infra.sandbox.profile import this_host
from infra.sandbox.unconfined import Unconfined

PATIENCE = Bounds(30)
DEATH_S = 5.0
UNPROVEN = "it could not be tried here, so nothing is proved"
READS = """
import glob, sys
for path in [sys.argv[1], *glob.glob("/proc/[0-9]*/environ"), *glob.glob("/proc/[0-9]*/cmdline")]:
    try: sys.stdout.buffer.write(open(path, "rb").read())
    except OSError: pass
"""
WRITES = "import sys\ntry: open(sys.argv[1], 'w').write('x')\nexcept OSError: pass"
CALLS = """
import json, socket, sys
for name, family, address in json.loads(sys.argv[1]):
    try:
        with socket.socket(family) as one:
            one.settimeout(3)
            one.connect(tuple(address) if isinstance(address, list) else address.replace("@", chr(0)))
        print(name)
    except OSError: pass
"""
STAYS = """
import os, signal, sys
if os.fork() == 0:
    os.setsid(); signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        print("here", flush=True)
        for descriptor in (0, 1, 2): os.close(descriptor)
        os.execvp("sleep", ["sleep", sys.argv[1]])
    os._exit(0)
signal.pause()
"""
EATS = "kept = []\nfor _ in range(40): kept.append(bytearray(10**7))\nprint('ate')"


class Attempt(Protocol):
    """One attempt."""

    def __call__(self, sandbox: Sandbox, place: Path) -> str:
        """What got through, or why that cannot be told; empty where the sandbox holds. `place` is an empty directory."""
        ...


def reads_a_file(sandbox: Sandbox, place: Path) -> str:
    """A secret in a file and in the memory of another process."""
    canary = secrets.token_hex(16)
    secret = place / "secret"
    secret.write_text(canary)
    if canary not in _told(Unconfined(), place, READS, str(secret)):
        return UNPROVEN
    return "a file of this machine could be read" if canary in _told(sandbox, place, READS, str(secret)) else ""


def writes_a_file(sandbox: Sandbox, place: Path) -> str:
    """A file outside the checkout."""
    for which, wanted in ((Unconfined(), True), (sandbox, False)):
        written = place / f"written-{wanted}"
        _told(which, place, WRITES, str(written))
        if written.exists() != wanted:
            return UNPROVEN if wanted else "a file outside the checkout could be written"
    return ""


def calls_out(sandbox: Sandbox, place: Path) -> str:
    """Services on this machine: on its loopback, on an abstract socket and on one in the file system."""
    with _listening() as addresses:
        asked = json.dumps(addresses)
        if set(_told(Unconfined(), place, CALLS, asked).split()) != {name for name, _, _ in addresses}:
            return UNPROVEN
        reached = _told(sandbox, place, CALLS, asked).split()
    return f"services of this machine were reached ({', '.join(reached)})" if reached else ""


def stays_behind(sandbox: Sandbox, place: Path) -> str:
    """A daemon that left its parents and ignores being asked to end."""
    marker, clock = f"86399.{secrets.randbelow(10**9)}", SystemClock()
    with sandbox.start(_confinement(place, STAYS, marker), PATIENCE) as session:
        started = next(session.lines(), "") == "here" and _seen(marker, clock.monotonic() + DEATH_S, wanted=True)
    if not started:
        return UNPROVEN
    if _seen(marker, clock.monotonic() + DEATH_S, wanted=False):
        return ""
    for pid in _alive(marker):
        os.kill(pid, signal.SIGKILL)
    return f"a process lived on for {DEATH_S:g} s"


def eats_memory(sandbox: Sandbox, place: Path) -> str:
    """More memory than it may have."""
    if _told(Unconfined(), place, EATS) != "ate\n":
        return UNPROVEN
    captured = sandbox.run(_confinement(place, EATS, memory=100 * 1000**2), PATIENCE)
    return "four times the memory that was allowed could be used" if captured.ok else ""


ATTEMPTS: Mapping[str, Attempt] = {
    "reading a secret": reads_a_file,
    "writing outside": writes_a_file,
    "calling out": calls_out,
    "staying behind": stays_behind,
    "using too much": eats_memory,
}


def _confinement(place: Path, code: str, *words: str, memory: int = 1000**3) -> Confinement:
    host = this_host()
    python = host.interpreter / "bin" / Path(sys.executable).resolve().name
    checkout = place / "checkout"
    checkout.mkdir(exist_ok=True)
    return Confinement((str(python), "-I", "-S", "-c", code, *words), (Bind(checkout, CHECKOUT, writable=True),), memory=memory)


def _told(sandbox: Sandbox, place: Path, code: str, *words: str) -> str:
    return sandbox.run(_confinement(place, code, *words), PATIENCE).stdout.text


@contextlib.contextmanager
def _listening() -> Iterator[list[tuple[str, int, object]]]:
    """Three listening sockets, by what they are called, their families and their addresses."""
    name = f"slipway-{secrets.token_hex(8)}"
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
        short = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slipway-"))) / "socket"  # a socket's path is short
        for address in (f"\0{name}", str(short)):
            unix = stack.enter_context(socket.socket(socket.AF_UNIX))
            unix.bind(address)
            unix.listen()
        here = ("file", int(socket.AF_UNIX), str(short))
        yield [("loopback", int(socket.AF_INET), ["127.0.0.1", port]), ("abstract", int(socket.AF_UNIX), f"@{name}"), here]


def _seen(marker: str, until: float, *, wanted: bool) -> bool:
    """Whether processes with that word in their command line come or go, as wanted, in time."""
    clock = SystemClock()
    while bool(_alive(marker)) != wanted:
        if clock.monotonic() > until:
            return False
        clock.sleep(0.02)
    return True


def _alive(marker: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().split(b"\0")[:2] == [b"sleep", marker.encode()]:
                found.append(int(path.parent.name))
    return found
