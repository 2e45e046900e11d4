"""Events as they happen."""

import json
import threading

import anyio
import pytest
from starlette.concurrency import run_in_threadpool

from app.api.streams import BATCH, Heard
from app.api.streams import told as events_of
from app.api.watching import Watch
from infra.clock import SystemClock
from infra.store.reading import SqlReading
from infra.store.runs import SqlRuns
from infra.store.schema import activity
from infra.store.work import write
from tests.app.town import Town
from tests.app.web import Web, web

ASK = {"Accept": "text/event-stream"}


def told(text: str) -> list[tuple[str, str, str]]:
    """The (event, id, data) of each message."""
    messages = [dict(line.split(": ", 1) for line in block.splitlines() if ": " in line) for block in text.replace("\r", "").split("\n\n")]
    return [(one.get("event", ""), one.get("id", ""), one["data"]) for one in messages if "data" in one]


def test_a_final_run_is_told_whole_and_the_stream_ends(town: Town) -> None:
    """Proves: 004-26, 004-38."""
    client, path = web(town).client, f"/api/v1/runs/{town['succeeded']}/events"
    answer = client.get(path, headers=ASK)
    assert answer.headers["content-type"].startswith("text/event-stream")
    messages = told(answer.text)
    assert [json.loads(data) for _, _, data in messages[:-1]] == client.get(path).json()["events"]
    assert messages[-1][0] == "end"


def test_a_stream_goes_on_where_it_broke(town: Town) -> None:
    client, path = web(town).client, f"/api/v1/runs/{town['succeeded']}/events"
    whole = told(client.get(path, headers=ASK).text)
    rest = told(client.get(path, headers={**ASK, "Last-Event-ID": whole[4][1]}).text)
    assert rest == whole[5:]


def test_a_stream_tells_what_happens_while_it_is_open(town: Town) -> None:
    at, runs = web(town), SqlRuns(town.engine)
    stop = threading.Timer(0.7, runs.stop, (town["queued"], "octocat", "Stopped while somebody listens."))
    stop.start()
    messages = told(at.client.get(f"/api/v1/runs/{town['queued']}/events", headers=ASK).text)
    stop.join()
    assert [name for name, _, _ in messages] == ["Queued", "Cancelled", "end"]


def tell(town: Town, name: str, *texts: str) -> None:
    """An agent of the run does something."""
    here = {"run_id": town[name], "attempt": 1, "step": "code", "iteration": 1, "kind": "tool", "at": 1.0}
    write(town.engine, lambda connection: connection.execute(activity.insert(), [{**here, "text": text} for text in texts]).rowcount)


def test_what_an_agent_does_comes_along_without_an_id(town: Town) -> None:
    """Proves: 004-26, 003-13."""
    client, path = web(town).client, f"/api/v1/runs/{town['succeeded']}/events"
    stored = told(client.get(path, headers=ASK).text)[:-1]
    tell(town, "succeeded", "Read a.py", "Edit b.py")
    *messages, end = told(client.get(path, headers=ASK).text)
    assert messages[:-2] == stored, "what is stored comes as before, under the same ids"
    assert [(name, id_, json.loads(data)["text"]) for name, id_, data in messages[-2:]] == [
        ("activity", "", "Read a.py"),
        ("activity", "", "Edit b.py"),
    ]
    assert end == ("end", "", "{}")
    line = json.loads(messages[-2][2])
    assert line.keys() == {"seq", "at", "attempt", "step", "iteration", "kind", "text"}
    rest = told(client.get(f"{path}?line={line['seq']}", headers={**ASK, "Last-Event-ID": stored[-1][1]}).text)
    assert [(name, data) for name, _, data in rest] == [("activity", messages[-1][2]), ("end", "{}")]


def test_what_an_agent_does_comes_while_it_does_it(town: Town) -> None:
    """Proves: 004-26."""
    at, runs = web(town), SqlRuns(town.engine)
    working = threading.Timer(0.7, tell, (town, "queued", "Read a.py"))
    stop = threading.Timer(1.8, runs.stop, (town["queued"], "octocat", "Stopped while somebody listens."))
    for timer in (working, stop):
        timer.start()
    messages = told(at.client.get(f"/api/v1/runs/{town['queued']}/events", headers=ASK).text)
    for timer in (working, stop):
        timer.join()
    assert [name for name, _, _ in messages] == ["Queued", "activity", "Cancelled", "end"]


def test_lines_of_an_agent_are_bounded(town: Town) -> None:
    """Proves: I20."""
    tell(town, "succeeded", *(f"Read {number}" for number in range(BATCH + 50)))
    messages = told(web(town).client.get(f"/api/v1/runs/{town['succeeded']}/events", headers=ASK).text)
    lines = [json.loads(data)["text"] for name, _, data in messages if name == "activity"]
    assert (len(lines), lines[-1]) == (BATCH, f"Read {BATCH + 49}"), "the newest of those that are there already"


def test_listeners_are_bounded(town: Town) -> None:
    """Proves: I20."""
    at: Web = web(town)
    at.seats.taken = at.seats.most
    answer = at.client.get(f"/api/v1/runs/{town['succeeded']}/events", headers=ASK)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    at.seats.taken = 0
    at.client.get(f"/api/v1/runs/{town['succeeded']}/events", headers=ASK)
    assert at.seats.taken == 0


@pytest.mark.parametrize("headers", [{}, {"Last-Event-ID": "x"}])
def test_a_stream_of_an_unknown_run_is_a_problem(town: Town, headers: dict[str, str]) -> None:
    assert web(town).client.get(f"/api/v1/runs/{town['queued'][:9]}/events", headers={**ASK, **headers}).status_code == 404


async def listen(reading: SqlReading, watch: Watch, run_id: str, heard: list[int]) -> None:
    """Follow a run to its end, leaving after each few events and coming back."""
    ended = False
    while not ended:
        state = reading.run(run_id)["state"]
        left = 4
        async for message in events_of(reading, watch, run_id, Heard(heard[-1] if heard else 0, 0, state), anyio.Event()):
            heard += [int(message.id)] if message.id else []
            ended, left = message.event == "end", left - 1
            if ended or not left:
                break


def test_many_who_come_and_go_hear_each_event_once_and_in_order(town: Town) -> None:
    """Each goes on from its own last event, whoever else looked meanwhile. Proves: 004-26."""
    reading, runs, run_id = SqlReading(town.engine), SqlRuns(town.engine), town["queued"]
    heard: list[list[int]] = [[] for _ in range(20)]

    async def everything() -> None:
        watch = Watch(reading, SystemClock().monotonic)
        async with anyio.create_task_group() as everybody:
            for one in heard:
                everybody.start_soon(listen, reading, watch, run_id, one)
            for number in range(26):
                await run_in_threadpool(runs.say, run_id, "octocat", f"Word {number}.")
            await run_in_threadpool(runs.stop, run_id, "octocat", "Enough.")

    anyio.run(everything)
    stored = [event["seq"] for event in reading.events(run_id)]
    assert len(stored) > 26
    assert heard == [stored] * len(heard)
