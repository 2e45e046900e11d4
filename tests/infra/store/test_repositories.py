"""Which repositories are in use."""

import sqlalchemy as sa

from infra.store.ledger import SqlLedger
from infra.store.repositories import SqlRepositories
from jobs.model import Repository
from tests.infra.store.asked import WHOLE, start, walk


def test_a_repository_is_busy_until_its_last_run_has_ended_and_then_grows_old(engine: sa.Engine) -> None:
    renamed = Repository(id=42, full_name="acme/welcome", installation=7)
    start(engine, "label:1", number=1), start(engine, "label:2", number=2, repository=renamed)
    start(engine, "label:3", number=3, repository=Repository(id=42, full_name="acme/greeter", installation=0))
    ledger = SqlLedger(engine)
    walk(ledger, ledger.claim("agents", "w"), *WHOLE)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE run SET created_at = created_at - 100"))
    found = SqlRepositories(engine).used()
    assert [(one.repository.installation, one.repository.id, one.busy) for one in found] == [(0, 42, True), (7, 42, True)]
    assert found[1].repository.full_name == "acme/welcome"
    assert all(99 < one.idle_s < 200 for one in found)
    while run := ledger.claim("agents", "w"):
        walk(ledger, run, *WHOLE)
    assert [one.busy for one in SqlRepositories(engine).used()] == [False, False]
