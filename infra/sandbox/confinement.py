"""What an untrusted program may see, reach and use up, as values; and what a sandbox is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

from infra.process import Bounds, Captured
from jobs.rules import LimitsRule

CHECKOUT = "/checkout"
"""Where the work lies inside, and the working directory."""
EGRESS_PORT = 3128
BROKER_PORT = 3129


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or directory of the host, seen at `target` inside."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Overlay:
    """Layers seen as one directory at `target`. `lowers` are never written and stand bottom first; writes go to `upper`.

    `work` is an empty directory beside `upper`, on the same file system. Without an `upper` nothing can be written.
    """

    lowers: tuple[Path, ...]
    target: str
    upper: Path | None = None
    work: Path | None = None


Mount = Bind | Overlay


@dataclass(frozen=True, slots=True)
class Network:
    """What can be reached. Nothing has a route unless `allow`; the two sockets are the only way out otherwise.

    `egress` is the unix socket of the proxy that lets named hosts through: seen inside as an HTTP proxy on
    127.0.0.1:EGRESS_PORT, and set in the environment. `broker` is the socket of the model broker, seen on
    127.0.0.1:BROKER_PORT. Mode `allowlist` without `egress` cannot be enforced and is refused.
    """

    mode: Literal["deny", "allowlist", "allow"] = "deny"
    egress: Path | None = None
    broker: Path | None = None


@dataclass(frozen=True, slots=True)
class Confinement:
    """One start of an untrusted program. Nothing of the host is seen but the system's programs and what is named here.

    `env` is added to a minimal environment (PATH, HOME, LANG, USER, TMPDIR, proxies). `read_only` paths are seen where they
    are; `binds` elsewhere. `checkout` holds the mounts at and below CHECKOUT.
    """

    argv: tuple[str, ...]
    checkout: tuple[Mount, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    read_only: tuple[Path, ...] = ()
    binds: tuple[Bind, ...] = ()
    stdin: bytes = b""
    network: Network = Network()
    memory: int = 2 * 1024**3
    processes: int = 512
    cpu_s: int = 4 * 3600
    file_bytes: int = 2 * 1024**3
    tmp_bytes: int = 1024**3
    disk_bytes: int = 5 * 1024**3
    disk_files: int = 1_000_000
    checkout_read_only: bool = False


def limited(confinement: Confinement, limits: LimitsRule) -> Confinement:
    """`confinement` with the limits of a repository's rules."""
    return replace(confinement, memory=limits.memory, processes=limits.processes, disk_bytes=limits.disk)


class Session(Protocol):
    """An untrusted program that has been started. `infra.process.Running` is one."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Kill what is left of it."""
        ...

    def lines(self) -> Iterator[str]:
        """Lines of standard output as they come."""
        ...

    def printed(self, since: int, most: int) -> tuple[int, bytes]:
        """How much standard output there is by now, and the newest of it after `since`: at most `most` bytes. Never waits."""
        ...

    def stop(self) -> None:
        """Kill all of it now; from any thread."""
        ...

    def wait(self) -> Captured:
        """Its end. Nothing of it lives on return."""
        ...


class Sandbox(Protocol):
    """Starts untrusted programs."""

    @property
    def confines(self) -> bool:
        """Whether it is one at all: else programs see this machine as it is, and mounts are the plain directories."""
        ...

    @property
    def overlays(self) -> bool:
        """Whether an `Overlay` can be mounted; else a checkout has to be a plain directory."""
        ...

    def probe(self) -> str:
        """What this sandbox is, proved by running a program in it. Raises Fault(`sandbox_unavailable`) with the remedy."""
        ...

    def start(self, confinement: Confinement, bounds: Bounds) -> Session:
        """Start a program, from the calling thread: it dies with that thread. Raises Fault(`sandbox_unavailable`)."""
        ...

    def run(self, confinement: Confinement, bounds: Bounds) -> Captured:
        """Start a program and wait for its end."""
        ...
