"""The durable inbox: every webhook is a row before it is answered, and keeps its row until it came to something."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DataError, IntegrityError, StatementError

from infra.store.schema import PENDING, inbox
from infra.store.totals import reopened
from infra.store.work import NOW, now, read, write

LEASE_S = 60.0
MOST_TRIES = 8
REFUSED = 0
"""The row id of a delivery the database would not take; no other row suffers from it."""
KEY = ("app", "event", "delivery")
COLUMNS = (*KEY, "action", "remote", "verified_by", "body")
VALUES = attrgetter(*COLUMNS)
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook as it came in. `app`, `event` and `delivery` together are its identity."""

    app: str
    event: str
    delivery: str
    action: str | None
    remote: str | None
    verified_by: str
    body: bytes

    @property
    def key(self) -> Key:
        """What makes a redelivery the same delivery."""
        return (self.app, self.event, self.delivery)


@dataclass(frozen=True, slots=True)
class InboxRow:
    """A delivery taken up for the `tries`-th time; that number is the fence of everything written about it."""

    id: int
    delivery: Delivery
    tries: int
    received_at: float


class SqlInbox:
    """The inbox on SQL. Thread-safe."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def insert(self, rows: Sequence[Delivery]) -> list[tuple[int, bool]]:
        """The id of each delivery's row and whether it is new, in order; durable on return.

        One transaction for all. A delivery the database refuses has the id REFUSED and is not kept.
        """
        if not rows:
            return []
        try:
            return write(self._engine, lambda connection: _insert(connection, rows))
        except (DataError, IntegrityError, StatementError, ValueError):
            return write(self._engine, lambda connection: [_alone(connection, row) for row in rows])

    def claim(self, row_id: int) -> InboxRow | None:
        """Take a pending row up for a minute; None when somebody has it, it is done, or its time has not come.

        A row that was taken up too often without an end is dead from then on.
        """
        return write(self._engine, lambda connection: _claim(connection, row_id))

    def finish(self, row: InboxRow, state: str, reason: str | None, run_id: str | None = None, *, scope: str | None = None) -> bool:
        """Say what became of it: `done`, `ignored` or `dead`; False when somebody else has taken it up meanwhile."""
        ended = _mine(row).values(state=state, reason=reason, run_id=run_id, scope=scope, done_at=now(), lease_until=0.0)
        return write(self._engine, lambda connection: connection.execute(ended).rowcount == 1)

    def later(self, row: InboxRow, delay_s: float, reason: str) -> bool:
        """Put it back for `delay_s` seconds."""
        back = _mine(row).values(next_at=now() + delay_s, reason=reason, lease_until=0.0)
        return write(self._engine, lambda connection: connection.execute(back).rowcount == 1)

    def due(self, limit: int = 100) -> list[int]:
        """Pending rows nobody has whose time has come, oldest first."""
        ready = sa.select(inbox.c.id).where(PENDING, inbox.c.next_at <= now(), inbox.c.lease_until <= now())
        return read(self._engine, lambda connection: list(connection.scalars(ready.order_by(inbox.c.next_at, inbox.c.id).limit(limit))))

    def known(self, app: str, deliveries: Sequence[str]) -> set[str]:
        """Which of the delivery ids have a row: what the forge's own list of deliveries is compared with."""
        stored = sa.select(inbox.c.delivery).where(inbox.c.app == app, inbox.c.delivery.in_(deliveries))
        return read(self._engine, lambda connection: set(connection.scalars(stored)))

    def listing(self, state: str | None = None, limit: int = 100, before: int | None = None) -> list[dict[str, Any]]:
        """Rows without their bodies, newest first, from below row id `before`."""
        wanted = sa.select(*[column for column in inbox.c if column.name != "body"]).order_by(inbox.c.id.desc()).limit(limit)
        wanted = wanted.where(inbox.c.state == state) if state else wanted
        wanted = wanted.where(inbox.c.id < before) if before else wanted
        return read(self._engine, lambda connection: [dict(row) for row in connection.execute(wanted).mappings()])

    def replay(self, row_id: int) -> None:
        """Let a row be worked again from the beginning. Raises KeyError for an unknown id."""

        def work(connection: sa.Connection) -> int:
            reopened(connection, inbox, row_id)
            again = sa.update(inbox).where(inbox.c.id == row_id).values(state="pending", reason=None, tries=0, next_at=0.0, lease_until=0.0)
            return connection.execute(again.values(done_at=None)).rowcount

        if not write(self._engine, work):
            raise KeyError(row_id)

    def compact(self, older_than_s: float) -> int:
        """Drop the bodies of what is long finished; the rows stay, so that a replayed delivery is still known. How many."""
        old = (inbox.c.state.in_(["done", "ignored"]), inbox.c.done_at < now() - older_than_s, sa.func.length(inbox.c.body) > 0)
        return write(self._engine, lambda connection: connection.execute(sa.update(inbox).where(*old).values(body=b"")).rowcount)


def _insert(connection: sa.Connection, rows: Sequence[Delivery]) -> list[tuple[int, bool]]:
    keys = [row.key for row in rows]
    first = dict(zip(reversed(keys), reversed(rows), strict=True))
    given = tuple(chain.from_iterable(map(VALUES, first.values())))
    told = connection.exec_driver_sql(_statement(connection.dialect.name, len(first)), given).all()
    fresh: dict[Key, int] = {(app, event, delivery): row_id for row_id, app, event, delivery in told}
    stored = {**_ids(connection, first.keys() - fresh.keys()), **fresh}
    return [(stored[key], fresh.pop(key, None) is not None) for key in keys]


@cache
def _statement(database: str, many: int) -> str:
    """The driver's own text for `many` rows, which takes their COLUMNS one after the other.

    Made once for each number: compiled and bound by SQLAlchemy at every batch, a row costs twice what the database takes for it.
    """
    mark = "?" if database == "sqlite" else "%s"
    clock = f"WITH clock (at) AS MATERIALIZED (SELECT {NOW[database]})"  # SQLite asks Python: once, not for each row
    row = f"({', '.join([mark] * len(COLUMNS))}, (SELECT at FROM clock))"  # noqa: S608 - names of ours, and marks
    into = f"INSERT INTO inbox ({', '.join(COLUMNS)}, received_at) VALUES {', '.join([row] * many)}"  # noqa: S608 - as above
    return f"{clock} {into} ON CONFLICT ({', '.join(KEY)}) DO NOTHING RETURNING id, {', '.join(KEY)}"


def _ids(connection: sa.Connection, keys: set[Key]) -> dict[Key, int]:
    if not keys:
        return {}
    columns = sa.tuple_(*[inbox.c[name] for name in KEY])
    found = connection.execute(sa.select(inbox.c.id, *[inbox.c[name] for name in KEY]).where(columns.in_(list(keys))))
    return {(row.app, row.event, row.delivery): row.id for row in found}


def _alone(connection: sa.Connection, row: Delivery) -> tuple[int, bool]:
    try:
        with connection.begin_nested():
            return _insert(connection, [row])[0]
    except (DataError, IntegrityError, StatementError, ValueError):
        return REFUSED, False


def _claim(connection: sa.Connection, row_id: int) -> InboxRow | None:
    ready = sa.update(inbox).where(inbox.c.id == row_id, inbox.c.state == "pending", inbox.c.lease_until <= now(), inbox.c.next_at <= now())
    row = connection.execute(ready.values(lease_until=now() + LEASE_S, tries=inbox.c.tries + 1).returning(inbox)).one_or_none()
    if row is None:
        return None
    if row.tries > MOST_TRIES:
        last = row.reason or "its worker was lost"
        why = f"Taken up {MOST_TRIES} times without an end; last: {last}. See the log, then `slipway inbox replay {row_id}`."
        connection.execute(sa.update(inbox).where(inbox.c.id == row_id).values(state="dead", reason=why, done_at=now(), lease_until=0.0))
        return None
    delivery = Delivery(row.app, row.event, row.delivery, row.action, row.remote, row.verified_by, bytes(row.body))
    return InboxRow(row.id, delivery, row.tries, row.received_at)


def _mine(row: InboxRow) -> sa.Update:
    return sa.update(inbox).where(inbox.c.id == row.id, inbox.c.tries == row.tries, inbox.c.state == "pending")
