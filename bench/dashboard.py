"""How long pages take with many runs in the store, beside few: `python -m bench.dashboard [RUNS [EVENTS]]`.

Each round asks the large and the small store for the same page one after the other, so that a slow moment of the machine meets
both alike. The large store is made of copies: the rows of a run that was really stored, under other ids and times.
"""

import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from starlette.testclient import TestClient

from infra.store.schema import attempt, event, iteration, outbox, run
from infra.store.totals import BATCHES, SqlTotals
from tests.app import town as place
from tests.app.web import web

RUNS, EVENTS, FEW, ROUNDS = 100_000, 5_000_000, 100, 40
APART_S = 20.0
PAGES = (
    "/",
    "/runs",
    "/runs?state=failed",
    "/queue",
    "/callbacks",
    "/inbox",
    "/workers",
    "/budgets",
    "/find?q=nothing",
    "/api/v1/runs",
    "/metrics",
    "/readyz",
)
ID, AGO = "printf('%032x', i)", f"i * {APART_S}"
SERIES = "WITH RECURSIVE series(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM series WHERE i < {last}) "
TIMES = ("created_at", "started_at", "ended_at", "launched_at", "at", "sent_at")
OWN: dict[str, dict[str, str]] = {
    "run": {"id": ID, "intent_key": "'copy:' || i", "announced": "version"},
    "event": {"seq": "NULL", "run_id": ID},
    "attempt": {"run_id": ID},
    "iteration": {"id": "NULL", "run_id": ID},
    "outbox": {"id": "'msg_copy_' || i || '_' || id", "run_id": ID, "state": "'sent'", "done_at": f"created_at - {AGO}"},
}


@dataclass(frozen=True)
class Store:
    """A town, and the application over it."""

    town: place.Town
    client: TestClient

    def path(self, page: str) -> str:
        """The address of a page; `RUN` is the failed run of the town."""
        return page.replace("RUN", self.town["failed"])


def made(data: Path, count: int, events: int) -> Store:
    """A store with so many finished runs, nine of ten of them succeeded, and so many events."""
    town = place.build(data)
    for name, most in (("succeeded", count * 9 // 10), ("failed", count // 10)):
        copy(town, town[name], most, per_run=max(1, events // max(1, count)))
    while SqlTotals(town.engine).follow() == BATCHES:  # the keeper does
        pass
    return Store(town, web(town).client)


def copy(town: place.Town, source: str, most: int, per_run: int) -> None:
    """As many copies of a run with all that belongs to it; its events again and again, until there are `per_run` of them."""
    with town.engine.begin() as connection:
        start = int(connection.scalar(sa.select(sa.func.count()).select_from(run)) or 0)
        own = connection.scalar(sa.select(sa.func.count()).select_from(event).where(event.c.run_id == source)) or 1
        for table in (run, attempt, iteration, outbox, event):
            times = -(-per_run // own) if table is event else 1
            names = [column.name for column in table.c]
            picked = ", ".join(picking(table, name) for name in names)
            key = "id" if table is run else "run_id"
            copies = (
                f"(WITH RECURSIVE again(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM again WHERE k < {times}) SELECT k FROM again)"
                if table is event
                else "(SELECT 1)"
            )
            into = f'INSERT INTO "{table.name}" ({", ".join(quoted(name) for name in names)}) '
            body = f'SELECT {picked} FROM "{table.name}", series, {copies} WHERE {key} = :source'
            connection.exec_driver_sql(f"{SERIES.format(first=start + 1, last=start + most)}{into}{body}".replace(":source", f"'{source}'"))


def picking(table: sa.Table, name: str) -> str:
    """How a column of a copy is made."""
    return OWN[table.name].get(name) or (f"{quoted(name)} - {AGO}" if name in TIMES else quoted(name))


def quoted(name: str) -> str:
    """A column's name, which may be a word of SQL."""
    return f'"{name}"'


def once(store: Store, page: str) -> float:
    """Milliseconds of one answer."""
    begun = time.perf_counter()
    assert store.client.get(store.path(page)).status_code == 200, page
    return (time.perf_counter() - begun) * 1000


def p95(taken: list[float]) -> float:
    """The 95th percentile."""
    return sorted(taken)[int(len(taken) * 0.95)]


def main(count: int, events: int) -> None:
    data = Path(tempfile.mkdtemp(prefix="slipway-bench-"))
    try:
        many, few = made(data / "many", count, events), made(data / "few", FEW, FEW * 14)
        with many.town.engine.connect() as connection:
            stored = [connection.scalar(sa.select(sa.func.count()).select_from(table)) for table in (run, event)]
        print(f"{stored[0]:,} runs and {stored[1]:,} events beside {FEW} runs; {ROUNDS} rounds; p95 in milliseconds, and their ratio")
        for page in (*PAGES, "/runs/RUN", "/api/v1/runs/RUN/events"):
            for store in (many, few):
                once(store, page)
            taken = [(once(many, page), once(few, page)) for _ in range(ROUNDS)]
            large, small = (p95([pair[side] for pair in taken]) for side in (0, 1))
            weight = len(many.client.get(many.path(page)).content) / 1000
            print(f"{page:<26}{large:8.1f}{small:8.1f}{large / small:7.2f}   {weight:6.1f} KB")
        many.town.engine.dispose()
        few.town.engine.dispose()
    finally:
        shutil.rmtree(data)


if __name__ == "__main__":
    asked = [int(word) for word in sys.argv[1:]]
    main(*(asked + [RUNS, EVENTS][len(asked) :]))
