"""A page learns that something changed."""

import asyncio
import threading

import anyio

from app.dashboard.live import changes
from infra.store.reading import SqlReading
from infra.store.runs import SqlRuns
from tests.app.town import Town
from tests.app.web import web


def test_a_runs_page_is_told_of_each_event_and_of_the_end(town: Town) -> None:
    """Proves: 004-26."""
    later = threading.Timer(0.7, SqlRuns(town.engine).stop, (town["queued"], "octocat", "Enough."))
    later.start()
    text = web(town).client.get(f"/live/{town['queued']}").text
    later.join()
    assert [line for line in text.splitlines() if line.startswith("event")] == ["event: changed", "event: end"]
    assert web(town).client.get(f"/live/{town['queued'][:8]}").status_code == 404


def test_every_other_page_is_told_of_whatever_happens(town: Town) -> None:
    async def first() -> str:
        stream = changes(SqlReading(town.engine), anyio.Event())
        asyncio.get_running_loop().call_later(0.3, SqlRuns(town.engine).stop, town["queued"], "octocat", "Enough.")
        return (await anext(stream)).event or ""

    assert asyncio.run(first()) == "changed"
