"""Set-up at its door: a token from the terminal, the manifest, GitHub's answer, and the credentials it leaves."""

import html
import json
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import yaml
from starlette.testclient import TestClient

from app import settings
from app.api.health import Part
from app.setup import door
from app.setup.manifest import PATH
from app.setup.registration import Registration
from infra.github.entrance import Entrance
from tests.fakes.engine import FakeClock
from tests.fakes.github import FakeGitHub
from tests.fakes.github.answers.entrance import CLIENT_SECRET

TOKEN = "a one-time token of the terminal"
PUBLIC = "https://slipway.example.org"
HERE = "http://127.0.0.1:8080"


@dataclass
class House:
    """An installation that is not set up, and the GitHub it may be connected to."""

    github: FakeGitHub
    data: Path
    browser: TestClient

    def begin(self, **fields: str) -> httpx.Response:
        return self.browser.post("/setup", data={"token": TOKEN, "public_url": PUBLIC, "organization": "", **fields})

    def back(self, state: str, code: str | None = None) -> httpx.Response:
        asked = {"state": state, "code": self.github.submit_manifest() if code is None else code}
        return self.browser.get("/setup/callback", params=asked, headers={"accept": "text/html"}, follow_redirects=False)

    def credentials(self) -> dict[str, str]:
        path = self.data / "credentials"
        return dict(json.loads(path.read_text())) if path.exists() else {}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    clock = FakeClock()
    github = FakeGitHub(tmp_path / "github", clock=clock).start()
    entrance = Entrance(clock, api_url=github.url, web_url=github.url)
    registration = Registration(TOKEN, entrance, tmp_path / "data", clock.monotonic)
    served = door.application(registration, github.url, None, (Part("store", lambda: None),))
    yield House(github, tmp_path / "data", TestClient(served, base_url=HERE))
    entrance.close()
    github.stop()
    github.check()


def form(page: httpx.Response) -> tuple[str, dict[str, Any]]:
    """Where the page's button leads, and the manifest it takes along."""
    action, value = re.search(r'action="([^"]+)"', page.text), re.search(r'name="manifest" value="([^"]+)"', page.text)
    assert action
    assert value
    return html.unescape(action[1]), json.loads(html.unescape(value[1]))


def state_of(page: httpx.Response) -> str:
    return parse_qs(urlsplit(form(page)[0]).query)["state"][0]


def test_the_manifest_is_app_yml_with_the_addresses_of_this_installation(house: House) -> None:
    """Proves: T19, T20."""
    page = house.begin()
    action, manifest = form(page)
    assert action.startswith(f"{house.github.url}/settings/apps/new?state=")
    assert manifest == {
        **yaml.safe_load(PATH.read_text()),
        "url": PUBLIC,
        "hook_attributes": {"url": f"{PUBLIC}/webhook", "active": True},
        "redirect_url": f"{HERE}/setup/callback",
        "callback_urls": [f"{PUBLIC}/login/callback"],
    }
    assert f"form-action {house.github.url};" in page.headers["content-security-policy"]


def test_an_app_can_belong_to_an_organization(house: House) -> None:
    assert form(house.begin(organization="acme-inc"))[0].startswith(f"{house.github.url}/organizations/acme-inc/settings/apps/new?")


def test_the_credentials_are_kept_for_the_owner_alone_and_shown_nowhere(house: House) -> None:
    """Proves: T19."""
    led = house.back(state_of(house.begin()))
    assert (led.status_code, led.headers["location"]) == (303, "/setup")
    kept, path = house.credentials(), house.data / "credentials"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert kept["SLIPWAY_GITHUB_APP_ID"] == house.github.app_id
    assert kept["SLIPWAY_GITHUB_PRIVATE_KEY"] == house.github.private_key
    assert kept["SLIPWAY_WEBHOOK_SECRETS"] == house.github.webhook_secret
    assert (kept["SLIPWAY_GITHUB_CLIENT_ID"], kept["SLIPWAY_GITHUB_CLIENT_SECRET"]) == ("Iv1.0", CLIENT_SECRET)
    shown = house.browser.get("/setup").text
    assert f"{house.github.url}/apps/slipway/installations/new" in shown
    assert not any(secret in shown + led.text for name, secret in kept.items() if name.endswith(("KEY", "SECRET", "SECRETS")))
    ready = settings.load({"SLIPWAY_DATA_DIR": str(house.data), "HOME": str(house.data)})
    assert not ready.setup_mode
    assert ready.github_app_id == int(house.github.app_id)


def test_after_it_neither_token_nor_state_open_anything(house: House) -> None:
    state = state_of(house.begin())
    house.back(state)
    before = house.credentials()
    assert house.back(state).headers["location"] == "/setup"
    assert "The App is registered" in house.begin().text
    assert house.credentials() == before


@pytest.mark.parametrize("given", ["", "x", TOKEN[:-1], TOKEN.upper(), "tökén"])
def test_without_the_terminals_token_nothing_begins(house: House, given: str) -> None:
    """Proves: T19."""
    page = house.begin(token=given)
    assert page.status_code == 403
    assert "is not the token this start of Slipway printed in its terminal" in page.text
    assert "manifest" not in page.text
    assert "slipway_setup" not in page.headers.get("set-cookie", "")


def test_who_guesses_is_made_to_wait(house: House) -> None:
    assert [house.begin(token=f"guess {n}").status_code for n in range(11)] == [403] * 10 + [429]
    assert house.begin().status_code == 429


@pytest.mark.parametrize("public_url", ["", "slipway.example.org", "http://slipway.example.org", "https://a:b@example.org", "javascript:1"])
def test_an_address_github_could_not_use_is_said_to_be_one(house: House, public_url: str) -> None:
    page = house.begin(public_url=public_url)
    assert page.status_code == 422
    assert "The address cannot be used" in page.text


@pytest.mark.parametrize("name", ["a/b", "../x", "-", "a" * 40, "ä"])
def test_an_organization_github_cannot_have_is_said_to_be_none(house: House, name: str) -> None:
    assert house.begin(organization=name).status_code == 422


def test_an_answer_to_no_question_of_ours_is_refused(house: House) -> None:
    """A state that was never given out, one that is older, one of another browser, one that was used. Proves: T19."""
    assert house.back("").status_code == 403
    old = state_of(house.begin())
    new = state_of(house.begin())
    assert house.back(old).status_code == 403
    assert house.back(new, code="").status_code == 403
    house.browser.cookies.clear()
    refused = house.back(new)
    assert refused.status_code == 403
    assert "Begin again at /setup" in refused.text
    assert house.credentials() == {}


def test_a_code_github_does_not_know_keeps_nothing_and_can_be_tried_again(house: House) -> None:
    refused = house.back(state_of(house.begin()), code="made-up")
    assert refused.status_code == 502
    assert "GitHub does not know this registration code" in refused.text
    assert house.credentials() == {}
    assert house.back(state_of(house.begin())).status_code == 303


def test_a_webhook_secret_too_short_to_be_taken_is_left_to_the_operator(house: House) -> None:
    house.github.hub.hooks.secret = "short"
    house.back(state_of(house.begin()))
    assert "SLIPWAY_WEBHOOK_SECRETS" not in house.credentials()
    assert "set one on the App&#39;s page" in house.browser.get("/setup").text.replace("App's", "App&#39;s")


def test_nothing_else_is_served(house: House) -> None:
    paths = ("/runs", "/settings", "/api/v1/runs", "/metrics", "/login", "/live")
    assert {house.browser.get(path).status_code for path in paths} == {404}
    assert house.browser.get("/", follow_redirects=False).headers["location"] == "/setup"
    assert house.browser.get("/healthz").status_code == house.browser.get("/readyz").status_code == 200
    assert house.browser.post("/webhook", content=b"{}").status_code == 503
