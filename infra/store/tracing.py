"""From any id of anything outside or inside to the runs it belongs to."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from infra.store.schema import effect, inbox, iteration, outbox, run
from infra.store.sight import inside
from jobs.clues import Clue, clues

MOST = 50
Found = dict[str, str]
"""Ids of runs, and by what each was found."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is looked at: the runs of the scopes `within`, or (None) all of them."""

    connection: sa.Connection
    within: Collection[str] | None

    def runs(self, column: sa.ColumnElement[Any], *where: sa.ColumnElement[bool]) -> Sequence[Any]:
        """The runs that rows name in a column, without those that are not to be seen: they take nobody's place among the first fifty."""
        visible = () if self.within is None else (column.in_(sa.select(run.c.id).where(*inside(run.c.scope, self.within))),)
        return self.connection.scalars(sa.select(column).where(*where, *visible).limit(MOST)).all()


Rows = Callable[[Seen, Clue], Iterator[str | None]]


def traced(connection: sa.Connection, text: str, within: Collection[str] | None = None) -> Found:
    """The runs that a text has a clue to, and the clue, at most fifty."""
    found: Found = {}
    for clue in clues(text):
        for run_id in LOOKS[clue.kind](Seen(connection, within), clue):
            if run_id and len(found) < MOST:
                found.setdefault(run_id, f"{NAMES[clue.kind]} {clue.value}".strip())
    return found


def _run(seen: Seen, clue: Clue) -> Iterator[str | None]:
    yield from seen.runs(run.c.id, run.c.id == clue.value)


def _beginning(seen: Seen, clue: Clue) -> Iterator[str | None]:
    """Hexadecimal, so nothing in it means anything to LIKE; as a range it is answered by the primary key."""
    yield from seen.runs(run.c.id, run.c.id >= clue.value, run.c.id < clue.value + "g")


def _commit(seen: Seen, clue: Clue) -> Iterator[str | None]:
    yield from seen.runs(effect.c.run_id, effect.c.key == clue.value)
    yield from _written(seen, clue.value)
    made = sa.cast(iteration.c.snapshot, sa.Text).contains(f'"{clue.value}"')
    yield from seen.runs(iteration.c.run_id, made)
    yield from seen.runs(run.c.id, run.c.request["head_sha"].as_string() == clue.value)


def _webhook(seen: Seen, clue: Clue) -> Iterator[str | None]:
    yield from seen.runs(run.c.id, run.c.delivery == clue.value)
    yield from seen.runs(inbox.c.run_id, inbox.c.delivery == clue.value)


def _callback(seen: Seen, clue: Clue) -> Iterator[str | None]:
    yield from seen.runs(outbox.c.run_id, outbox.c.id == clue.value)


def _item(seen: Seen, clue: Clue) -> Iterator[str | None]:
    """An issue or pull request: what was asked for on it, and what made it."""
    here = sa.func.lower(run.c.full_name) == (clue.repository or "").lower()
    yield from seen.runs(run.c.id, here, run.c.number == int(clue.value))
    yield from _numbered(seen, clue.value, "number", effect.c.run_id.in_(sa.select(run.c.id).where(here)))


def _said(seen: Seen, clue: Clue) -> Iterator[str | None]:
    yield from _numbered(seen, clue.value, "id")


def _number(seen: Seen, clue: Clue) -> Iterator[str | None]:
    yield from seen.runs(run.c.id, run.c.number == int(clue.value))
    yield from _numbered(seen, clue.value, "number")
    yield from _numbered(seen, clue.value, "id")


def _word(seen: Seen, clue: Clue) -> Iterator[str | None]:
    """A branch, a key, a webhook of somebody whose ids have a form of their own."""
    yield from _webhook(seen, clue)
    yield from seen.runs(run.c.id, run.c.intent_key == clue.value)
    for ref in (clue.value, f"refs/heads/{clue.value}"):
        yield from seen.runs(effect.c.run_id, effect.c.key == ref)
        yield from _written(seen, ref)


def _numbered(seen: Seen, number: str, name: str, *where: sa.ColumnElement[bool]) -> Iterator[str]:
    """Numbers are compared as they are written: some of a forge's do not fit an integer of the database."""
    written = sa.cast(effect.c.external[name].as_string(), sa.Text)
    yield from seen.runs(effect.c.run_id, written == str(int(number)), *where)


def _written(seen: Seen, value: str) -> Iterator[str]:
    """What was written down of an outside write."""
    for name in ("sha", "ref", "url"):
        yield from seen.runs(effect.c.run_id, effect.c.external[name].as_string() == value)


LOOKS: Mapping[str, Rows] = {
    "run": _run, "beginning": _beginning, "commit": _commit, "webhook": _webhook, "callback": _callback, "item": _item, "said": _said,
    "number": _number, "word": _word,
}  # fmt: skip
NAMES: Mapping[str, str] = {
    "run": "run", "beginning": "run", "commit": "commit", "webhook": "webhook", "callback": "callback", "item": "issue or pull request",
    "said": "comment or check", "number": "number", "word": "",
}  # fmt: skip
