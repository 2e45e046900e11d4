"""How long a token is used and where it goes, by answers no server of ours would give."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import respx

from infra.github.client import GitHub
from infra.github.lane import MemoryLane
from infra.github.routes import Purpose, Route
from infra.github_auth import AppKey
from infra.redact import Redactor
from jobs.errors import Fault, Refused
from jobs.model import Repository
from tests.fakes.engine import FakeClock
from tests.fakes.github import FakeGitHub

API = "https://api.github.com"
WIDGETS = Repository(5, "acme/widgets", 7)


@pytest.fixture
def github(fake: FakeGitHub, clock: FakeClock) -> Iterator[GitHub]:
    made = GitHub(AppKey(fake.app_id, fake.private_key), MemoryLane(clock), clock, Redactor(), base_url=API)
    yield made
    made.close()


def minting(router: respx.MockRouter, clock: FakeClock, minutes: float) -> respx.Route:
    """GitHub gives out a token that lives so long."""
    until = datetime.fromtimestamp(clock.at + minutes * 60, UTC).isoformat()
    return router.post(f"{API}/app/installations/7/access_tokens").respond(201, json={"token": "ghs_of_a_test", "expires_at": until})


def test_a_token_is_not_used_in_the_last_five_minutes_of_its_life(github: GitHub, clock: FakeClock) -> None:
    """A push that takes its time must not outlive it. Proves: F77."""
    with respx.mock() as router:
        minted = minting(router, clock, 12)
        for minutes in (0, 6.5, 1):
            clock.at += minutes * 60
            assert github.token(WIDGETS, Purpose.PUSH) == "ghs_of_a_test"
        assert minted.call_count == 2


def test_a_list_whose_next_page_is_elsewhere_is_not_followed_there(github: GitHub, clock: FakeClock) -> None:
    """Proves: T29, I11."""
    with respx.mock(assert_all_called=False) as router:
        minting(router, clock, 60)
        router.get(f"{API}/repos/acme/widgets").respond(json={"id": 5, "full_name": "acme/widgets", "default_branch": "main"})
        page = {"link": '<https://elsewhere.example/issues?page=2>; rel="next"'}
        router.get(f"{API}/repos/acme/widgets/issues").respond(json=[{"number": 1}], headers=page)
        elsewhere = router.get(url__startswith="https://elsewhere.example").respond(json=[])
        with pytest.raises(Fault, match="led to another host"):
            github.each(Route.ISSUES, WIDGETS, state="open")
        assert not elsewhere.called


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_write_is_never_sent_on_by_a_redirect(github: GitHub, clock: FakeClock, status: int) -> None:
    """What is to be done is done under the repository's present name, or not at all. Proves: F84, I04."""
    with respx.mock(assert_all_called=False) as router:
        minting(router, clock, 60)
        router.get(f"{API}/repos/acme/widgets").respond(json={"id": 5, "full_name": "acme/widgets", "default_branch": "main"})
        elsewhere = router.post(f"{API}/repositories/5/issues/7/comments").respond(201, json={"id": 1})
        asked = router.post(f"{API}/repos/acme/widgets/issues/7/comments")
        asked.respond(status, json={"message": "Moved"}, headers={"location": f"{API}/repositories/5/issues/7/comments"})
        with pytest.raises(Refused, match="has moved"):
            github.ask(Route.COMMENT_ON, WIDGETS, {"body": "x"}, number=7)
        assert (asked.call_count, elsewhere.called) == (1, False)
