"""Registration of the App from its manifest, and people signing in."""

import base64
import hashlib
from collections.abc import Iterator

import pytest

from infra.github.entrance import Entrance, NewApp, Person
from jobs.errors import Fault, Refused
from tests.fakes.engine import FakeClock
from tests.fakes.github import FakeGitHub
from tests.fakes.github.answers.entrance import CLIENT_SECRET

VERIFIER = "a verifier that only the browser's session knows"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@pytest.fixture
def entrance(fake: FakeGitHub, clock: FakeClock) -> Iterator[Entrance]:
    made = Entrance(clock, api_url=fake.url, web_url=fake.url)
    yield made
    made.close()


def sign_in(entrance: Entrance, code: str, verifier: str = VERIFIER) -> Person:
    return entrance.sign_in("Iv1.0", CLIENT_SECRET, code, redirect="http://127.0.0.1/login/callback", verifier=verifier)


def test_a_registration_code_is_good_once(fake: FakeGitHub, entrance: Entrance) -> None:
    code = fake.submit_manifest()
    made = entrance.register(code)
    url = f"{fake.url}/apps/slipway"
    assert made == NewApp(4711, "slipway", url, made.client_id, fake.private_key, fake.webhook_secret, CLIENT_SECRET)
    assert fake.private_key not in repr(made)
    with pytest.raises(Refused, match="/setup"):
        entrance.register(code)


def test_somebody_who_signed_in_is_known_by_id(fake: FakeGitHub, entrance: Entrance) -> None:
    code = fake.sign_in("ada", CHALLENGE)
    assert sign_in(entrance, code) == Person(fake.hub.user("ada").id, "ada")


@pytest.mark.parametrize("verifier", [VERIFIER, "another"])
def test_a_code_of_somebody_else_or_a_used_one_signs_nobody_in(fake: FakeGitHub, entrance: Entrance, verifier: str) -> None:
    code = fake.sign_in("ada", CHALLENGE)
    if verifier == VERIFIER:
        sign_in(entrance, code)
    with pytest.raises(Refused, match="Sign in again"):
        sign_in(entrance, code, verifier)


def test_a_broken_github_signs_nobody_in(fake: FakeGitHub, entrance: Entrance) -> None:
    fake.fail("POST", "/login/oauth/access_token", "html", status=200)
    with pytest.raises(Fault):
        sign_in(entrance, fake.sign_in("ada", CHALLENGE))
