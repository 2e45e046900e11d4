"""Who is signed in."""

import sqlalchemy as sa

from infra.store.schema import visit
from infra.store.visits import SqlVisits, Visit
from jobs.model import Actor

ADA = Actor(5, "ada")


def test_a_person_sees_what_was_named_until_they_leave(engine: sa.Engine) -> None:
    visits = SqlVisits(engine)
    secret = visits.welcome(ADA, {"7:42", "7:43"}, 60)
    assert visits.find(secret) == Visit(ADA, frozenset({"7:42", "7:43"}))
    visits.end(secret)
    assert visits.find(secret) is None


def test_a_link_signs_an_operator_in_once_and_is_no_visit_itself(engine: sa.Engine) -> None:
    """Proves: T04."""
    visits = SqlVisits(engine)
    link = visits.link(60)
    assert visits.find(link) is None
    secret = visits.follow(link, 60)
    assert secret is not None
    assert visits.find(secret) == Visit(None, frozenset())
    assert visits.follow(link, 60) is None
    assert visits.follow(secret, 60) is None


def test_what_is_over_lets_nobody_in_and_is_forgotten(engine: sa.Engine) -> None:
    visits = SqlVisits(engine)
    assert visits.find(visits.welcome(ADA, (), -1)) is None
    assert visits.follow(visits.link(-1), 60) is None
    visits.link(60)
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(visit)) == 1


def test_the_store_holds_nothing_to_sign_in_with(engine: sa.Engine) -> None:
    visits = SqlVisits(engine)
    secrets = [visits.link(60), visits.welcome(ADA, (), 60)]
    with engine.connect() as connection:
        kept = connection.execute(sa.select(visit)).all()
    assert not any(secret in str(row) for secret in secrets for row in kept)
