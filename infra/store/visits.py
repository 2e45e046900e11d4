"""Who is signed in to the dashboard, for every web process: a row for each cookie, and for each link that was printed."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from infra.store.schema import visit
from infra.store.work import now, read, write
from jobs.model import Actor

LINK, OPERATOR, PERSON = "link", "operator", "person"


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who is signed in. A person sees the scopes GitHub named when they signed in; an operator (no `actor`) sees all."""

    actor: Actor | None
    sees: frozenset[str]


class SqlVisits:
    """Thread-safe. What is handed out is kept as a digest only: the store cannot be used to sign in."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def link(self, lasts_s: float) -> str:
        """The secret of a link that signs in an operator, once."""
        return self._kept(LINK, lasts_s)

    def follow(self, link: str, lasts_s: float) -> str | None:
        """The secret of an operator's visit for that of a link, which is used up; None for one that is over, used or was never made."""
        mine = sa.delete(visit).where(visit.c.digest == _digest(link), visit.c.kind == LINK, visit.c.until > now())
        taken = write(self._engine, lambda connection: connection.execute(mine).rowcount)
        return self._kept(OPERATOR, lasts_s) if taken else None

    def welcome(self, actor: Actor, sees: Collection[str], lasts_s: float) -> str:
        """The secret of a person's visit."""
        return self._kept(PERSON, lasts_s, person=actor.id, login=actor.login, sees=sorted(sees))

    def find(self, secret: str) -> Visit | None:
        """Whose visit it is; None for one that is over or was never made."""
        mine = sa.select(visit).where(visit.c.digest == _digest(secret), visit.c.kind != LINK, visit.c.until > now())
        row = read(self._engine, lambda connection: connection.execute(mine).one_or_none())
        if row is None:
            return None
        return Visit(Actor(row.person, row.login) if row.kind == PERSON else None, frozenset(row.sees))

    def end(self, secret: str) -> None:
        """Sign out."""
        mine = sa.delete(visit).where(visit.c.digest == _digest(secret))
        write(self._engine, lambda connection: connection.execute(mine))

    def _kept(self, kind: str, lasts_s: float, **columns: object) -> str:
        """Keep one more, and forget those that are over."""
        secret = secrets.token_urlsafe(32)

        def work(connection: sa.Connection) -> None:
            connection.execute(sa.delete(visit).where(visit.c.until <= now()))
            connection.execute(
                visit.insert().values({"digest": _digest(secret), "kind": kind, "sees": [], "until": now() + lasts_s, **columns})
            )

        write(self._engine, work)
        return secret


def _digest(secret: str) -> str:
    return hashlib.sha256(b"slipway visit\0" + secret.encode(errors="replace")).hexdigest()
