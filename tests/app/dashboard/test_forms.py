"""What people do, and what nobody else can make them do."""

import re
from dataclasses import dataclass

import pytest
from starlette.testclient import TestClient

from app.access import COOKIE
from app.api.problems import Problem
from app.dashboard.sign_in import MOST_OF_ALL, MOST_OF_ONE, Tries, local_path
from tests.app.town import Town
from tests.app.web import HERE, Web, web

TOKENS = ("reader:read", "runner:run", "boss")


def csrf(client: TestClient, path: str = "/queue") -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', client.get(path).text)
    assert found
    return found[1]


def signed_in(town: Town, token: str) -> Web:
    at = web(town, tokens=TOKENS, peer="192.0.2.9", bind="0.0.0.0:8080", public_url="https://slipway.example.org")
    answer = at.client.post("/login", data={"token": token, "next": "/queue"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/queue")
    return at


def state(at: Web, run_id: str) -> str:
    return str(at.client.get(f"/api/v1/runs/{run_id}").json()["state"])


@pytest.mark.parametrize(
    ("name", "act", "text", "after"),
    [
        ("queued", "stop", "", "cancelled"),
        ("parked", "retry", "", "queued"),
        ("awaiting_approval", "approve", "Small steps.", "queued"),
        ("running", "say", "Use the index.", "running"),
    ],
)
def test_the_buttons_do_what_they_say(town: Town, name: str, act: str, text: str, after: str) -> None:
    at = web(town)
    page = f"/runs/{town[name]}"
    answer = at.client.post(f"{page}/{act}", data={"csrf": csrf(at.client), "text": text}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    assert state(at, town[name]) == after


def test_running_a_failed_run_again_leads_to_the_new_one(town: Town) -> None:
    at = web(town)
    answer = at.client.post(f"/runs/{town['failed']}/retry", data={"csrf": csrf(at.client)}, follow_redirects=False)
    new = answer.headers["location"].removeprefix("/runs/")
    assert new != town["failed"]
    assert ("advance", new, "agents") in at.bell.rung


def test_everything_is_paused_and_resumed(town: Town) -> None:
    at = web(town)
    mark = csrf(at.client)
    assert "Everything is paused." in at.client.post("/pause", data={"csrf": mark}).text
    assert "Everything is paused." not in at.client.post("/resume", data={"csrf": mark}).text


def test_rows_are_replayed(town: Town) -> None:
    at = web(town)
    mark = csrf(at.client)
    for page in ("/inbox", "/callbacks"):
        target = re.search(rf'action="({page}/[^/]+/replay)"', at.client.get(page).text)
        assert target
        assert at.client.post(target[1], data={"csrf": mark}).status_code == 200
    assert [function for function, _, _ in at.bell.rung] == ["intake"]
    assert at.client.post("/inbox/9999/replay", data={"csrf": mark}).status_code == 404
    assert at.client.post("/inbox/x/replay", data={"csrf": mark}).status_code == 404


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"text": "no mark"}, {}),
        ({"csrf": ""}, {}),
        ({"csrf": "0" * 64}, {}),
        ("right", {"Origin": "https://evil.example"}),
        ("right", {"Sec-Fetch-Site": "cross-site"}),
    ],
)
def test_a_form_of_another_page_does_nothing(town: Town, fields: object, headers: dict[str, str]) -> None:
    """Proves: T04."""
    at = web(town)
    sent = {"csrf": csrf(at.client)} if fields == "right" else fields
    answer = at.client.post(f"/runs/{town['queued']}/stop", data=sent, headers=headers)  # type: ignore[arg-type]  # a dict of strings
    assert answer.status_code == 403
    assert state(at, town["queued"]) == "queued"


def test_a_form_is_sent_as_a_form_and_is_not_endless(town: Town) -> None:
    client = web(town).client
    mark = csrf(client)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/pause", json={"csrf": mark}).status_code == 415
    assert client.post("/pause", content=b"csrf=" + b"x" * 100_000, headers=form).status_code == 413
    assert client.post("/pause", content="&".join(f"a{n}=1" for n in range(50)), headers=form).status_code == 400
    assert client.post("/pause", content=b"csrf=\xff", headers=form).status_code == 400


def test_signing_in_sets_a_cookie_no_script_and_no_other_site_can_use(town: Town) -> None:
    at = web(town, tokens=TOKENS, peer="192.0.2.9", public_url="https://slipway.example.org")
    cookie = at.client.post("/login", data={"token": "boss"}, follow_redirects=False).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Secure", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "boss" not in cookie


def test_a_session_acts_within_its_scope_and_ends(town: Town) -> None:
    reader = signed_in(town, "reader")
    answer = reader.client.post(f"/runs/{town['queued']}/stop", data={"csrf": csrf(reader.client)})
    assert answer.status_code == 403
    assert state(reader, town["queued"]) == "queued"
    mark = csrf(reader.client)
    assert reader.client.post("/logout", data={"csrf": mark}, follow_redirects=False).headers["location"] == "/login"
    assert reader.client.get("/", follow_redirects=False).headers["location"] == "/login?next=/"


def test_the_mark_of_one_session_is_none_of_anothers(town: Town) -> None:
    mark = csrf(signed_in(town, "runner").client)
    boss = signed_in(town, "boss")
    assert boss.client.post("/pause", data={"csrf": mark}).status_code == 403


def test_somebody_unknown_is_led_to_sign_in_and_back(town: Town) -> None:
    client = web(town, tokens=TOKENS).client
    assert client.get("/runs?state=failed", follow_redirects=False).headers["location"] == "/login?next=/runs%3Fstate%3Dfailed"
    assert client.post("/pause", data={}, follow_redirects=False).headers["location"] == "/login"
    assert client.get("/live").status_code == 401
    wrong = client.post("/login", data={"token": "guess"})
    assert wrong.status_code == 403
    assert "That is not one of the tokens" in wrong.text
    assert COOKIE not in client.cookies


def test_whoever_needs_not_sign_in_is_led_on(town: Town) -> None:
    answer = web(town).client.get("/login?next=/queue", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/queue")


def test_a_link_from_elsewhere_reaches_its_page_in_a_session(town: Town) -> None:
    """A browser keeps a strict cookie to itself when it comes from another site: a page of ours sends it on."""
    html = web(town, tokens=TOKENS).client.get("/runs/x?a=1&b=2", headers={"Sec-Fetch-Site": "cross-site"}).text
    assert '<meta http-equiv="refresh" content="0; url=/runs/x?a=1&amp;b=2">' in html


def test_guessing_is_slowed_down(town: Town) -> None:
    client = web(town, tokens=TOKENS).client
    codes = [client.post("/login", data={"token": f"guess-{n}"}).status_code for n in range(MOST_OF_ONE + 1)]
    assert codes == [403] * MOST_OF_ONE + [429]
    assert client.post("/login", data={"token": "boss"}).status_code == 429


@dataclass
class Time:
    at: float = 0.0

    def __call__(self) -> float:
        return self.at


def test_many_addresses_together_are_slowed_down_and_forgotten_after_a_minute() -> None:
    time = Time()
    tries = Tries(time)
    for number in range(MOST_OF_ALL):
        tries.note(f"192.0.2.{number}")
    with pytest.raises(Problem):
        tries.check("198.51.100.1")
    time.at = 61
    tries.check("198.51.100.1")


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "", "/a\r\nb"])
def test_signing_in_never_leads_away(path: str) -> None:
    assert local_path(path) == "/"
    assert local_path("/runs?x=//y") == "/runs?x=//y"


def test_an_installation_others_reach_without_a_token_says_what_to_do(town: Town) -> None:
    """Proves: T39."""
    html = web(town, bind="0.0.0.0:8080").client.get("/").text
    assert "Set SLIPWAY_API_TOKENS" in html
    assert HERE.endswith("8080")
