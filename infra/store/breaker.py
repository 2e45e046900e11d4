"""Once a page of the store was found damaged nobody goes on in any process, until a person has put a good one in its place.

Nor does anybody go on in a file that is not where the store is any more: what is written there is lost when the last process ends.
"""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from infra.store.doubt import RESTORE, StoreInDoubt

DAMAGED = ("malformed", "not a database")


def mark_of(base: Path) -> Path:
    """The file that says so, beside the database."""
    return base.with_name(f"{base.name}.doubt")


class Breaker:
    """Trips at the first sign of damage, for every process that has the same database open."""

    def __init__(self, base: Path) -> None:
        self._base, self._mark = base, mark_of(base)

    def opened(self, connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        """Remember which file it is. To be called for every connection that is made."""
        entry.info["file"] = _identity(self._base)

    def trip(self, context: ExceptionContext) -> None:
        """Leave the mark if that was damage. To be called for every error of the database."""
        said = str(context.original_exception)
        if any(part in said.lower() for part in DAMAGED):
            self._mark.write_text(f"{said}\n")

    def check(self, connection: sa.Connection) -> None:
        """Raises StoreInDoubt once it has tripped, and where the connection leads to a file that is not there any more."""
        if self._mark.exists():
            said = self._mark.read_text().strip()
            raise StoreInDoubt(f"The store was found damaged ({said}). {RESTORE} If it was looked at and is well, remove {self._mark}.")
        if connection.info["file"] != _identity(self._base):
            gone = f"{self._base} was moved or deleted while it is used: what would be written now would be lost."
            raise StoreInDoubt(f"{gone} Move it back, or: {RESTORE}")


def _identity(base: Path) -> tuple[int, int] | None:
    """Which file it is, whatever its name; None where there is none."""
    try:
        found = base.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
