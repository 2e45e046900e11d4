"""Real servers for tests that need one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.redis_server import Server, ensure, place, stop


@contextmanager
def embedded_redis(data_dir: Path) -> Iterator[Server]:
    """The embedded Redis server of a directory, gone afterwards."""
    server = ensure(place(data_dir, data_dir))
    try:
        yield server
    finally:
        stop(server)
