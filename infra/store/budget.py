"""Budgets that cannot be raced: set aside in the transaction that claims a run, settled in the one that lets it go."""

import sqlalchemy as sa

from infra.store.schema import budget, reservation
from infra.store.upsert import insert
from jobs.budget import Budgets, Share, Unit, shares, spent_usd, whole
from jobs.model import Run


def reserve(connection: sa.Connection, run: Run, budgets: Budgets, at: float) -> tuple[Share, int] | None:
    """Set everything aside that the run may still spend; None when that worked.

    Else nothing is set aside, and what is returned is the share that was not to be had, with how much of its budget is taken.
    """
    for share in shares(run, budgets, at):
        if not _take(connection, share):
            _return(connection, run.id)
            return share, _taken(connection, share)
        row = {"run_id": run.id, "subject": share.subject, "unit": share.unit, "day": share.day}
        connection.execute(reservation.insert().values(**row, amount=share.amount, before=_spent(run, share.unit)))
    return None


def settle(connection: sa.Connection, run: Run) -> None:
    """The run is let go: what it spent since it was claimed is spent, whatever else was set aside is free again."""
    for kept in _return(connection, run.id):
        cost = max(0, _spent(run, kept.unit) - kept.before)
        table = budget.c
        settled = sa.update(budget).where(table.subject == kept.subject, table.unit == kept.unit, table.day == kept.day)
        connection.execute(settled.values(spent=table.spent + cost, overrun=table.overrun + max(0, cost - kept.amount)))


def _take(connection: sa.Connection, share: Share) -> bool:
    """One statement decides: two that come at the same time cannot both see room for one."""
    key = {"subject": share.subject, "unit": share.unit, "day": share.day}
    connection.execute(insert(connection, budget).values(**key).on_conflict_do_nothing(index_elements=list(key)))
    table = budget.c
    room = table.spent + table.reserved + share.amount <= share.most
    taken = sa.update(budget).where(*_this(share), room).values(reserved=table.reserved + share.amount, most=share.most)
    return connection.scalar(taken.returning(table.day)) is not None


def _return(connection: sa.Connection, run_id: str) -> list[sa.Row[tuple[object, ...]]]:
    """Free whatever is set aside for the run, in the order in which it is taken; what that was."""
    gone = sa.delete(reservation).where(reservation.c.run_id == run_id).returning(*reservation.c)
    rows = sorted(connection.execute(gone), key=lambda row: (row.subject, row.unit))
    table = budget.c
    for row in rows:
        here = sa.update(budget).where(table.subject == row.subject, table.unit == row.unit, table.day == row.day)
        connection.execute(here.values(reserved=table.reserved - row.amount))
    return rows


def _taken(connection: sa.Connection, share: Share) -> int:
    return int(connection.scalar(sa.select(budget.c.spent + budget.c.reserved).where(*_this(share))) or 0)


def _this(share: Share) -> tuple[sa.ColumnElement[bool], ...]:
    return (budget.c.subject == share.subject, budget.c.unit == share.unit, budget.c.day == share.day)


def _spent(run: Run, unit: Unit) -> int:
    return whole("usd", spent_usd(run)) if unit == "usd" else run.tokens
