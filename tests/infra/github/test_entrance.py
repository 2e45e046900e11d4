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


def scope(fake: FakeGitHub, repo: str) -> str:
    return f"{fake.installation(repo).id}:{fake.repo(repo).id}"


def test_somebody_who_signed_in_is_known_by_id_and_sees_what_github_lets_them_see(fake: FakeGitHub, entrance: Entrance) -> None:
    """Proves: T04. A public repository is seen by those who have a role in it; one they have no role in, and a suspended one, are not."""
    for name in ("acme/own", "acme/others", "initech/gone"):
        fake.add_repository(name, private=False)
    fake.collaborator("ada", "read", repo="acme/own")
    fake.collaborator("ada", "admin", repo="initech/gone")
    fake.suspend(repo="initech/gone")
    code = fake.sign_in("ada", CHALLENGE)
    assert sign_in(entrance, code) == Person(fake.hub.user("ada").id, "ada", frozenset({scope(fake, "acme/own")}))


def test_what_one_person_sees_is_never_anothers(fake: FakeGitHub, entrance: Entrance) -> None:
    """Proves: I21."""
    fake.add_repository("acme/own")
    fake.collaborator("ada", "write", repo="acme/own")
    seen = [sign_in(entrance, fake.sign_in(login, CHALLENGE)) for login in ("ada", "bob", "ada")]
    assert [(one.login, len(one.sees)) for one in seen] == [("ada", 1), ("bob", 0), ("ada", 1)]


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
