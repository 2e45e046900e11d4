"""The durable outbox of callbacks: at least once, with one id and the same bytes on every try."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from infra.store.schema import PENDING, endpoint, outbox
from infra.store.sight import inside
from infra.store.totals import reopened
from infra.store.upsert import insert
from infra.store.work import now, read, write
from jobs.errors import UserError

LEASE_S = 60.0
STATES = ("pending", "sent", "dead")
GIVEN_UP_AFTER_S = 5 * 86400.0
"""A receiver that has failed for so long is asked no more, until a callback to it is replayed."""

EMPTIED = (
    "This callback arrived long ago and its text is not kept any more, so it cannot be sent again. `slipway show RUN` has what it told."
)
CLOSED = "The receiver is closed after its failures. Mend it, then `slipway callbacks replay ID`."

LISTED = tuple(column for column in outbox.c if column.name not in {"body", "done_at"})
"""What a listing has of a callback."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A receiver that something may go to now; `failing` says that its last try did not arrive."""

    url: str
    failing: bool


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A callback taken up for the `tries`-th time; that number is the fence of what is written about it."""

    id: str
    run_id: str
    type: str
    url: str
    body: bytes
    tries: int
    created_at: float


class SqlOutbox:
    """The outbox on SQL. Rows come from the ledger, in the transaction of the event they tell of. Thread-safe."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def claim(self, row_id: str) -> OutboxRow | None:
        """Take a pending callback up for a minute; None when it is not to be sent now, or its receiver is not."""
        return write(self._engine, lambda connection: _claim(connection, row_id))

    def sent(self, row: OutboxRow, status: int) -> None:
        """The receiver said yes; whatever was wrong with it is forgotten."""

        def work(connection: sa.Connection) -> None:
            done = _mine(row).values(state="sent", last_status=status, last_error=None, sent_at=now(), done_at=now(), lease_until=0.0)
            connection.execute(done)
            connection.execute(sa.update(endpoint).where(endpoint.c.url == row.url).values(failing_since=None, not_before=0.0))

        write(self._engine, work)

    def failed(self, row: OutboxRow, status: int | None, error: str, next_at: float | None) -> bool:
        """The try failed: again at `next_at` (epoch seconds), or None: a dead letter, kept and replayable.

        True when this made the receiver one that failed for five days, and so is asked no more.
        """

        def work(connection: sa.Connection) -> bool:
            state = "dead" if next_at is None else "pending"
            told = {"state": state, "last_status": status, "last_error": error, "next_at": next_at or 0.0, "lease_until": 0.0}
            connection.execute(_mine(row).values(**told, done_at=now() if next_at is None else None))
            return _failing(connection, row.url)

        return write(self._engine, work)

    def slow_down(self, url: str, until: float) -> None:
        """The receiver asked for patience: nothing goes there before `until` (epoch seconds)."""
        write(self._engine, lambda connection: _endpoint(connection, url, not_before=until))

    def disable(self, url: str, why: str) -> int:
        """Send nothing there any more; what is pending is dead, with the reason. How many that were."""
        return write(self._engine, lambda connection: _disable(connection, url, why))

    def due(self, limit: int = 100) -> list[str]:
        """Callbacks whose time has come, oldest first."""
        ready = sa.select(outbox.c.id).where(due_now()).order_by(outbox.c.next_at, outbox.c.id).limit(limit)
        return read(self._engine, lambda connection: list(connection.scalars(ready)))

    def lanes(self, limit: int = 100) -> list[Lane]:
        """The receivers of due callbacks, those that take them first and then whoever waits longest."""
        failing = endpoint.c.failing_since.is_not(None)
        known = sa.select(outbox.c.url, sa.func.max(sa.case((failing, 1), else_=0)), sa.func.min(outbox.c.next_at))
        joined = known.select_from(outbox.outerjoin(endpoint, endpoint.c.url == outbox.c.url)).where(due_now()).group_by(outbox.c.url)
        ordered = joined.order_by(sa.literal_column("2"), sa.literal_column("3")).limit(limit)
        return read(self._engine, lambda connection: [Lane(url, bool(failed)) for url, failed, _ in connection.execute(ordered)])

    def next_for(self, url: str) -> str | None:
        """The due callback that has waited longest for a receiver."""
        ready = sa.select(outbox.c.id).where(outbox.c.url == url, due_now()).order_by(outbox.c.next_at, outbox.c.id).limit(1)
        return read(self._engine, lambda connection: connection.scalar(ready))

    def listing(
        self, state: str | None = None, run_id: str | None = None, limit: int = 100, within: Collection[str] | None = None
    ) -> list[dict[str, Any]]:
        """Callbacks of the scopes `within` (None: of all) without their bodies, newest first."""
        wanted = sa.select(*LISTED).order_by(outbox.c.created_at.desc(), outbox.c.id)
        wanted = wanted.where(outbox.c.state == state) if state else wanted
        wanted = wanted.where(outbox.c.run_id == run_id) if run_id else wanted
        wanted = wanted.where(*inside(outbox.c.scope, within))
        return read(self._engine, lambda connection: [dict(row) for row in connection.execute(wanted.limit(limit)).mappings()])

    def compact(self, older_than_s: float) -> int:
        """Drop the bodies of what was sent long ago; rows stay, and dead letters stay replayable. How many."""
        old = (outbox.c.state == "sent", outbox.c.sent_at < now() - older_than_s, sa.func.length(outbox.c.body) > 0)
        return write(self._engine, lambda connection: connection.execute(sa.update(outbox).where(*old).values(body=b"")).rowcount)

    def replay(self, row_id: str) -> None:
        """Send a callback again, same id and bytes, on a fresh schedule, and open its receiver if it was closed.

        Raises KeyError for an unknown id, UserError for one whose bytes are not kept any more.
        """

        def work(connection: sa.Connection) -> None:
            this = outbox.c.id == row_id
            size = connection.scalar(sa.select(sa.func.length(outbox.c.body)).where(this))
            if size is None:
                raise KeyError(row_id)
            if not size:
                raise UserError(EMPTIED)
            reopened(connection, outbox, row_id)
            again = sa.update(outbox).where(this).values(state="pending", tries=0, next_at=now(), lease_until=0.0, done_at=None)
            url = connection.scalar(again.returning(outbox.c.url))
            connection.execute(sa.delete(endpoint).where(endpoint.c.url == url))

        write(self._engine, work)


def _claim(connection: sa.Connection, row_id: str) -> OutboxRow | None:
    closed = sa.select(endpoint.c.url).where(
        endpoint.c.url == outbox.c.url, sa.or_(endpoint.c.not_before > now(), endpoint.c.disabled_at.is_not(None))
    )  # fmt: skip
    free = (outbox.c.state == "pending", outbox.c.lease_until <= now(), outbox.c.next_at <= now(), ~closed.exists())
    taken = sa.update(outbox).where(outbox.c.id == row_id, *free).values(lease_until=now() + LEASE_S, tries=outbox.c.tries + 1)
    row = connection.execute(taken.returning(outbox)).one_or_none()
    return OutboxRow(row.id, row.run_id, row.type, row.url, bytes(row.body), row.tries, row.created_at) if row else None


def due_now() -> sa.ColumnElement[bool]:
    """Whether a callback is to be sent now: its time has come, nobody is sending it, and its receiver did not ask for patience."""
    waits = sa.select(endpoint.c.url).where(endpoint.c.url == outbox.c.url, endpoint.c.not_before > now())
    return sa.and_(PENDING, outbox.c.next_at <= now(), outbox.c.lease_until <= now(), ~waits.correlate(outbox).exists())


def _mine(row: OutboxRow) -> sa.Update:
    return sa.update(outbox).where(outbox.c.id == row.id, outbox.c.tries == row.tries, outbox.c.state == "pending")


def _endpoint(connection: sa.Connection, url: str, **columns: Any) -> None:
    connection.execute(insert(connection, endpoint).values(url=url, **columns).on_conflict_do_update(index_elements=["url"], set_=columns))


def _failing(connection: sa.Connection, url: str) -> bool:
    since = {"failing_since": sa.func.coalesce(endpoint.c.failing_since, now())}
    row = insert(connection, endpoint).values(url=url, failing_since=now()).on_conflict_do_update(index_elements=["url"], set_=since)
    connection.execute(row)
    long_gone = (endpoint.c.failing_since < now() - GIVEN_UP_AFTER_S, endpoint.c.disabled_at.is_(None))
    closing = connection.scalar(sa.select(endpoint.c.url).where(endpoint.c.url == url, *long_gone)) is not None
    if closing:
        _disable(connection, url, "The receiver failed for five days; it is asked no more. Mend it, then `slipway callbacks replay ID`.")
    return closing


def _disable(connection: sa.Connection, url: str, why: str) -> int:
    _endpoint(connection, url, disabled_at=now())
    pending = sa.update(outbox).where(outbox.c.url == url, outbox.c.state == "pending")
    return connection.execute(pending.values(state="dead", last_error=why, lease_until=0.0, done_at=now())).rowcount


def enclose(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put callbacks into the outbox; those to a closed receiver are dead letters at once."""
    connection.execute(outbox.insert(), rows)
    closed = sa.select(endpoint.c.url).where(endpoint.c.url == outbox.c.url, endpoint.c.disabled_at.is_not(None))
    shut = sa.update(outbox).where(outbox.c.id.in_([row["id"] for row in rows]), closed.exists())
    connection.execute(shut.values(state="dead", last_error=CLOSED, done_at=now()))
