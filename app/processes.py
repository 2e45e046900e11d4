"""The roles of the service: which command starts which processes, and what has to stand before any of them does."""

import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import structlog

from app import logs, redis_care, roles
from app.roles import Start
from app.settings import Settings
from app.supervisor import Child, Supervisor
from app.version import VERSION
from app.wiring.ground import Ground
from infra import redis_server
from infra.clock import SystemClock
from infra.store.keeping import SqlWorkers
from infra.store.visits import SqlVisits
from jobs.errors import UserError

log = structlog.get_logger("slipway.processes")
GRACE_S = roles.DRAIN_S + 15
BACKLOG = 2048
LINK_S = 15 * 60
ROLES: Mapping[str, tuple[str, ...]] = {
    "up": ("web", "worker", "keeper"),
    "web": ("web",),
    "worker": ("worker",),
    "keeper": ("keeper",),
}
"""Which loops a command starts; no other."""
CALLBACKS = "callbacks"
"""What a worker is told to send callbacks and nothing else: they wait in the store, and in no queue of Redis."""
QUEUES = ("short", "agents", "test", CALLBACKS)
"""What a worker can be for; another name would be a worker that waits for ever."""


def up(settings: Settings) -> int:
    """Everything on one machine, with a Redis of its own where none is set. Returns the exit code when told to stop."""
    redactor = logs.configure(settings)
    if settings.redis_url:
        return _supervise("up", Start(settings, redactor))
    server = redis_server.ensure(redis_server.place(settings.data_dir, settings.runtime_dir))
    try:
        return _supervise(
            "up",
            Start(settings.model_copy(update={"redis_url": server.url}), redactor),
            tend=partial(redis_care.tend, server),
            is_spared=partial(redis_server.is_server, server.place),
        )
    finally:
        redis_server.stop(server)


def web(settings: Settings) -> int:
    """The web role alone."""
    return _alone("web", settings)


def worker(settings: Settings, queues: Sequence[str] = ()) -> int:
    """Workers alone: of the named queues, or of those that production has."""
    return _alone("worker", settings, queues)


def keeper(settings: Settings) -> int:
    """The keeper alone."""
    return _alone("keeper", settings)


def _alone(role: str, settings: Settings, queues: Sequence[str] = ()) -> int:
    """A role without `up` starts no Redis, and refuses to start where there is none."""
    redactor = logs.configure(settings)
    url = settings.redis_url or redis_server.adopt(redis_server.place(settings.data_dir, settings.runtime_dir)).url
    return _supervise(role, Start(settings.model_copy(update={"redis_url": url}), redactor), queues)


def _supervise(
    command: str,
    start: Start,
    queues: Sequence[str] = (),
    tend: Callable[[], None] = lambda: None,
    is_spared: Callable[[int], bool] = lambda pid: False,
) -> int:
    settings, ground = start.settings, Ground(start.settings)
    for warning in (*settings.warnings, *filter(None, [redis_care.look_at(ground.redis_url)])):
        log.warning(warning)
    engine = ground.engine  # checked and migrated once, before anybody works on it
    log.info("starting", command=command, roles=ROLES[command], pid=os.getpid(), version=VERSION, config=settings.config_hash)
    workers, ledger = SqlWorkers(engine), ground.ledger
    if command == "up" and not settings.setup_mode and sys.stderr.isatty():
        _invite(settings, SqlVisits(engine).link(LINK_S))

    def look_after(living: Mapping[str, int]) -> None:
        tend()
        start.seen(workers, ledger, living)

    try:
        return Supervisor(children(command, start, queues), SystemClock(), GRACE_S, look_after, is_spared).run()
    finally:
        engine.dispose()


def children(command: str, start: Start, queues: Sequence[str] = ()) -> list[Child]:
    """The processes that a command keeps. Raises UserError when the web's address cannot be listened on."""
    door = _listener(start) if "web" in ROLES[command] else None
    table: Mapping[str, Callable[[], list[Child]]] = {
        "web": lambda: [Child("web", partial(roles.serve_web, start, door))] if door else [],
        "worker": lambda: [_outside(door, child) for child in _workers(start, queues)],
        "keeper": lambda: [_outside(door, Child("keeper", partial(roles.keep, start)))],
    }
    return [child for role in ROLES[command] for child in table[role]()]


def _outside(door: socket.socket | None, child: Child) -> Child:
    """A child that has no business at the door, and does not keep it from the next start while it dies."""

    def run() -> None:
        if door:
            door.close()
        child.run()

    return Child(child.name, run)


def _workers(start: Start, queues: Sequence[str]) -> list[Child]:
    pools = start.settings.server.limits
    sizes = dict(zip(QUEUES, (pools.short, pools.workers, pools.test, 1), strict=True))
    wanted = {queue: max(sizes[queue], 1) if queues else sizes[queue] for queue in queues or sizes}
    return [_worker(start, queue, f"{queue}-{number}") for queue, size in wanted.items() for number in range(1, size + 1)]


def _worker(start: Start, queue: str, name: str) -> Child:
    return Child(name, partial(roles.send, start, name) if queue == CALLBACKS else partial(roles.answer, start, queue, name))


def _invite(settings: Settings, link: str) -> None:
    """A link that signs in whoever sees this terminal; never printed where the output is kept as a log."""
    here = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 - shown as what it means here
    address = settings.public_url or f"http://{f'[{here}]' if ':' in here else here}:{settings.port}"
    told = f"Open {address.rstrip('/')}/login?once={link} to sign in. It works once, within {LINK_S // 60} minutes."
    print(told, file=sys.stderr, flush=True)


def _listener(start: Start) -> socket.socket:
    """The listening socket, held by the supervisor: while a web process is started again, connections wait."""
    settings = start.settings
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio sets TCP_NODELAY only where the protocol is named
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise UserError(f"{settings.bind} cannot be listened on ({error.strerror}): stop what uses it, or change SLIPWAY_BIND") from error
    listener.listen(BACKLOG)
    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    log.info("listening", url=url)
    if settings.setup_mode:
        _show(start, url)
    return listener


def _show(start: Start, url: str) -> None:
    """The one-time token, in the terminal and nowhere else: whoever sees that may set this installation up."""
    told = (
        "Slipway is not connected to GitHub yet, so nothing but its set-up is served.",
        f"Open {url}/setup and enter this one-time token: {start.setup_token}",
        "To use it without a GitHub App, set SLIPWAY_WEBHOOK_SECRETS and start it again.",
    )
    print(*told, sep="\n", file=sys.stderr, flush=True)
