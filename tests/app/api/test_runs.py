"""The API as a program uses it."""

import json
from typing import Any

import pytest

from app.api import shapes
from infra.store.ledger import SqlLedger
from infra.store.probes import SqlProbes
from infra.store.reading import SqlReading
from tests.app.town import Town
from tests.app.web import web

JOB = {"repository": "acme/shop", "title": "Round prices"}


def test_runs_come_in_pages_newest_first(town: Town) -> None:
    """Proves: 000-08."""
    client = web(town).client
    seen, cursor = [], ""
    while True:
        page = client.get("/api/v1/runs", params={"limit": 4, **({"cursor": cursor} if cursor else {})}).json()
        seen += [run["id"] for run in page["runs"]]
        cursor = page["next"]
        if not cursor:
            break
    assert seen == [town[name] for name in reversed(town.ids)]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"state": "parked"}, ["parked"]),
        ({"repository": "acme/docs"}, ["behind"]),
        ({"scope": "7:43"}, ["behind"]),
        ({"scope": "7:4"}, []),
        ({"repository": "acme/doc"}, []),
    ],
)
def test_runs_are_filtered_by_whole_values(town: Town, query: dict[str, str], names: list[str]) -> None:
    """Proves: 000-07, I21."""
    assert [run["id"] for run in web(town).client.get("/api/v1/runs", params=query).json()["runs"]] == [town[name] for name in names]


@pytest.mark.parametrize(
    "query",
    [
        "cursor=x",
        "cursor=%F0",
        "cursor=" + "A" * 9000,
        "state=unknown",
        "limit=-1",
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=" + "9" * 99,
        "cursor=bmFuIHg=",
        "cursor=MWU5OTkgeA==",
        "stat=failed",
        "state=failed&state=parked",
        "scope=7",
        "scope=7:%00",
        "repository=%00/x",
    ],
)
def test_a_query_that_makes_no_sense_is_told_so(town: Town, query: str) -> None:
    answer = web(town).client.get(f"/api/v1/runs?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_every_run_has_the_shape_of_the_document(town: Town) -> None:
    """A new key of a page is a new line in `app/api/shapes.py`."""
    reading = SqlReading(town.engine)
    for run_id in town.ids.values():
        shapes.RunPage.model_validate(reading.run(run_id))
        shapes.Events.model_validate({"events": reading.events(run_id), "next": 1})
    shapes.Runs.model_validate({"runs": reading.runs()[0], "next": None})


def test_a_run_has_everything_the_contract_names(town: Town) -> None:
    run = web(town).client.get(f"/api/v1/runs/{town['succeeded']}").json()
    assert {
        "id", "state", "reason", "flow", "repository", "source", "created_at", "started_at", "ended_at", "steps", "delivery", "check_run",
        "callbacks", "cost", "links",
    } <= run.keys()  # fmt: skip
    assert run["state"] == "succeeded"
    assert {"kind", "branch", "sha", "number", "url", "base_sha"} <= run["delivery"].keys()
    step = run["steps"][0]
    assert {"name", "role", "agent", "state", "attempts"} <= step.keys()
    first, second = step["attempts"][0]["iterations"]
    assert (first["sha"], second["sha"]) == ("a" * 40, "c" * 40)
    assert [gate["passed"] for gate in first["report"]["results"]] == [False, False]


@pytest.mark.parametrize("path", ["", "/events", "/artifacts/1-code-2.diff"])
@pytest.mark.parametrize("cut", [8, 31])
def test_an_id_that_is_not_whole_is_unknown(town: Town, path: str, cut: int) -> None:
    """Proves: T29, I21."""
    client = web(town).client
    answer = client.get(f"/api/v1/runs/{town['succeeded'][:cut]}{path}")
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("There is no run with this id.")
    assert client.get(f"/api/v1/runs/{town['succeeded'].upper()}{path}").status_code == 404


@pytest.mark.parametrize("path", ["", "/events", "/artifacts/1-code-2.diff"])
def test_a_run_of_another_scope_is_unknown(town: Town, path: str) -> None:
    """Proves: 000-07."""
    client, run = web(town).client, f"/api/v1/runs/{town['succeeded']}"
    assert client.get(f"{run}{path}?scope=7:42").status_code == 200
    assert client.get(f"{run}{path}?scope=7:43").status_code == 404


@pytest.mark.parametrize("action", ["stop", "retry", "approve", "messages"])
def test_nothing_is_done_to_a_run_of_another_scope(town: Town, action: str) -> None:
    """Proves: 000-07."""
    client, run = web(town).client, f"/api/v1/runs/{town['queued']}"
    assert client.post(f"{run}/{action}?scope=7:43", json={"text": "Go."} if action == "messages" else {}).status_code == 404
    assert client.get(run).json()["state"] == "queued"


@pytest.mark.parametrize("path", ["/api/v1/runs/%00", "/api/v1/runs/%00/events"])
def test_an_address_no_database_could_look_up_is_unknown(town: Town, path: str) -> None:
    assert web(town).client.get(path).status_code == 404


def test_events_go_on_after_a_number(town: Town) -> None:
    client, path = web(town).client, f"/api/v1/runs/{town['failed']}/events"
    whole = client.get(path).json()
    rest = client.get(path, params={"after": whole["events"][2]["seq"]}).json()
    assert rest["events"] == whole["events"][3:]
    assert client.get(path, params={"after": whole["next"]}).json() == {"events": [], "next": whole["next"]}


def test_an_artifact_is_a_download_and_never_a_page(town: Town) -> None:
    answer = web(town).client.get(f"/api/v1/runs/{town['succeeded']}/artifacts/1-code-2.diff")
    assert answer.text.startswith("diff --git a/shop/cart.py")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="1-code-2.diff"'
    assert web(town).client.get(f"/api/v1/runs/{town['failed']}/artifacts/1-code-2.diff").status_code == 404


def test_a_run_is_started_and_its_worker_woken(town: Town) -> None:
    """Proves: 004-39."""
    at = web(town)
    answer = at.client.post("/api/v1/runs", json={**JOB, "flow": "fix", "wall": "10m", "iterations": 2, "cost_usd": 1.5})
    run = answer.json()
    assert answer.status_code == 202
    assert (run["state"], run["title"], run["flow"], run["source"]["trigger"]) == ("queued", "Round prices", "fix", "api")
    assert answer.headers["location"] == f"/api/v1/runs/{run['id']}"
    assert at.bell.rung == [("advance", run["id"], "agents"), ("relay", run["id"], None)]


def test_the_same_key_is_the_same_run(town: Town) -> None:
    """Proves: I03."""
    client = web(town).client
    first, second = (client.post("/api/v1/runs", json={**JOB, "idempotency_key": "order-1"}).json() for _ in range(2))
    assert first["id"] == second["id"]
    assert client.post("/api/v1/runs", json={**JOB, "idempotency_key": "order-2"}).json()["id"] != first["id"]


def test_the_same_key_for_another_job_is_refused(town: Town) -> None:
    """Proves: I03. Whoever sent it would take the earlier run for theirs."""
    client = web(town).client
    run = client.post("/api/v1/runs", json={**JOB, "idempotency_key": "order-1"}).json()["id"]
    answer = client.post("/api/v1/runs", json={**JOB, "title": "Something else", "idempotency_key": "order-1"})
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        f"The idempotency_key was used for another job, run {run}. Send that job again as it was, or take a new key.",
    )


def test_the_same_key_of_another_token_is_another_run(town: Town) -> None:
    client = web(town, tokens=("one", "two")).client
    job = {**JOB, "idempotency_key": "order-1"}
    ids = {client.post("/api/v1/runs", json=job, headers={"Authorization": f"Bearer {token}"}).json()["id"] for token in ("one", "two")}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({**JOB, "repository": "acme/other"}, 409, "acme/other is not a repository of this installation."),
        ({**JOB, "flow": "ship"}, 409, "There is no flow 'ship' in acme/shop. Name one of: implement, fix, plan, review."),
        (
            {**JOB, "agent": "command"},
            409,
            "The agent 'command' cannot be used here. Use one of claude, codex, opencode, gemini, scripted.",
        ),
        ({**JOB, "colour": "red"}, 422, "Some values of the body are not valid; 'errors' names each."),
        ({"title": "x"}, 422, "Some values of the body are not valid; 'errors' names each."),
        ({**JOB, "title": " "}, 422, "Some values of the body are not valid; 'errors' names each."),
        ({**JOB, "callback_url": "file:///etc/passwd"}, 422, "Some values of the body are not valid; 'errors' names each."),
        (
            {**JOB, "callback_url": "https://2130706433/"},
            422,
            "The callback_url cannot be used. '2130706433' is not a host name. Write an address in its usual form.",
        ),
        ([], 422, "Some values of the body are not valid; 'errors' names each."),
    ],
)
def test_a_job_that_cannot_be_done_is_refused_with_what_to_do(town: Town, body: Any, status: int, said: str) -> None:
    answer = web(town).client.post("/api/v1/runs", json=body)
    assert (answer.status_code, answer.json()["detail"]) == (status, said)


def test_a_mistake_is_named_with_its_place_and_without_the_value(town: Town) -> None:
    answer = web(town).client.post("/api/v1/runs", json={**JOB, "iterations": "hunter2"})
    assert answer.json()["errors"] == [
        {"at": "iterations", "text": "Input should be a valid integer, unable to parse string as an integer"}
    ]
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (json.dumps(JOB).encode(), "text/plain", 415),
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"x" * 300_000, "application/json", 413),
        (json.dumps(JOB).encode(), "application/json; charset=utf-8", 202),
    ],
)
def test_a_body_that_cannot_be_read(town: Town, content: bytes, kind: str, status: int) -> None:
    """Proves: F11."""
    answer = web(town).client.post("/api/v1/runs", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status


def test_people_act_by_the_same_transitions(town: Town) -> None:
    """Proves: 001-36."""
    at = web(town)

    def post(name: str, act: str, **body: str) -> dict[str, Any]:
        answer = at.client.post(f"/api/v1/runs/{town[name]}/{act}", json=body)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    assert post("queued", "stop", reason="Not now.")["reason"]["text"] == "Not now."
    assert post("running", "stop")["stop_requested"] == "Stopped over the API by local."
    assert post("parked", "retry")["state"] == "queued"
    again = post("failed", "retry", idempotency_key="once")
    assert (again["retry_of"], again["source"]["number"]) == (town["failed"], 8)
    assert post("failed", "retry", idempotency_key="once")["id"] == again["id"]
    assert post("awaiting_approval", "approve", text="Small steps.")["plan"].endswith("Small steps.")
    post("running", "messages", text="Use the index.")
    assert ("advance", town["parked"], "agents") in at.bell.rung


@pytest.mark.parametrize(
    ("name", "act", "body"), [("succeeded", "stop", {}), ("running", "approve", {}), ("failed", "messages", {"text": "x"})]
)
def test_what_the_state_does_not_allow_is_a_conflict(town: Town, name: str, act: str, body: dict[str, str]) -> None:
    answer = web(town).client.post(f"/api/v1/runs/{town[name]}/{act}", json=body)
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("Run ")


@pytest.mark.parametrize("act", ["stop", "retry", "approve", "messages"])
def test_acting_on_a_shortened_id_changes_nothing(town: Town, act: str) -> None:
    client = web(town).client
    body = {"text": "x"} if act == "messages" else {}
    assert client.post(f"/api/v1/runs/{town['queued'][:16]}/{act}", json=body).status_code == 404
    assert client.get(f"/api/v1/runs/{town['queued']}").json()["state"] == "queued"


def test_everything_or_one_repository_is_paused(town: Town) -> None:
    """Proves: 001-18."""
    at = web(town)
    assert at.client.post("/api/v1/pause", json={"repository": "acme/docs"}).json() == {"paused": "acme/docs"}
    assert at.client.post("/api/v1/pause", json={"reason": "Maintenance."}).json() == {"paused": "*"}
    assert at.client.post("/api/v1/resume", json={}).json() == {"resumed": "*", "was_paused": True}
    assert at.client.post("/api/v1/pause", json={"repository": "acme/other"}).status_code == 409


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/api/v1/runs"), ("PUT", "/api/v1/runs/x"), ("GET", "/api/v1/pause")])
def test_a_wrong_method_is_told_the_right_ones(town: Town, method: str, path: str) -> None:
    answer = web(town).client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"]
    assert answer.json()["title"] == "Method not allowed here"


def test_callbacks_are_listed_and_sent_again(town: Town) -> None:
    """Proves: I10."""
    client = web(town).client
    dead = client.get("/api/v1/callbacks?state=dead").json()["callbacks"]
    assert dead
    assert {row["state"] for row in dead} == {"dead"}
    assert not any("?" in row["url"] or "body" in row for row in dead)
    again = client.post(f"/api/v1/callbacks/{dead[0]['id']}/replay", json={})
    assert (again.status_code, again.json()) == (202, {"replayed": dead[0]["id"]})
    assert dead[0]["id"] not in [row["id"] for row in client.get("/api/v1/callbacks?state=dead").json()["callbacks"]]
    assert client.post("/api/v1/callbacks/msg_none/replay", json={}).json()["detail"].startswith("There is no callback with this id")
    assert client.get("/api/v1/callbacks?state=lost").status_code == 400
    assert client.get(f"/api/v1/callbacks?run={dead[0]['run_id']}&limit=1").json()["callbacks"][0]["run_id"] == dead[0]["run_id"]
    of_scope = {scope: client.get(f"/api/v1/callbacks?scope={scope}").json()["callbacks"] for scope in ("7:42", "7:999")}
    assert {row["scope"] for row in of_scope["7:42"]} == {"7:42"}
    assert of_scope["7:999"] == []


def test_an_id_leads_to_its_run(town: Town) -> None:
    """Proves: I23."""
    client = web(town).client
    (found,) = client.get("/api/v1/find", params={"q": f"see {town['succeeded']}"}).json()["runs"]
    assert (found["id"], found["found_by"]) == (town["succeeded"], f"run {town['succeeded']}")
    for wrong in ("", "x" * 4001):
        assert client.get("/api/v1/find", params={"q": wrong}).status_code == 400


def test_a_job_says_how_urgent_it_is_and_whether_it_is_a_test(town: Town) -> None:
    """Proves: 001-04, 003-25."""
    page = web(town)
    urgent, tried = ({**JOB, "priority": 5}, {**JOB, "test": True})
    ids = [page.client.post("/api/v1/runs", json=job).json()["id"] for job in (urgent, tried)]
    runs = [SqlLedger(town.engine).load(one) for one in ids]
    assert [(run.request.priority, run.request.queue) for run in runs] == [(5, "agents"), (0, "test")]
    assert page.client.post("/api/v1/runs", json={**JOB, "priority": 11}).status_code == 422


def test_agents_and_what_became_of_them(town: Town) -> None:
    """Proves: 002-22."""
    client, probes = web(town).client, SqlProbes(town.engine)
    assert client.get("/api/v1/agents").json() == {"agents": [], "events": []}
    probes.note("box-1", "codex", state="ok", version="0.170.0", stamp="a", text="")
    probes.note("box-1", "codex", state="absent", version="", stamp="", text="It is not installed.")
    told = client.get("/api/v1/agents?limit=1").json()
    assert [(row["host"], row["agent"], row["state"]) for row in told["agents"]] == [("box-1", "codex", "absent")]
    assert [(row["type"], row["was"], row["version"], row["text"]) for row in told["events"]] == [
        ("AgentVanished", "0.170.0", "absent", "It is not installed.")
    ]
    shapes.Agents.model_validate(told)
