"""What the store's work costs with many finished runs in it, beside what it costs with none: `python -m bench.store [RUNS]`.

Every round measures the full and the empty store one after the other, so that a slow moment of the machine meets both alike.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import sqlalchemy as sa

from infra.store.announcements import SqlAnnouncements
from infra.store.engine import open_store
from infra.store.inbox import Delivery, SqlInbox
from infra.store.ledger import SqlLedger
from infra.store.outbox import SqlOutbox
from infra.store.reading import SqlReading
from infra.store.runs import SqlRuns
from infra.store.schema import attempt, event, inbox, iteration, run
from tests.infra.store.asked import RULES, WHOLE, asked, start, walk

FINISHED, WAITING, ROUNDS = 100_000, 200, 15
SERIES = "WITH RECURSIVE series(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM series WHERE i < {most}) "
OWN: dict[str, dict[str, str]] = {
    "run": {
        "id": "printf('%032x', i)",
        "intent_key": "'old:' || i",
        "number": "i",
        "created_at": "created_at - 86400 - i",
        "ended_at": "ended_at - 86400 - i",
        "announced": "version",
    },
    "event": {"seq": "NULL", "run_id": "printf('%032x', i)", "at": "at - 86400 - i"},
    "attempt": {"run_id": "printf('%032x', i)"},
    "iteration": {"id": "NULL", "run_id": "printf('%032x', i)"},
    "inbox": {"id": "NULL", "delivery": "'old:' || i", "received_at": "received_at - 86400 - i"},
}
"""What differs from the one finished run of which the others are made."""


class Store:
    """A store and everything that is asked of it."""

    def __init__(self, folder: Path, finished: int) -> None:
        self.engine = open_store(folder)
        self.numbers = count(1_000_000)
        self.ledger, self.reading, self.inbox = SqlLedger(self.engine), SqlReading(self.engine), SqlInbox(self.engine)
        self.whole_run()
        self.webhook()
        if finished:
            self.fill(finished)
        for _ in range(WAITING):
            start(self.engine, f"waits:{next(self.numbers)}", number=next(self.numbers), priority=-1)

    def fill(self, finished: int) -> None:
        with self.engine.begin() as connection:
            for table in (run, event, attempt, iteration, inbox):
                names = [column.name for column in table.c]
                values = [OWN[table.name].get(name, f"old.{name}") for name in names]
                series = SERIES.format(most=finished)
                made = f"SELECT {', '.join(values)} FROM series, (SELECT * FROM {table.name}) old"
                connection.exec_driver_sql(f"INSERT INTO {table.name} ({', '.join(names)}) {series} {made}")
            connection.execute(sa.update(inbox).values(state="done"))

    def whole_run(self) -> None:
        number = next(self.numbers)
        start(self.engine, f"new:{number}", number=number)
        held = self.ledger.claim("agents", "bench")
        assert held
        walk(self.ledger, held, *WHOLE)

    def webhook(self) -> None:
        [(row_id, _)] = self.inbox.insert([Delivery("1", "issues", f"new:{next(self.numbers)}", "labeled", None, "secret:0", b"{}" * 6000)])
        row = self.inbox.claim(row_id)
        assert row
        self.inbox.finish(row, "done", None)

    def repeated(self) -> None:
        SqlRuns(self.engine).start(asked("new:1000000"), RULES)

    @property
    def work(self) -> dict[str, Callable[[], object]]:
        return {
            "a whole run": self.whole_run,
            "a webhook": self.webhook,
            "a request again": self.repeated,
            "who waits": self.ledger.due,
            "leases over": self.ledger.expire,
            "waits over": self.ledger.wake,
            "to be announced": SqlAnnouncements(self.engine).due,
            "callbacks due": SqlOutbox(self.engine).due,
            "webhooks due": self.inbox.due,
            "newest 50 runs": self.reading.runs,
            "failed runs": lambda: self.reading.runs(state="failed"),
            "health": self.reading.health,
            "counts": self.reading.counts,
            "figures": self.reading.stats,
        }


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def main(finished: int = FINISHED) -> None:
    with tempfile.TemporaryDirectory() as folder:
        empty, full = Store(Path(folder) / "empty", 0), Store(Path(folder) / "full", finished)
        spent: dict[str, list[tuple[float, float]]] = {name: [] for name in empty.work}
        for _ in range(ROUNDS):
            for name, rounds in spent.items():
                rounds.append((timed(empty.work[name]), timed(full.work[name])))
    print(f"| {WAITING} runs wait | empty, ms | {finished:,} finished, ms | ratio |\n|---|--:|--:|--:|")
    for name, rounds in spent.items():
        few, many = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"| {name} | {few:.2f} | {many:.2f} | {many / few:.2f} |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
