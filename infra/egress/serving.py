"""Serves proxies and brokers on unix sockets from a thread of their own, for as long as one sandbox lives."""

import asyncio
import contextlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from infra.clock import SystemClock
from infra.egress.broker import Broker
from infra.egress.proxy import Proxy
from jobs.errors import Fault

START_S = 10.0
STOP_S = 2
MOST_CONNECTIONS = 64
"""Of one sandbox at the same time; each costs this process a descriptor or two, and it has not many."""


@contextlib.contextmanager
def proxied(proxy: Proxy) -> Iterator[Path]:
    """The socket of a proxy, which ends with the block. Raises Fault(`sandbox_unavailable`)."""
    with _directory() as directory:
        path = directory / "egress.sock"
        up, over = threading.Event(), _Ending()

        async def serve() -> None:
            server = await asyncio.start_unix_server(proxy.serve, str(path), limit=1 << 16)
            over.bind(asyncio.get_running_loop())
            up.set()
            async with server:
                await over.wait()

        thread = threading.Thread(target=lambda: asyncio.run(serve()), name="egress", daemon=True)
        thread.start()
        _await(up.is_set, "proxy")
        try:
            yield path
        finally:
            over.now()
            thread.join(START_S)


@contextlib.contextmanager
def brokered(broker: Broker) -> Iterator[Path]:
    """The socket of a broker, which ends with the block. Raises Fault(`sandbox_unavailable`)."""
    with _directory() as directory:
        path = directory / "broker.sock"
        config = uvicorn.Config(
            broker,
            uds=str(path),
            log_config=None,
            access_log=False,
            log_level="warning",
            lifespan="on",
            timeout_graceful_shutdown=STOP_S,
            limit_concurrency=MOST_CONNECTIONS,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, name="broker", daemon=True)
        thread.start()
        _await(lambda: server.started, "broker")
        try:
            yield path
        finally:
            server.should_exit = True
            thread.join(START_S)


class _Ending:
    """The word, from another thread, that a loop is to end."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event: asyncio.Event | None = None

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Belong to the running loop."""
        self._loop, self._event = loop, asyncio.Event()

    async def wait(self) -> None:
        """Until it is said."""
        if self._event is not None:
            await self._event.wait()

    def now(self) -> None:
        """Say it."""
        if self._loop is not None and self._event is not None:
            self._loop.call_soon_threadsafe(self._event.set)


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    """A private directory with a short name: the path of a unix socket has about a hundred bytes."""
    made = Path(tempfile.mkdtemp(prefix="slipway-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _await(done: Callable[[], bool], what: str) -> None:
    clock = SystemClock()
    until = clock.monotonic() + START_S
    while not done():
        if clock.monotonic() > until:
            raise Fault("sandbox_unavailable", f"The {what} of the sandbox did not start in time.")
        clock.sleep(0.005)
