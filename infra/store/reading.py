"""What API, command line and dashboard show: read on one consistent view, written nowhere."""

import base64
import binascii
import re
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from infra.store import claims, counting, probes, queue, stats, tracing
from infra.store.outbox import LISTED
from infra.store.pages import Evidence, head, page
from infra.store.schema import activity, artifact, attempt, budget, event, inbox, iteration, outbox, run
from infra.store.sight import inside
from infra.store.values import run_of
from infra.store.work import now, read
from jobs.budget import DAY_S
from jobs.errors import UserError
from jobs.model import HELD

MOST = 500
EVENTS = event
CURSOR = re.compile(r"([0-9]{1,20}\.[0-9]{1,20}) ([0-9a-f]{32})")
BRIEFLY = ("id", "run_id", "attempt", "step", "role", "agent", "n", "launched_at", "ended_at", "decision")
ACTIVITY = ("seq", "at", "attempt", "step", "iteration", "kind", "text")


class SqlReading:
    """Pages and listings as plain JSON data, in the contract's words. Thread-safe."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def run(self, run_id: str) -> dict[str, Any]:
        """The whole page of a run. Raises KeyError for an id that is not whole and known."""

        def work(connection: sa.Connection) -> dict[str, Any]:
            row = connection.execute(sa.select(run).where(run.c.id == run_id)).one_or_none()
            if row is None:
                raise KeyError(run_id)
            return page(run_of(row), _evidence(connection, run_id), position=queue.position(connection, run_id), pinned=row.pinned)

        return read(self._engine, work)

    def runs(
        self,
        *,
        state: str | None = None,
        repository: str | None = None,
        scope: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
        within: Collection[str] | None = None,
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Runs of the scopes `within` (None: of all), newest first, and the cursor of the next page.

        Raises UserError for a cursor that is none of ours.
        """
        wanted = sa.select(run).order_by(run.c.created_at.desc(), run.c.id.desc()).limit(min(limit, MOST) + 1)
        for column, value in ((run.c.state, state), (run.c.full_name, repository), (run.c.scope, scope)):
            wanted = wanted.where(column == value) if value is not None else wanted
        wanted = wanted.where(*inside(run.c.scope, within))
        if cursor:
            at, last = _opened(cursor)
            wanted = wanted.where(sa.tuple_(run.c.created_at, run.c.id) < sa.tuple_(sa.literal(at), sa.literal(last)))
        rows = read(self._engine, lambda connection: connection.execute(wanted).all())
        shown, more = rows[: min(limit, MOST)], len(rows) > min(limit, MOST)
        return [head(run_of(row)) for row in shown], _cursor(shown[-1]) if more else None

    def find(self, text: str, within: Collection[str] | None = None) -> list[dict[str, Any]]:
        """The runs of the scopes `within` (None: of all) that a text has a clue to (`jobs.clues`), newest first, each with `found_by`."""

        def work(connection: sa.Connection) -> list[dict[str, Any]]:
            found = tracing.traced(connection, text, within)
            rows = connection.execute(sa.select(run).where(run.c.id.in_(found)).order_by(run.c.created_at.desc(), run.c.id.desc()))
            return [{**head(run_of(row)), "found_by": found[row.id]} for row in rows]

        return read(self._engine, work)

    def events(self, run_id: str, *, after: int = 0, limit: int = MOST) -> list[dict[str, Any]]:
        """What happened to a run after a sequence number, oldest first. Raises KeyError as `run`."""
        stored = sa.select(event).where(event.c.run_id == run_id, event.c.seq > after).order_by(event.c.seq).limit(limit)

        def work(connection: sa.Connection) -> list[dict[str, Any]]:
            if connection.scalar(sa.select(run.c.id).where(run.c.id == run_id)) is None:
                raise KeyError(run_id)
            return [_told(row) for row in connection.execute(stored).mappings()]

        return read(self._engine, work)

    def activity(self, run_id: str, *, after: int = 0, limit: int = MOST) -> list[dict[str, Any]]:
        """What the run's agents are doing, after a sequence number, oldest first: the newest `limit` lines. None of an unknown run.

        Each is `seq`, `at`, `attempt`, `step`, `iteration`, `kind` (`message`, `tool`, `file`, `error`, `more`) and `text`, one line.
        """
        newest = sa.select(activity).where(activity.c.run_id == run_id, activity.c.seq > after).order_by(activity.c.seq.desc())
        rows = read(self._engine, lambda connection: connection.execute(newest.limit(limit)).mappings().all())
        return [{name: row[name] for name in ACTIVITY} for row in reversed(rows)]

    def queue(self, limit: int = 200, within: Collection[str] | None = None) -> dict[str, Any]:
        """Who is at work and who waits: `held` and the counts of the scopes `within`, `next` in the order all could be claimed."""
        mine = inside(run.c.scope, within)

        def work(connection: sa.Connection) -> dict[str, Any]:
            held = [state.value for state in HELD]
            return {
                "held": _heads(
                    connection, sa.select(run).where(run.c.ended_at.is_(None), run.c.state.in_(held), *mine).order_by(run.c.started_at)
                ),
                "next": claims.waiting(connection, limit),
                "queued": _count(connection, run.c.ended_at.is_(None), run.c.state == claims.QUEUED, *mine),
                "waiting": _count(connection, run.c.ended_at.is_(None), run.c.state.not_in([claims.QUEUED, *held]), *mine),
            }

        return read(self._engine, work)

    def stats(self, window_s: float = 3600.0) -> dict[str, Any]:
        """The metrics pack over the last `window_s` seconds."""
        return read(self._engine, lambda connection: stats.pack(connection, window_s))

    def ended(self, window_s: float, within: Collection[str] | None = None) -> dict[str, Any]:
        """How many runs ended in the last `window_s` seconds, by state, and what is known of their cost."""
        return read(self._engine, lambda connection: stats.ended(connection, window_s, inside(run.c.scope.concat(""), within)))

    def health(self) -> dict[str, Any]:
        """What says whether work gets done: processes seen, and the oldest thing of each kind that waits."""
        return read(self._engine, counting.health)

    def counts(self) -> dict[str, dict[tuple[str, ...], float]]:
        """Every count there is, by metric and label values."""
        return read(self._engine, counting.counts)

    def latest(self, event: int, line: int) -> tuple[int, int, int, frozenset[str]]:
        """The numbers of the newest event, line of an agent and webhook, and the runs of the events and lines after the given ones.

        None of them where a number is negative: whoever looks for the first time has missed nothing.
        """

        def work(connection: sa.Connection) -> tuple[int, int, int, frozenset[str]]:
            newest = (connection.scalar(sa.select(sa.func.max(column))) for column in (EVENTS.c.seq, activity.c.seq, inbox.c.id))
            seq, last, row = (int(number or 0) for number in newest)
            runs = [*_runs_after(connection, EVENTS, event, seq), *_runs_after(connection, activity, line, last)]
            return seq, last, row, frozenset(runs)

        return read(self._engine, work)

    def scope_of(self, full_name: str) -> str | None:
        """The scope of the repository that was last seen under a name; None for one no run was ever asked for on."""
        newest = sa.select(run.c.scope).where(run.c.full_name == full_name).order_by(run.c.created_at.desc()).limit(1)
        return read(self._engine, lambda connection: connection.scalar(newest))

    def spent(self, days: int = 7) -> list[dict[str, Any]]:
        """What was spent and is set aside of each budget, in whole units, on the last `days` days (UTC): the newest day first."""

        def work(connection: sa.Connection) -> list[dict[str, Any]]:
            today = int(float(connection.scalar(sa.select(now())) or 0.0) // DAY_S)
            rows = sa.select(budget).where(budget.c.day > today - days).order_by(budget.c.day.desc(), budget.c.subject, budget.c.unit)
            return [{**row, "today": row["day"] == today} for row in connection.execute(rows).mappings()]

        return read(self._engine, work)

    def agents(self) -> list[dict[str, Any]]:
        """The agents as each host's keeper last found them."""
        return read(self._engine, probes.found_agents)

    def agent_events(self, window_s: float, limit: int = 100) -> list[dict[str, Any]]:
        """What became of agents in the last `window_s` seconds, newest first."""
        return read(self._engine, lambda connection: probes.agent_events(connection, window_s, limit))

    def names(self, scopes: Collection[str]) -> dict[str, str]:
        """What the repositories of these scopes were last called; one no run was ever asked for on is not among them."""

        def newest(connection: sa.Connection, scope: str) -> str | None:
            named = sa.select(run.c.full_name).where(run.c.scope == scope).order_by(run.c.created_at.desc(), run.c.id.desc()).limit(1)
            return connection.scalar(named)

        found = read(self._engine, lambda connection: {scope: newest(connection, scope) for scope in scopes})
        return {scope: name for scope, name in found.items() if name is not None}

    def ping(self) -> float:
        """The database's clock: it answers."""
        return read(self._engine, lambda connection: float(connection.scalar(sa.select(now())) or 0.0))


def _evidence(connection: sa.Connection, run_id: str) -> Evidence:
    def rows(query: sa.Select[Any]) -> Sequence[Any]:
        return connection.execute(query).mappings().all()

    return Evidence(
        attempts=rows(sa.select(attempt).where(attempt.c.run_id == run_id).order_by(attempt.c.n)),
        iterations=rows(sa.select(iteration).where(iteration.c.run_id == run_id).order_by(iteration.c.id)),
        callbacks=rows(sa.select(*LISTED).where(outbox.c.run_id == run_id).order_by(outbox.c.created_at, outbox.c.id)),
        artifacts=list(connection.scalars(sa.select(artifact.c.name).where(artifact.c.run_id == run_id).order_by(artifact.c.name))),
    )


def _runs_after(connection: sa.Connection, table: sa.Table, known: int, newest: int) -> Sequence[str]:
    if known < 0 or known >= newest:
        return ()
    return connection.scalars(sa.select(table.c.run_id).where(table.c.seq > known, table.c.seq <= newest).distinct()).all()


def _heads(connection: sa.Connection, wanted: sa.Select[Any]) -> list[dict[str, Any]]:
    return [head(run_of(row)) for row in connection.execute(wanted)]


def _count(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> int:
    return int(connection.scalar(sa.select(sa.func.count()).select_from(run).where(*where)) or 0)


def _told(row: sa.RowMapping) -> dict[str, Any]:
    told = {name: row[name] for name in ("seq", "type", "at", "state", "phase", "attempt", "payload", "delivery")}
    return {**told, "run": row["run_id"]}


def _cursor(row: sa.Row[Any]) -> str:
    return base64.urlsafe_b64encode(f"{row.created_at!r} {row.id}".encode()).decode()


def _opened(cursor: str) -> tuple[float, str]:
    try:
        text = base64.b64decode(cursor, b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        text = ""
    ours = CURSOR.fullmatch(text)
    if ours is None:
        raise UserError("That is not a cursor of ours. Ask without one, and take `next` of the answer.")
    return float(ours[1]), ours[2]
