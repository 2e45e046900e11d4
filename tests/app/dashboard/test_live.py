"""A page learns that something changed."""

import asyncio
import re
import threading

import anyio

from app.api.watching import Watch
from app.dashboard.live import Seen, changes, changes_of
from infra.clock import SystemClock
from infra.store.reading import SqlReading
from infra.store.runs import SqlRuns
from infra.store.schema import activity
from tests.app.town import Town
from tests.app.web import web


def test_a_runs_page_is_told_of_each_event_and_of_the_end(town: Town) -> None:
    """Proves: 004-26."""
    client = web(town).client
    stream = re.search(r'data-live="(/live/[^"]+)"', client.get(f"/runs/{town['queued']}").text)
    assert stream
    later = threading.Timer(0.7, SqlRuns(town.engine).stop, (town["queued"], "octocat", "Enough."))
    later.start()
    text = client.get(stream[1].replace("&amp;", "&")).text
    later.join()
    assert [line for line in text.splitlines() if line.startswith("event")] == ["event: changed", "event: end"]
    assert web(town).client.get(f"/live/{town['queued'][:8]}").status_code == 404


def test_what_happened_between_the_page_and_its_stream_is_told_at_once(town: Town) -> None:
    """Nothing is lost in between: the stream goes on from what the page shows, or from the last message that arrived."""
    client = web(town).client
    events = client.get(f"/api/v1/runs/{town['cancelled']}/events").json()["events"]
    shown, newest = events[-2]["seq"], events[-1]["seq"]
    assert "event: changed" in client.get(f"/live/{town['cancelled']}?event={shown}").text
    assert "event: changed" not in client.get(f"/live/{town['cancelled']}?event={newest}").text
    assert "event: changed" not in client.get(f"/live/{town['cancelled']}?event={shown}", headers={"Last-Event-ID": str(newest)}).text


def test_what_an_agent_does_comes_along_as_the_page_shows_it(town: Town) -> None:
    """Proves: 004-26, 004-38."""
    client = web(town).client
    run = SqlRuns(town.engine).get(town["running"])
    with town.engine.begin() as connection:
        rows = [("tool", "Read shop/search.py"), ("message", "<script>alert(1)</script>"), ("file", "shop/search.py")]
        here = {"run_id": run.id, "attempt": run.attempt, "step": "code", "iteration": 2, "at": 1_800_000_000.0}
        connection.execute(activity.insert(), [{**here, "kind": kind, "text": text} for kind, text in rows])
    html = client.get(f"/runs/{run.id}").text
    lines = re.findall(r'<li class="\w+" data-seq="\d+">.*?</li>', html)
    assert [re.findall(r'class="wrap">(.*?)</span>', line)[0] for line in lines] == [
        "Read shop/search.py", "&lt;script&gt;alert(1)&lt;/script&gt;", "shop/search.py",
    ]  # fmt: skip
    SqlRuns(town.engine).stop(run.id, "octocat", "Enough.")
    told = asyncio.run(first_line(town, run.id))
    assert told == "".join(lines[1:])


async def first_line(town: Town, run_id: str) -> str:
    """The first lines told to a page that shows one line."""
    reading = SqlReading(town.engine)
    seen = Seen(reading.events(run_id)[-1]["seq"], reading.activity(run_id)[0]["seq"])
    stream = changes_of(reading, reading, Watch(reading, SystemClock().monotonic), run_id, "running", seen, anyio.Event())
    message = await anext(stream)
    await stream.aclose()
    return str(message.data)


def test_every_other_page_is_told_of_whatever_happens(town: Town) -> None:
    async def first() -> str:
        stream = changes(Watch(SqlReading(town.engine), SystemClock().monotonic), anyio.Event())
        asyncio.get_running_loop().call_later(0.3, SqlRuns(town.engine).stop, town["queued"], "octocat", "Enough.")
        return (await anext(stream)).event or ""

    assert asyncio.run(first()) == "changed"
