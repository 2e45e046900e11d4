"""The App itself: who it is, where it is, and the webhooks GitHub tried to deliver."""

import json

import pytest

from infra.github.app import Installed
from jobs.errors import Fault, Refused
from jobs.model import Repository
from tests.fakes.engine import FakeClock
from tests.fakes.github import FakeGitHub
from tests.infra.github.conftest import Client


def test_the_app_knows_itself_and_its_bot(fake: FakeGitHub, client: Client) -> None:
    assert client.app.slug() == "slipway"
    assert client.app.bot(client.repository) == client.app.bot(client.repository) == fake.bot_id
    assert len(fake.calls("GET", "/users/{username}")) == 1


@pytest.mark.parametrize("route", ["/app", "/users/{username}"])
def test_a_bot_that_github_does_not_tell_of_is_nobody(fake: FakeGitHub, client: Client, route: str) -> None:
    """Nothing is then taken for ours by its author, and what is known later counts. Proves: T36."""
    fake.fail("GET", route, status=404, message="Not Found")
    assert client.app.bot(client.repository) is None
    assert client.forge.own(client.repository) == {fake.bot_id}


def test_a_bot_is_asked_for_again_after_a_refusal_of_the_credentials(fake: FakeGitHub, client: Client) -> None:
    """Proves: T36."""
    fake.fail("GET", "/app", status=401, message="Bad credentials", times=2)
    with pytest.raises(Fault, match="does not accept the App's credentials"):
        client.app.bot(client.repository)
    assert client.app.bot(client.repository) == fake.bot_id


def test_the_app_knows_where_it_is_installed(fake: FakeGitHub, client: Client) -> None:
    fake.add_repository("beta/gadgets", default_branch="trunk")
    fake.suspend(repo="beta/gadgets", deliver=False)
    permissions = dict(fake.hub.app.permissions)
    assert client.app.installations() == [
        Installed(80_001, "acme", suspended=False, permissions=permissions),
        Installed(80_002, "beta", suspended=True, permissions=permissions),
    ]
    assert client.app.repositories(80_001) == [Repository(fake.repo().id, "acme/widgets", 80_001, "main")]


def test_deliveries_are_listed_back_to_a_moment_through_all_pages(fake: FakeGitHub, client: Client, clock: FakeClock) -> None:
    """Proves: F08."""
    fake.add_label(7, "old", deliver=False)
    clock.at += 3600
    since = clock.at
    for number in range(130):
        fake.comment(7, f"comment {number}", deliver=False)
    listed = client.app.deliveries(since)
    assert [row.guid for row in listed] == [row.guid for row in reversed(fake.deliveries) if row.event == "issue_comment"]
    assert {(row.ok, row.status_code, row.repository) for row in listed} == {(False, 0, client.repository.id)}


def test_a_delivery_is_read_whole_and_asked_for_again(fake: FakeGitHub, client: Client) -> None:
    """Proves: F01."""
    lost = fake.add_label(7, "slipway", deliver=False)
    request = client.app.delivery(lost.id)
    assert json.loads(request.body) == lost.payload
    assert (request.delivery.event, request.delivery.action, request.delivery.guid) == ("issues", "labeled", lost.guid)
    client.app.redeliver(lost.id)
    fake.settle()
    newest = client.app.deliveries(0.0)[0]
    assert (newest.guid, newest.redelivery) == (lost.guid, True)


def test_what_is_over_three_days_old_is_not_listed_any_more(fake: FakeGitHub, client: Client, clock: FakeClock) -> None:
    lost = fake.add_label(7, "slipway", deliver=False)
    clock.at += 3 * 86400
    assert client.app.deliveries(0.0) == []
    with pytest.raises(Refused):
        client.app.delivery(lost.id)


def test_a_list_that_cannot_be_read_is_a_fault(fake: FakeGitHub, client: Client) -> None:
    """Proves: F09."""
    fake.fail("GET", "/app/hook/deliveries", times=5)
    with pytest.raises(Fault) as fault:
        client.app.deliveries(0.0)
    assert fault.value.reason.code == "github_unavailable"
