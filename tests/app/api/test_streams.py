"""Events as they happen."""

import json
import threading

import pytest

from infra.store.runs import SqlRuns
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
