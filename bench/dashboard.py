"""How long the pages take over a store with many runs: `python -m bench.dashboard [runs]`.

The runs are made by storing events once and copying the rows, so that a store of 100,000 runs is there in a minute.
"""

import secrets
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from infra.store.schema import attempt, event, iteration, outbox, run
from tests.app import town as place
from tests.app.web import web

ROUNDS = 15
BATCH = 2_000
PAGES = (
    "/",
    "/runs",
    "/runs?state=failed",
    "/runs?state=parked",
    "/queue",
    "/callbacks",
    "/inbox",
    "/workers",
    "/metrics",
    "/api/v1/runs",
    "/readyz",
)
APART_S = 20.0
TIMES = ("created_at", "started_at", "ended_at", "launched_at", "at", "sent_at")
COPIED = (attempt, iteration, event, outbox)


def copies(town: place.Town, source: str, count: int) -> Iterator[tuple[sa.Table, list[dict[str, Any]]]]:
    """The rows of a run under new ids, each a little earlier."""
    with town.engine.connect() as connection:
        head = dict(connection.execute(sa.select(run).where(run.c.id == source)).mappings().one())
        rows = {
            table: [dict(row) for row in connection.execute(sa.select(table).where(table.c.run_id == source)).mappings()]
            for table in COPIED
        }
    for start in range(0, count, BATCH):
        ids = [(secrets.token_hex(16), start + number) for number in range(min(BATCH, count - start))]
        yield run, [{**earlier(head, age), "id": new, "intent_key": f"copy:{new}", "announced": head["version"]} for new, age in ids]
        for table, found in rows.items():
            yield table, [fresh(table, earlier(row, age), new) for new, age in ids for row in found]


def earlier(row: dict[str, Any], age: int) -> dict[str, Any]:
    """The row as if all of it had happened before."""
    return {**row, **{name: row[name] - age * APART_S for name in TIMES if row.get(name)}}


def fresh(table: sa.Table, row: dict[str, Any], run_id: str) -> dict[str, Any]:
    """A row of another run."""
    renewed = {**row, "run_id": run_id}
    if table is outbox:
        return {**renewed, "id": f"msg_{secrets.token_hex(16)}", "state": "sent"}
    return {name: value for name, value in renewed.items() if name not in {"id", "seq"}}


def fill(town: place.Town, count: int) -> None:
    """As many runs, nine of ten of them succeeded."""
    for name, share in (("succeeded", 0.9), ("failed", 0.1)):
        for table, rows in copies(town, town[name], int(count * share)):
            if rows:
                with town.engine.begin() as connection:
                    connection.execute(sa.insert(table), rows)


def timed(client: object, path: str) -> list[float]:
    """Milliseconds of each round, after one that warms up."""
    client.get(path)  # type: ignore[attr-defined]
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        assert client.get(path).status_code == 200  # type: ignore[attr-defined]
        taken.append((time.perf_counter() - begun) * 1000)
    return sorted(taken)


def main(count: int) -> None:
    data = Path(tempfile.mkdtemp(prefix="slipway-bench-"))
    try:
        town = place.build(data)
        fill(town, count)
        client = web(town).client
        print(f"{count} runs, {ROUNDS} rounds, milliseconds: median, slowest")
        for path in (*PAGES, f"/runs/{town['failed']}", f"/api/v1/runs/{town['failed']}/events"):
            taken = timed(client, path)
            print(f"{path.replace(town['failed'], 'ID'):<32}{statistics.median(taken):8.1f}{taken[-1]:8.1f}")
        town.engine.dispose()
    finally:
        shutil.rmtree(data)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
