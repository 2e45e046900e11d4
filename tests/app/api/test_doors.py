"""Who may pass which door, and what every answer carries."""

import re
from collections.abc import Mapping

import pytest
import structlog
from starlette.routing import Route

from app.access import parse_token
from app.api.health import Part
from app.api.operation import Operation
from app.api.table import OPERATIONS, PREFIX
from tests.app.town import Town
from tests.app.web import Web, web

SIGN_IN = {"/login", "/login/github", "/login/callback"}
PUBLIC = {"/webhook", "/healthz", "/readyz", "/api/v1/openapi.json", *SIGN_IN, "/static/{path:path}"}
TOKENS = ("reader:read", "runner:run", "boss")


def paths(at: Web) -> list[str]:
    return [route.path for route in at.client.app.routes if isinstance(route, Route)]  # type: ignore[attr-defined]  # a Starlette


def test_only_these_addresses_answer_to_everybody(town: Town) -> None:
    """Proves: T04, 001-46."""
    at = web(town, tokens=TOKENS, peer="192.0.2.9")
    for path in paths(at):
        if path in PUBLIC:
            continue
        whole = re.sub(r"{(\w+)(:\w+)?}", "x", path)
        for method in ("GET", "POST"):
            assert at.client.request(method, whole, follow_redirects=False).status_code in {303, 401, 405}, (method, path)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method} {one.path}")
def test_every_operation_asks_for_its_scope(town: Town, operation: Operation) -> None:
    client = web(town, tokens=TOKENS, peer="192.0.2.9").client
    path = PREFIX + re.sub(r"{(\w+)(:\w+)?}", "x", operation.path)
    for scope, token in ((1, "reader"), (2, "runner"), (3, "boss")):
        answer = client.request(operation.method, path, json={}, headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code == 403) is (operation.need > scope), (token, answer.text)


def test_who_is_nobody_is_told_how_to_become_somebody(town: Town) -> None:
    answer = web(town, tokens=TOKENS).client.get("/api/v1/runs")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json()["detail"] == "Send 'Authorization: Bearer <token>' with one of the tokens of SLIPWAY_API_TOKENS."
    alone = web(town, bind="0.0.0.0:8080").client.get("/api/v1/runs")
    assert "Set SLIPWAY_API_TOKENS" in alone.json()["detail"]


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}])
def test_a_page_of_another_site_cannot_act_on_this_machine(town: Town, headers: Mapping[str, str]) -> None:
    """Proves: T04. Neither by a request across sites nor by a name that points at us."""
    client = web(town).client
    assert client.post("/api/v1/pause", json={}, headers=dict(headers)).status_code in {401, 403}


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/runs", "/nowhere", "/metrics"])
def test_every_answer_carries_the_security_headers(town: Town, path: str) -> None:
    headers = web(town).client.get(path).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_health_tells_each_part_with_its_reason(town: Town) -> None:
    """Proves: 001-42, 001-40."""
    parts = (Part("store", lambda: None), Part("redis", lambda: "Redis does not answer.", needed=False))
    answer = web(town, parts=parts).client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "parts": {"store": {"state": "ok", "reason": None}, "redis": {"state": "degraded", "reason": "Redis does not answer."}},
    }
    down = web(town, parts=(Part("store", lambda: "The store is in doubt."),)).client.get("/readyz")
    assert (down.status_code, down.json()["ready"]) == (503, False)
    assert web(town).client.get("/healthz").json() == {"status": "ok"}


def test_metrics_are_read_from_the_store_with_bounded_labels(town: Town) -> None:
    """Proves: 004-27, 002-12, T23."""
    text = web(town).client.get("/metrics").text
    assert 'slipway_runs{state="queued"} 2.0' in text
    assert 'slipway_runs_ended_total{reason="gates_failed",state="failed"} 1.0' in text
    assert 'slipway_processes{role="keeper"} 1.0' in text
    assert "acme" not in text


def test_a_bug_shows_no_traceback_and_a_mark_for_the_log(town: Town) -> None:
    answer = web(town, parts=(Part("store", lambda: str(1 / 0)),)).client.get("/readyz")
    assert answer.status_code == 500
    assert re.fullmatch(r"This is a bug in Slipway\. The log tells more under [0-9a-f]{12}; please report it\.", answer.json()["detail"])
    assert "ZeroDivision" not in answer.text


def test_the_document_describes_every_operation(town: Town) -> None:
    document = web(town).client.get("/api/v1/openapi.json").json()
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(one.method, PREFIX + one.path.replace(":path", "")) for one in OPERATIONS}
    assert document["components"]["schemas"]["JobSpec"]["required"] == ["repository", "title"]


def test_who_acted_and_who_was_refused_is_written_down_without_the_token(town: Town) -> None:
    at = web(town, tokens=TOKENS)
    with structlog.testing.capture_logs() as lines:
        for token in ("boss", "reader", "nobody"):
            at.client.post("/api/v1/pause", json={}, headers={"Authorization": f"Bearer {token}"})
    told = [(line["event"], line.get("who"), line["status"]) for line in lines]
    assert told == [("api", f"token:{parse_token('boss').id}", 200), ("refused", None, 403), ("refused", None, 401)]
    assert not any(token in str(lines) for token in ("boss", "reader", "nobody"))
