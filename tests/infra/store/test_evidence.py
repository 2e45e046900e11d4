"""What happened to a run is kept as events with a shape; where it stands follows from them, and is there after every process is gone."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from infra.store.engine import connect
from infra.store.ledger import SqlLedger
from infra.store.reading import SqlReading
from infra.store.runs import SqlRuns
from infra.store.schema import event as table
from infra.store.schema import run as runs
from infra.store.values import ADAPTERS, SHAPE, UPGRADES, upgraded
from jobs import events as e
from jobs import fold
from jobs.evidence import GateReport, GateResult, Output
from jobs.model import Run
from tests.infra.store.asked import LAUNCHED, RESULT, SNAPSHOT, WHOLE, start, walk
from tests.infra.store.conftest import Place

FAILED = GateResult(
    "tests", ("make", "test"), passed=False, exit_code=2, output=Output(head="1 failed", tail="AssertionError", size=90_000)
)
SAID = replace(RESULT, stdout=Output(head="Reading hello.py", tail="done", size=2_000_000, truncated=True))


def stored(engine: sa.Engine, run_id: str) -> Iterator[tuple[e.Event, sa.Row[tuple[object, ...]]]]:
    with engine.connect() as connection:
        for row in connection.execute(sa.select(table).where(table.c.run_id == run_id).order_by(table.c.seq)):
            yield ADAPTERS[e.BY_NAME[row.type]].validate_python(row.payload), row


def test_what_agent_and_gates_said_is_whole_after_the_process_that_heard_it_is_gone(place: Place, engine: sa.Engine) -> None:
    """Proves: 003-03, 003-04, 001-20, 001-43."""
    start(engine)
    ledger = SqlLedger(engine)
    report = GateReport(SNAPSHOT.tree, (FAILED,))
    held = walk(ledger, ledger.claim("agents", "w"), *LAUNCHED, e.Built(SAID), e.Snapshotted(SNAPSHOT), e.Rejected(report))
    engine.dispose()
    other = connect(engine.url)
    assert SqlLedger(other).lost("w") == [held.id]
    [step] = SqlReading(other).run(held.id)["steps"]
    [attempt] = step["attempts"]
    [turn] = attempt["iterations"]
    assert ADAPTERS[type(SAID)].validate_python(turn["result"]) == SAID
    assert ADAPTERS[GateReport].validate_python(turn["report"]) == report
    other.dispose()


def test_where_a_run_stands_follows_from_its_events_alone(engine: sa.Engine) -> None:
    """Proves: 003-33, 000-35, 004-15."""
    asked, ledger = start(engine), SqlLedger(engine)
    walk(ledger, ledger.claim("agents", "w"), *LAUNCHED)
    ledger.lost("w")
    SqlRuns(engine).say(asked.id, "anna", "In Breton, please.")
    walk(ledger, ledger.claim("agents", "w"), *WHOLE)
    now = ledger.load(asked.id)
    told = Run(asked.id, asked.request, asked.rules, created_at=asked.created_at, step=asked.step)
    for happened, row in stored(engine, asked.id):
        told = replace(fold.advance(told, happened, at=row.at), version=row.seq)
        assert (told.state, told.phase, told.attempt) == (row.state, row.phase, row.attempt)
    assert told == now


@pytest.mark.parametrize("kind", e.EVENTS, ids=lambda kind: kind.__name__)
def test_every_event_has_a_schema_and_nothing_beside_it(kind: type[e.Event]) -> None:
    """Proves: 001-05, 001-41."""
    schema = ADAPTERS[kind].json_schema()
    fields = list(kind.__dataclass_fields__)
    assert (schema["type"], list(schema.get("properties", {}))) == ("object", fields)
    assert all(one for one in schema.get("properties", {}).values()), "a field of any kind says nothing"


def test_every_stored_event_comes_back_as_it_was(engine: sa.Engine) -> None:
    """Proves: 001-05, 003-34."""
    start(engine)
    ledger = SqlLedger(engine)
    run = walk(ledger, ledger.claim("agents", "w"), *WHOLE)
    happened = [event for event, _ in stored(engine, run.id)]
    assert happened == [e.Queued(), e.Claimed("w", 1), *WHOLE]


def test_a_record_of_a_newer_version_is_refused_and_one_without_a_shape_is_of_the_first() -> None:
    """Proves: 003-34."""
    assert upgraded({"state": "queued"}) == upgraded({"shape": SHAPE, "state": "queued"}) == {"state": "queued"}
    with pytest.raises(ValueError, match="install the newer version"):
        upgraded({"shape": SHAPE + 1, "state": "queued"})
    assert set(UPGRADES) == set(range(1, SHAPE)), "each earlier shape has a way to the next"


def test_a_record_of_before_a_field_there_is_now_has_its_default(engine: sa.Engine) -> None:
    """Proves: 003-34."""
    run = start(engine)
    with engine.begin() as connection:
        row = connection.execute(sa.select(runs.c.projection).where(runs.c.id == run.id)).scalar_one()
        older = {key: value for key, value in row.items() if key != "seen"}
        connection.execute(sa.update(runs).where(runs.c.id == run.id).values(projection=older))
    assert "seen" in row
    assert SqlRuns(engine).get(run.id) == run
