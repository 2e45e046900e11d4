"""From any id of anything outside or inside to the runs it belongs to."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from infra.store.schema import effect, inbox, iteration, outbox, run
from jobs.clues import Clue, clues

MOST = 50
Found = dict[str, str]
"""Ids of runs, and by what each was found."""
Rows = Callable[[sa.Connection, Clue], Iterator[str | None]]


def traced(connection: sa.Connection, text: str) -> Found:
    """The runs that a text has a clue to, and the clue, at most fifty."""
    found: Found = {}
    for clue in clues(text):
        for run_id in LOOKS[clue.kind](connection, clue):
            if run_id and len(found) < MOST:
                found.setdefault(run_id, f"{NAMES[clue.kind]} {clue.value}".strip())
    return found


def _ids(connection: sa.Connection, column: sa.Column[Any], *where: sa.ColumnElement[bool]) -> Sequence[Any]:
    return connection.scalars(sa.select(column).where(*where).limit(MOST)).all()


def _run(connection: sa.Connection, clue: Clue) -> Iterator[str | None]:
    yield from _ids(connection, run.c.id, run.c.id == clue.value)


def _beginning(connection: sa.Connection, clue: Clue) -> Iterator[str | None]:
    """Hexadecimal, so nothing in it means anything to LIKE; as a range it is answered by the primary key."""
    yield from _ids(connection, run.c.id, run.c.id >= clue.value, run.c.id < clue.value + "g")


def _commit(connection: sa.Connection, clue: Clue) -> Iterator[str | None]:
    yield from _ids(connection, effect.c.run_id, effect.c.key == clue.value)
    yield from _written(connection, clue.value)
    made = sa.cast(iteration.c.snapshot, sa.Text).contains(f'"{clue.value}"')
    yield from _ids(connection, iteration.c.run_id, made)
    yield from _ids(connection, run.c.id, run.c.request["head_sha"].as_string() == clue.value)


def _webhook(connection: sa.Connection, clue: Clue) -> Iterator[str | None]:
    yield from _ids(connection, run.c.id, run.c.delivery == clue.value)
    rows = _ids(connection, inbox.c.id, inbox.c.delivery == clue.value)
    yield from _ids(connection, inbox.c.run_id, inbox.c.id.in_(rows))


def _callback(connection: sa.Connection, clue: Clue) -> Iterator[str | None]:
    yield from _ids(connection, outbox.c.run_id, outbox.c.id == clue.value)


def _item(connection: sa.Connection, clue: Clue) -> Iterator[str | None]:
    """An issue or pull request: what was asked for on it, and what made it."""
    here = sa.func.lower(run.c.full_name) == (clue.repository or "").lower()
    yield from _ids(connection, run.c.id, here, run.c.number == int(clue.value))
    made = list(_numbered(connection, clue.value, "number"))
    yield from _ids(connection, run.c.id, here, run.c.id.in_(made))


def _said(connection: sa.Connection, clue: Clue) -> Iterator[str | None]:
    yield from _numbered(connection, clue.value, "id")


def _number(connection: sa.Connection, clue: Clue) -> Iterator[str | None]:
    yield from _ids(connection, run.c.id, run.c.number == int(clue.value))
    yield from _numbered(connection, clue.value, "number")
    yield from _numbered(connection, clue.value, "id")


def _word(connection: sa.Connection, clue: Clue) -> Iterator[str | None]:
    """A branch, a key, a webhook of somebody whose ids have a form of their own."""
    yield from _webhook(connection, clue)
    yield from _ids(connection, run.c.id, run.c.intent_key == clue.value)
    for ref in (clue.value, f"refs/heads/{clue.value}"):
        yield from _ids(connection, effect.c.run_id, effect.c.key == ref)
        yield from _written(connection, ref)


def _numbered(connection: sa.Connection, number: str, name: str) -> Iterator[str]:
    """Numbers are compared as they are written: some of a forge's do not fit an integer of the database."""
    yield from _ids(connection, effect.c.run_id, sa.cast(effect.c.external[name].as_string(), sa.Text) == str(int(number)))


def _written(connection: sa.Connection, value: str) -> Iterator[str]:
    """What was written down of an outside write."""
    for name in ("sha", "ref", "url"):
        yield from _ids(connection, effect.c.run_id, effect.c.external[name].as_string() == value)


LOOKS: Mapping[str, Rows] = {
    "run": _run, "beginning": _beginning, "commit": _commit, "webhook": _webhook, "callback": _callback, "item": _item, "said": _said,
    "number": _number, "word": _word,
}  # fmt: skip
NAMES: Mapping[str, str] = {
    "run": "run", "beginning": "run", "commit": "commit", "webhook": "webhook", "callback": "callback", "item": "issue or pull request",
    "said": "comment or check", "number": "number", "word": "",
}  # fmt: skip
