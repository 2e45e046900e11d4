"""What a process does that cannot work without the store while the store fails it: it says what is wrong, waits, and goes on."""

from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from structlog.typing import FilteringBoundLogger

from infra.store.doubt import StoreAway, StoreInDoubt
from jobs.errors import Fault

STORMS = (Fault, SQLAlchemyError)
"""Everything the store answers with when it does not do what it was asked."""
FIRST_S, MOST_S = 1.0, 60.0


@dataclass
class Storm:
    """How long the store has failed, in a row. `what` waits for it."""

    log: FilteringBoundLogger
    what: str
    _times: int = 0

    def met(self, error: Fault | SQLAlchemyError) -> float:
        """It failed: say so, and how many seconds to leave it alone, doubled each time.

        A store that is locked or away comes back by itself, so that is a warning; damage and refused statements do not, and
        are alarms.
        """
        wait = min(MOST_S, FIRST_S * 2.0**self._times)
        self._times = min(self._times + 1, 20)
        say = self.log.warning if isinstance(error, StoreAway) else self.log.error
        say(f"{self.what} wait: {_kind(error)}", error=type(error).__name__, text=told(error), again_s=wait)
        return wait

    def over(self) -> None:
        """It answers."""
        if self._times:
            self.log.warning(f"{self.what} go on: the store answers again", failed=self._times)
        self._times = 0


def told(error: Fault | SQLAlchemyError) -> str:
    """What an error says, in the database's own words where they are its."""
    return str(error.orig if isinstance(error, DBAPIError) else error)


def _kind(error: Fault | SQLAlchemyError) -> str:
    match error:
        case StoreAway():
            return "the store is locked or away"
        case StoreInDoubt():
            return "the store is in doubt"
        case _:
            return "the store refused a statement"
