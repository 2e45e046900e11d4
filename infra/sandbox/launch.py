"""One start of bubblewrap, and its end: nothing inside is alive once `wait` has returned."""

import contextlib
import json
import os
import select
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from infra import process
from infra.process import Bounds, Captured, Command, Running
from infra.sandbox.confinement import Confinement
from infra.sandbox.guard import MEMORY, Guard
from infra.sandbox.limits import ROOT, Group, limiting, new_group
from infra.sandbox.profile import Host, inner, options
from infra.sandbox.seccomp import program as refused_calls
from infra.sandbox.usage import killed_for_memory
from jobs.errors import Fault
from jobs.evidence import Ended

SETPRIV = shutil.which("setpriv", path="/usr/bin:/bin")
TIED = (SETPRIV, "--pdeathsig", "KILL", "--", "/bin/sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"') if SETPRIV else ()
"""Before bubblewrap, which ties itself to us only once it has read its options: whoever finds us gone by then begins nothing."""
START_S = 20.0
DEATH_S = 20.0
FIRST_TO_GO = "800"
"""Of 1000: when memory of the whole machine runs out, the kernel takes what is inside before anything of ours."""
SHORT = "The machine ran out of memory, and the kernel ended it."
ELSEWHERE = "Its sandbox was killed by somebody or something else on this machine."
BY_WHOM = "It was killed: by itself, over a limit of time, memory or file size, or by somebody else on this machine."
KILLED = 128 + signal.SIGKILL
BY_SIGNAL = frozenset(128 + number for number in (signal.SIGKILL, signal.SIGXCPU, signal.SIGXFSZ))


def launch(program: Path, confinement: Confinement, bounds: Bounds, host: Host, groups: Path = ROOT) -> "Confined":
    """Start `confinement` under the bubblewrap at `program`. Raises Fault(`sandbox_unavailable`)."""
    if confinement.network.mode == "allowlist" and confinement.network.egress is None:
        raise Fault("sandbox_unavailable", "The network may only reach named hosts, but no egress proxy runs here to see to that.")
    group = new_group(confinement, groups)
    words = (*limiting(confinement, grouped=group is not None), *inner(confinement, host))
    wires = Wires.open(options(confinement, host))
    argv = (*TIED, str(os.getpid()), str(program)) if TIED else (str(program),)
    command = Command((*argv, *wires.arguments, "--", *words), {}, cwd=Path("/"), stdin=confinement.stdin, pass_fds=wires.theirs)
    try:
        running = process.start(command, bounds)
    except OSError as error:
        wires.close()
        raise Fault("sandbox_unavailable", f"The sandbox program {program} cannot be started: {error.strerror}.") from error
    return Confined(running, wires, confinement, group)


class Confined:
    """`Session` of a program inside bubblewrap."""

    def __init__(self, running: Running, wires: "Wires", confinement: Confinement, group: Group | None) -> None:
        self._running = running
        self._group = group
        self._wires = wires
        self._init: int | None = None
        self._guard: Guard | None = None
        self._captured: Captured | None = None
        self._killed = killed_for_memory()
        try:
            pid = wires.first()
            if pid is not None:
                self._init = os.pidfd_open(pid)
                self._guard = Guard(confinement, pid, self._kill, grouped=group is not None)
                _admitted(pid, group)
                self._guard.start()
            wires.release()
        except ProcessLookupError:
            wires.release()
        except OSError as error:
            self.__exit__(None, None, None)
            raise Fault("sandbox_unavailable", f"The limits of a sandbox cannot be set: {error.strerror} ({error.filename}).") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._running.__exit__(kind, error, trace)
        self._settle()

    def lines(self) -> Iterator[str]:
        """Lines of standard output as they come."""
        return self._running.lines()

    def printed(self, since: int, most: int) -> tuple[int, bytes]:
        """How much standard output there is by now, and the newest of it after `since`."""
        return self._running.printed(since, most)

    def stop(self) -> None:
        """Kill all of it now; from any thread."""
        self._running.stop()

    def wait(self) -> Captured:
        """Its end, once every process inside is dead. Raises Fault(`sandbox_unavailable`) when it never came to start."""
        if self._captured is None:
            captured = self._running.wait()
            started = self._wires.reported_exit()
            memory = self._group.out_of_memory() if self._group is not None else ""
            short = memory == "machine" or (self._group is None and killed_for_memory() > self._killed)
            self._settle()
            over = self._guard.verdict if self._guard is not None and self._guard.verdict else MEMORY if memory == "limit" else ""
            self._captured = judged(captured, started=started, over=over, short=short)
        return self._captured

    def _kill(self) -> None:
        if self._init is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init, signal.SIGKILL)

    def _settle(self) -> None:
        """Wait until the namespace's first process is dead: the kernel lets it go only after all the others."""
        self._kill()
        if self._guard is not None:
            self._guard.end()
        if self._init is not None:
            dead, _, _ = select.select([self._init], [], [], DEATH_S)
            os.close(self._init)
            self._init = None
            if not dead:
                raise Fault("sandbox_unavailable", "Processes of a sandbox cannot be killed; the machine needs to be looked at.")
        self._wires.close()
        if self._group is not None:
            self._group.remove()
            self._group = None


def _admitted(pid: int, group: Group | None) -> None:
    """Put the first process where its limits are, while it waits; what it starts is there too, and goes first when memory runs out."""
    Path(f"/proc/{pid}/oom_score_adj").write_text(FIRST_TO_GO)
    if group is not None:
        group.admit(pid)


def judged(captured: Captured, *, started: bool, over: str, short: bool = False) -> Captured:
    """What an end was: over a bound of ours, by the machine (which was `short` of memory), by somebody outside, or its own.

    Only somebody outside can kill bubblewrap itself. Of a signal inside nobody can tell whose it was.
    """
    if over and captured.ended in (Ended.EXIT, Ended.KILLED):
        return replace(captured, ended=Ended.KILLED, note=over)
    if short and (captured.ended is Ended.KILLED or captured.exit_code == KILLED):
        return replace(captured, ended=Ended.KILLED, exit_code=None, outside=SHORT)
    if captured.ended is Ended.KILLED:
        return replace(captured, outside=ELSEWHERE)
    if captured.ended is not Ended.EXIT:
        return captured
    if not started:
        text = "The sandbox could not be set up on this machine; `slipway doctor` says what is missing."
        raise Fault("sandbox_unavailable", text, evidence=captured.stderr.output().text)
    if captured.exit_code in BY_SIGNAL:
        return replace(captured, ended=Ended.KILLED, note=BY_WHOM)
    return captured


@dataclass
class Wires:
    """The descriptors between us and bubblewrap: its options, what it reports, and the gate it waits at.

    Options do not go through the command line: that is visible to everybody, inside and outside. The filter goes through a pipe that is
    filled at the release: bubblewrap takes the end of the gate for a release too, but starts nothing under a filter that is empty. So
    nothing is started once we are dead, however early that was, and before bubblewrap could be tied to us.
    """

    options: int
    refused: bytes
    filter: int
    filling: int
    status: int
    report: int
    gate: int
    opener: int
    said: bytes = b""

    @classmethod
    def open(cls, words: tuple[str, ...]) -> "Wires":
        """Fresh ones, with options and filter written."""
        refused = refused_calls()
        given = _filled("options", b"".join(os.fsencode(word) + b"\0" for word in words))
        return cls(given, refused or b"", *(os.pipe() if refused else (-1, -1)), *os.pipe(), *os.pipe())

    @property
    def arguments(self) -> tuple[str, ...]:
        """What is left for the command line."""
        filtering = ("--seccomp", str(self.filter)) if self.filter >= 0 else ()
        return ("--args", str(self.options), "--json-status-fd", str(self.report), "--block-fd", str(self.gate), *filtering)

    @property
    def theirs(self) -> tuple[int, ...]:
        """The ends bubblewrap holds."""
        return tuple(descriptor for descriptor in (self.options, self.filter, self.report, self.gate) if descriptor >= 0)

    def first(self) -> int | None:
        """The namespace's first process, which waits for `release`; None when there never was one."""
        for descriptor in self.theirs:
            os.close(descriptor)
        self.options = self.filter = self.report = self.gate = -1
        first = self._first_report()
        return int(json.loads(first)["child-pid"]) if first else None

    def release(self) -> None:
        """Let it go on."""
        with contextlib.suppress(BrokenPipeError):
            if self.filling >= 0:
                os.write(self.filling, self.refused)
                os.close(self.filling)
                self.filling = -1
            os.write(self.opener, b".")

    def _first_report(self) -> bytes:
        """The first line, which bubblewrap writes piece by piece; empty when it gave up before."""
        while b"\n" not in self.said:
            ready, _, _ = select.select([self.status], [], [], START_S)
            piece = os.read(self.status, 4096) if ready else b""
            if not piece:
                return b""
            self.said += piece
        return self.said.split(b"\n", 1)[0]

    def reported_exit(self) -> bool:
        """Whether bubblewrap says that the program was started and ended; only after its end."""
        ready, _, _ = select.select([self.status], [], [], 0)
        return b"exit-code" in self.said + (os.read(self.status, 4096) if ready else b"")

    def close(self) -> None:
        """Close what is still open."""
        for name in ("options", "filter", "filling", "status", "report", "gate", "opener"):
            if getattr(self, name) >= 0:
                os.close(getattr(self, name))
                setattr(self, name, -1)


def _filled(name: str, data: bytes) -> int:
    """A nameless file in memory with `data` in it, to be read from its beginning."""
    descriptor = os.memfd_create(name)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
