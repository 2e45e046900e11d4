"""What people and handlers may do with runs: unfenced, and guarded by the state the run is in."""

import secrets
from collections.abc import Callable
from dataclasses import replace

import sqlalchemy as sa

from infra.store import pauses, queue, schema
from infra.store.journal import Journal, Messages, locked, silence, time_of
from infra.store.steering import heard
from infra.store.upsert import insert
from infra.store.values import request_row, run_of, run_row
from infra.store.work import read, write
from jobs import events as e
from jobs.errors import Reason, UserError
from jobs.machine import IllegalTransition
from jobs.model import FINAL, HELD, Run, RunRequest, RunState, Source
from jobs.rules import Rules

Act = Callable[[Run], e.Event]


class SqlRuns:
    """The unfenced side of the ledger. Thread-safe; every method is safe to repeat."""

    def __init__(self, engine: sa.Engine, *, messages: Messages = silence) -> None:
        self._engine = engine
        self._journal = Journal(messages)

    def start(self, request: RunRequest, rules: Rules) -> tuple[Run, bool]:
        """Record and queue a run; the same intent key again is the same run, and False."""
        return write(self._engine, lambda connection: queued(connection, self._journal, request, rules))

    def reject(self, request: RunRequest, rules: Rules, why: e.RejectedAtStart) -> tuple[Run, bool]:
        """Record a run that may not start, and why; it is final at once."""

        def work(connection: sa.Connection) -> tuple[Run, bool]:
            run, new = queued(connection, self._journal, request, rules)
            return (self._journal.record(connection, run, why, 0) if new else run), new

        return write(self._engine, work)

    def get(self, run_id: str) -> Run:
        """The run. Raises KeyError for an id that is not whole and known."""
        found = read(self._engine, lambda connection: _one(connection, sa.select(schema.run).where(schema.run.c.id == run_id)))
        if found is None:
            raise KeyError(run_id)
        return found

    def active_on(self, repository_id: int, number: int) -> Run | None:
        """The run that works or waits on an item: the one at work before the ones behind it."""
        table = schema.run.c
        live = sa.select(schema.run).where(table.ended_at.is_(None), table.repository == repository_id, table.number == number)
        first = live.order_by(table.state == RunState.QUEUED.value, table.created_at, table.id).limit(1)
        return read(self._engine, lambda connection: _one(connection, first))

    def latest_on(self, repository_id: int, number: int) -> Run | None:
        """The newest run of an item, in whatever state."""
        table = schema.run.c
        of_item = sa.select(schema.run).where(table.repository == repository_id, table.number == number)
        newest = of_item.order_by(table.created_at.desc(), table.id.desc()).limit(1)
        return read(self._engine, lambda connection: _one(connection, newest))

    def stop(self, run_id: str, actor: str, why: str) -> Run:
        """Cancel a run nobody holds at once; ask the worker that holds it to stop. Raises UserError for a final one."""

        def act(run: Run) -> e.Event:
            return e.StopRequested(actor, why) if run.state in HELD else e.Cancelled(Reason("stopped", why))

        return self._act(run_id, act, "there is nothing to stop")

    def retry(self, run_id: str, source: Source, intent_key: str, *, rules: Rules | None = None) -> tuple[Run, bool]:
        """Queue a parked run again, or start a final one anew as a run with `retry_of` (and `rules`, if they changed).

        As `start`: the run that goes on, or a new one and True. Raises UserError for a run that is at work or waits for somebody, and for
        one that was turned away: nobody has admitted it yet.
        """

        def work(connection: sa.Connection) -> tuple[Run, bool]:
            run = self._locked(connection, run_id)
            if run.state is RunState.REJECTED:
                raise UserError(f"Run {run.short} was turned away before it began. Correct what it names, then ask again on its item.")
            if run.state in FINAL:
                again = replace(run.request, intent_key=intent_key, source=source, retry_of=run.id)
                return queued(connection, self._journal, again, rules or run.rules)
            if run.state is not RunState.PARKED:
                raise UserError(f"Run {run.short} is {_said(run)}: there is nothing to retry. Stop it first to start over.")
            return self._journal.record(connection, run, e.Unparked(), 0), False

        return write(self._engine, work)

    def show_again(self, run_id: str) -> None:
        """Forget what the run's checks show, and let it be announced: they are written once more, and nothing else is."""
        run, effect = schema.run.c, schema.effect.c

        def work(connection: sa.Connection) -> None:
            checks = connection.execute(sa.select(schema.effect).where(effect.run_id == run_id, effect.kind == "check", effect.done)).all()
            for check in checks:
                known = {key: value for key, value in check.external.items() if key != "shown"}
                this = sa.update(schema.effect).where(effect.run_id == run_id, effect.kind == "check", effect.key == check.key)
                connection.execute(this.values(external=known))
            again = {"announced": run.version - 1, "announce_at": 0.0, "announce_tries": 0}
            connection.execute(sa.update(schema.run).where(run.id == run_id).values(**again))

        write(self._engine, work)

    def approve(self, run_id: str, actor: str, text: str = "") -> Run:
        """Let a run that waits for approval go on. Raises UserError for any other."""
        return self._act(run_id, lambda run: e.Approved(actor, text), "nothing waits for approval")

    def say(self, run_id: str, actor: str, text: str, comment: int | None = None) -> Run:
        """Give the run a message for its agent's next iteration; the same comment is taken once. Raises UserError for a final one."""

        def work(connection: sa.Connection) -> Run:
            run = self._locked(connection, run_id)
            if comment is not None and heard(connection, run_id, comment):
                return run
            return self._recorded(connection, run, e.MessageReceived(actor, text, comment), "it takes no more messages")

        return write(self._engine, work)

    def happened(self, run_id: str, event: e.Event) -> Run:
        """Store what the world did to a run that nobody holds (its checks ended, its installation was suspended).

        Raises UserError when it cannot happen to the run as it stands, or a worker holds it.
        """

        def work(connection: sa.Connection) -> Run:
            run = self._locked(connection, run_id)
            if run.state in HELD:
                raise UserError(f"Run {run.short} is {_said(run)}: a worker holds it. Stop it, or wait for it.")
            return self._recorded(connection, run, event, "this cannot happen to it")

        return write(self._engine, work)

    def waiting_for(self, repository_id: int, sha: str) -> list[Run]:
        """The runs that wait for the checks of a commit."""
        table = schema.run.c
        waits = (table.ended_at.is_(None), table.state == RunState.AWAITING_CI.value, table.repository == repository_id)
        found = read(self._engine, lambda connection: connection.execute(sa.select(schema.run).where(*waits)).all())
        return [run for run in map(run_of, found) if run.receipt and run.receipt.sha == sha]

    def pause(self, scope: str, actor: str, reason: str) -> None:
        """Let nothing of the scope ("*": of any) be claimed until resumed; what runs, finishes."""
        write(self._engine, lambda connection: pauses.pause(connection, scope, actor, reason))

    def resume(self, scope: str) -> bool:
        """End a pause; False when there was none."""
        return write(self._engine, lambda connection: pauses.resume(connection, scope))

    def paused(self, scope: str) -> str | None:
        """Why nothing of the scope is claimed at present; None when it is."""
        return read(self._engine, lambda connection: pauses.paused(connection, scope))

    def pin(self, run_id: str, *, pinned: bool = True) -> None:
        """Keep a run's artifacts whatever their age, or no longer. Raises KeyError."""
        this = sa.update(schema.run).where(schema.run.c.id == run_id).values(pinned=pinned)
        if not write(self._engine, lambda connection: connection.execute(this).rowcount):
            raise KeyError(run_id)

    def position(self, run: Run) -> int:
        """The run's place among the queued ones of its queue, 1 being the next; 0 when it is not queued."""
        return read(self._engine, lambda connection: queue.position(connection, run.id))

    def _act(self, run_id: str, act: Act, otherwise: str) -> Run:
        def work(connection: sa.Connection) -> Run:
            run = self._locked(connection, run_id)
            return self._recorded(connection, run, act(run), otherwise)

        return write(self._engine, work)

    def _recorded(self, connection: sa.Connection, run: Run, event: e.Event, otherwise: str) -> Run:
        try:
            return self._journal.record(connection, run, event, 0)
        except IllegalTransition as error:
            raise UserError(f"Run {run.short} is {_said(run)}: {otherwise}.") from error

    def _locked(self, connection: sa.Connection, run_id: str) -> Run:
        run = locked(connection, run_id)
        if run is None:
            raise KeyError(run_id)
        return run


def queued(connection: sa.Connection, journal: Journal, request: RunRequest, rules: Rules) -> tuple[Run, bool]:
    """See `SqlRuns.start`; in the caller's transaction."""
    run = Run(id=secrets.token_hex(16), request=request, rules=rules, created_at=time_of(connection))
    row = insert(connection, schema.run).values({"id": run.id, **request_row(request, rules), **run_row(run)})
    if connection.scalar(row.on_conflict_do_nothing(index_elements=["intent_key"]).returning(schema.run.c.id)):
        return journal.record(connection, run, e.Queued(), 0), True
    same = connection.execute(sa.select(schema.run).where(schema.run.c.intent_key == request.intent_key)).one()
    return run_of(same), False


def _said(run: Run) -> str:
    return run.state.value.replace("_", " ")


def _one(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> Run | None:
    row = connection.execute(query).one_or_none()
    return run_of(row) if row else None
