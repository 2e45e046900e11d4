"""Opens what the quick commands need: the settings and the store, and nothing of the web, the queue or the agents."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from app.settings import Settings, from_environment
from delivery.callbacks import Callbacks
from infra.artifacts import FileArtifacts
from infra.store.engine import database, open_store
from infra.store.inbox import SqlInbox
from infra.store.outbox import SqlOutbox
from infra.store.pauses import EVERYTHING
from infra.store.reading import SqlReading
from infra.store.runs import SqlRuns
from jobs.errors import UserError


@dataclass(frozen=True, slots=True)
class Opened:
    """The store of this installation, by the roles the commands need."""

    settings: Settings
    engine: sa.Engine
    reading: SqlReading
    runs: SqlRuns
    inbox: SqlInbox
    outbox: SqlOutbox
    artifacts: FileArtifacts

    def scope_of(self, repository: str | None) -> str:
        """The scope of a repository by its name; of everything without one. Raises UserError for one we have not seen."""
        if repository is None:
            return EVERYTHING
        local = next((f"0:{one.id}" for one in self.settings.server.repository if one.full_name == repository), None)
        scope = local or self.reading.scope_of(repository)
        if scope is None:
            raise UserError(f"no run was ever asked for on {repository!r}: write the name as 'slipway runs' shows it")
        return scope


def made(settings: Settings) -> bool:
    """Whether there is a store; a database server's is always taken to be there."""
    if not settings.database_url.startswith("sqlite"):
        return True
    return database(settings.data_dir).exists() or (settings.data_dir / "instance").exists()


@contextmanager
def opened() -> Iterator[Opened]:
    """The store, as it is: never made, never migrated. Raises UserError with what to do when there is none or it does not answer."""
    settings = from_environment()
    sqlite = settings.database_url.startswith("sqlite")
    if not made(settings):
        raise UserError(f"there is no store in {settings.data_dir} yet: start with 'slipway up', or set SLIPWAY_DATA_DIR")
    try:
        engine = open_store(settings.data_dir, None if sqlite else settings.database_url, upgrade=False, check=False)
        try:
            yield _of(settings, engine)
        finally:
            engine.dispose()
    except SQLAlchemyError as error:
        raise UserError(f"the store does not answer ({type(error).__name__}): 'slipway doctor' says more") from error


def _of(settings: Settings, engine: sa.Engine) -> Opened:
    return Opened(
        settings=settings,
        engine=engine,
        reading=SqlReading(engine),
        runs=SqlRuns(engine, messages=Callbacks(settings.server.callbacks, settings.public_url)),
        inbox=SqlInbox(engine),
        outbox=SqlOutbox(engine),
        artifacts=FileArtifacts(engine, settings.data_dir / "artifacts"),
    )
