"""What agents at work are doing: the newest lines of each run, in order, from its holder alone, and gone once it is over."""

import pytest
import sqlalchemy as sa

from infra.store.activity import MOST_KEPT, SHOWN_S, SqlActivity
from infra.store.ledger import SqlLedger
from infra.store.reading import SqlReading
from infra.store.schema import activity, run
from infra.store.work import now, write
from jobs.errors import LeaseLost
from jobs.evidence import Activity
from jobs.model import Run
from tests.infra.store.asked import LAUNCHED, WHOLE, start, walk


def at_work(engine: sa.Engine) -> Run:
    start(engine)
    ledger = SqlLedger(engine)
    return walk(ledger, ledger.claim("agents", "w"), *LAUNCHED)


def test_lines_are_read_in_order_and_from_where_a_reader_stopped(engine: sa.Engine) -> None:
    held = at_work(engine)
    SqlActivity(engine).tell(held, [Activity("tool", "Read a.py"), Activity("message", "It says helo.")])
    SqlActivity(engine).tell(held, [Activity("file", "Edit a.py")])
    lines = SqlReading(engine).activity(held.id)
    assert [(line["step"], line["iteration"], line["kind"], line["text"]) for line in lines] == [
        ("code", 1, "tool", "Read a.py"),
        ("code", 1, "message", "It says helo."),
        ("code", 1, "file", "Edit a.py"),
    ]
    assert set(lines[0]) == {"seq", "at", "attempt", "step", "iteration", "kind", "text"}
    assert [line["text"] for line in SqlReading(engine).activity(held.id, after=lines[1]["seq"])] == ["Edit a.py"]
    assert [line["text"] for line in SqlReading(engine).activity(held.id, limit=2)] == ["It says helo.", "Edit a.py"]
    assert SqlReading(engine).activity("nobody") == []


def test_only_the_newest_lines_of_a_run_are_kept(engine: sa.Engine) -> None:
    """Proves: I20, 002-10."""
    held = at_work(engine)
    for part in range(4):
        SqlActivity(engine).tell(held, [Activity("message", f"{part}-{n}") for n in range(200)])
    lines = SqlReading(engine).activity(held.id, limit=10_000)
    assert len(lines) == MOST_KEPT
    assert (lines[0]["text"], lines[-1]["text"]) == ("1-100", "3-199")


def test_who_has_lost_the_run_says_nothing_about_it(engine: sa.Engine) -> None:
    """Proves: F28."""
    start(engine)
    zombie = SqlLedger(engine, lease_s=-1.0).claim("agents", "first")
    assert zombie is not None
    with pytest.raises(LeaseLost):
        SqlActivity(engine).tell(zombie, [Activity("message", "still here")])
    assert SqlReading(engine).activity(zombie.id) == []


def test_the_lines_of_a_run_that_has_ended_go_after_a_while(engine: sa.Engine) -> None:
    held = at_work(engine)
    SqlActivity(engine).tell(held, [Activity("message", "hello")])
    assert SqlActivity(engine).forget() == 0
    ledger = SqlLedger(engine)
    walk(ledger, held, *WHOLE[len(LAUNCHED) :])
    assert SqlActivity(engine).forget() == 0
    write(engine, lambda connection: connection.execute(sa.update(run).values(ended_at=now() - SHOWN_S - 1)))
    assert SqlActivity(engine).forget() == 1
    assert write(engine, lambda connection: connection.scalar(sa.select(sa.func.count()).select_from(activity))) == 0
