"""Once a page of the store was found damaged nobody goes on in any process, until a person has put a good one in its place."""

from pathlib import Path

from sqlalchemy.engine import ExceptionContext

from infra.store.doubt import RESTORE, StoreInDoubt

DAMAGED = ("malformed", "not a database")


def mark_of(base: Path) -> Path:
    """The file that says so, beside the database."""
    return base.with_name(f"{base.name}.doubt")


class Breaker:
    """Trips at the first sign of damage, for every process that has the same database open."""

    def __init__(self, base: Path) -> None:
        self._mark = mark_of(base)

    def trip(self, context: ExceptionContext) -> None:
        """Leave the mark if that was damage. To be called for every error of the database."""
        said = str(context.original_exception)
        if any(part in said.lower() for part in DAMAGED):
            self._mark.write_text(f"{said}\n")

    def check(self) -> None:
        """Raises StoreInDoubt once it has tripped."""
        if self._mark.exists():
            said = self._mark.read_text().strip()
            raise StoreInDoubt(f"The store was found damaged ({said}). {RESTORE} If it was looked at and is well, remove {self._mark}.")
