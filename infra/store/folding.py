"""Folds SQLite's journal into its file, from a thread of its own: otherwise a commit does now and then, and takes long."""

import sqlite3
import threading
from contextlib import closing
from urllib.parse import quote

import sqlalchemy as sa
import structlog

from infra.store.engine import sqlite_file

log = structlog.get_logger("slipway.store")
EVERY_S = 0.25


class Folding:
    """Folds from `start` until it is closed; nothing where the store is no file. What is not folded is in the journal, as durable."""

    def __init__(self, engine: sa.Engine) -> None:
        self._file = sqlite_file(engine.url)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="folding", daemon=True)

    def start(self) -> None:
        """Begin."""
        if self._file is not None:
            self._thread.start()

    def close(self) -> None:
        """Fold no more."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        """By one connection of its own, which makes no file where there is none and follows no other that takes its place."""
        try:
            with closing(sqlite3.connect(f"file:{quote(str(self._file))}?mode=rw", uri=True, isolation_level=None)) as connection:
                while not self._over.wait(EVERY_S):
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")  # waits for nobody, and keeps nobody waiting
        except sqlite3.Error as error:
            log.warning("the journal is left to whoever commits", error=type(error).__name__)
