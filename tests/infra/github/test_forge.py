"""What decisions know of GitHub: names, permissions, configuration, items, label events."""

import pytest

from jobs.errors import Fault, Refused
from jobs.model import Actor, Item, ItemKind, Repository
from tests.fakes.engine import FakeClock
from tests.fakes.github import FakeGitHub
from tests.infra.github.conftest import Client


def test_a_repository_is_found_by_its_id_after_a_rename(fake: FakeGitHub, client: Client) -> None:
    """Proves: F84, T30."""
    fake.rename("gears")
    assert client.forge.repository(client.repository) == Repository(
        client.repository.id, "acme/gears", client.repository.installation, "main"
    )


def test_a_name_that_somebody_else_took_over_is_not_believed(fake: FakeGitHub, client: Client) -> None:
    """Proves: T30."""
    fake.rename("gears")
    fake.add_repository("acme/widgets", files={".github/slipway.yml": "version: 1\n"}, private=False)
    assert client.forge.repository(client.repository).full_name == "acme/gears"
    assert client.forge.config(client.repository) is None


def test_a_repository_taken_from_the_installation_is_gone(fake: FakeGitHub, client: Client) -> None:
    """Proves: F85."""
    fake.deselect()
    with pytest.raises(Refused) as refused:
        client.forge.repository(client.repository)
    assert refused.value.reason.code == "repository_gone"


@pytest.mark.parametrize("role", ["admin", "maintain", "write", "triage", "read", "none"])
def test_a_permission_is_the_role_github_names(fake: FakeGitHub, client: Client, role: str) -> None:
    user = fake.collaborator("ada", role)
    assert client.forge.permission(client.repository, Actor(user.id, "ada")) == role


def test_a_login_that_changed_hands_has_no_permission(fake: FakeGitHub, client: Client) -> None:
    user = fake.collaborator("ada", "admin")
    assert client.forge.permission(client.repository, Actor(user.id + 1, "ada")) == "none"


@pytest.mark.parametrize(("other", "role"), [(0, "admin"), (1, "none")])
def test_a_role_that_does_not_say_whose_it_is_counts_for_the_account_of_that_login_now(
    fake: FakeGitHub, client: Client, other: int, role: str
) -> None:
    """Proves: T05, T30."""
    user = fake.collaborator("ada", "admin")
    fake.fail("GET", "/repos/{owner}/{repo}/collaborators/{username}/permission", status=200, document={"permission": "admin"})
    assert client.forge.permission(client.repository, Actor(user.id + other, "ada")) == role


def test_somebody_github_does_not_know_has_no_permission(client: Client) -> None:
    assert client.forge.permission(client.repository, Actor(5, "nobody-at-all")) == "none"


def test_the_configuration_is_the_default_branchs(fake: FakeGitHub, client: Client) -> None:
    assert client.forge.config(client.repository) is None
    fake.push("fix", {".github/slipway.yml": "version: 2\n"})
    assert client.forge.config(client.repository) is None
    fake.push("main", {".github/slipway.yml": "version: 1 # ü\n"})
    assert client.forge.config(client.repository) == "version: 1 # ü\n"


def test_an_issue_as_it_stands_now(fake: FakeGitHub, client: Client) -> None:
    issue = fake.issue(7)
    fake.add_label(issue=7, name="slipway")
    fake.edit_issue(7, title="Say hello politely")
    url = f"{fake.url}/acme/widgets/issues/7"
    assert client.forge.item(client.repository, 7) == Item(
        ItemKind.ISSUE, 7, "Say hello politely", "It does not.", open=True, author=issue.user.id, labels=("slipway",), url=url
    )


def test_a_pull_request_with_the_head_that_stands_now(fake: FakeGitHub, client: Client) -> None:
    fake.push("fix", {"a": "1"})
    number = fake.open_pull("fix").number
    sha = fake.push("fix", {"a": "2"})
    item = client.forge.item(client.repository, number)
    assert (item.kind, item.head_sha, item.head_ref, item.base_ref) == (ItemKind.PULL, sha, "fix", "main")
    assert item.head_repository == client.repository.id


def test_a_pull_request_from_a_fork_names_the_fork(fake: FakeGitHub, client: Client) -> None:
    fork = fake.fork("outsider")
    fake.push("fix", {"a": "1"}, repo=fork)
    number = fake.open_pull("fix", head_repo=fork, by="outsider").number
    assert client.forge.item(client.repository, number).head_repository == fork.id


def test_an_item_that_is_gone_is_refused(client: Client) -> None:
    with pytest.raises(Refused) as refused:
        client.forge.item(client.repository, 99)
    assert refused.value.reason.code == "github_refused"


def test_the_newest_label_event_counts_through_all_pages(fake: FakeGitHub, client: Client) -> None:
    for _ in range(60):
        fake.add_label(issue=7, name="slipway", deliver=False)
        fake.remove_label(issue=7, name="slipway", deliver=False)
    fake.add_label(issue=7, name="Slipway", deliver=False)
    newest = fake.issue(7).events[-1].id
    assert client.forge.label_event(client.repository, 7, "slipway") == newest
    assert client.forge.label_event(client.repository, 7, "other") is None


ISSUE = "/repos/{owner}/{repo}/issues/{issue_number}"


def test_an_answer_without_what_it_should_have_is_a_fault_that_names_it(fake: FakeGitHub, client: Client) -> None:
    """Proves: F76."""
    fake.fail("GET", ISSUE, status=200, document={"number": 7, "title": "Say hello"})
    with pytest.raises(Fault, match=r"GitHub's answer to GET /repos/\{owner\}/\{repo\}/issues/\{number\} has no 'body'") as fault:
        client.forge.item(client.repository, 7)
    assert fault.value.reason.code == "github_unavailable"


def test_what_an_answer_may_leave_out_is_not_missed(fake: FakeGitHub, client: Client) -> None:
    thin = {"number": 7, "title": "Say hello", "body": None, "state": "open", "user": None, "labels": [{"name": "slipway"}]}
    fake.fail("GET", ISSUE, status=200, document=thin)
    assert client.forge.item(client.repository, 7) == Item(ItemKind.ISSUE, 7, "Say hello", "", open=True, author=0, labels=("slipway",))


EVENTS = "/repos/{owner}/{repo}/issues/{issue_number}/events"


def test_an_event_that_is_not_listed_yet_is_waited_for(fake: FakeGitHub, client: Client, clock: FakeClock) -> None:
    """Proves: F73."""
    begun = clock.at
    fake.lag(2)
    fake.add_label(issue=7, name="slipway", deliver=False)
    assert client.forge.label_event(client.repository, 7, "slipway") == fake.issue(7).events[-1].id
    assert clock.at - begun == 4.0


def test_a_github_without_a_list_of_events_is_believed(fake: FakeGitHub, client: Client) -> None:
    fake.add_label(issue=7, name="slipway", deliver=False)
    fake.fail("GET", EVENTS, status=404, message="Not Found", times=9)
    assert client.forge.label_event(client.repository, 7, "slipway") is None


def test_members_of_the_operators_teams_are_known_by_githubs_answer(client: Client, fake: FakeGitHub) -> None:
    """An invitation is no membership, and another organisation's team cannot be asked for. Proves: T05."""
    for team, login, state in (("acme/core", "ada", "active"), ("acme/docs", "ada", "pending"), ("other/core", "ada", "active")):
        fake.team(team, login, state=state)
    ada = Actor(fake.hub.user("ada").id, "ada")
    named = ["acme/core", "acme/docs", "acme/none", "other/core"]
    assert client.forge.teams(client.repository, ada, named) == {"acme/core"}
    assert client.forge.teams(client.repository, Actor(1, "nobody"), named) == frozenset()


def test_without_the_permission_to_see_members_nobody_is_let_in(client: Client) -> None:
    """Proves: T05."""
    with pytest.raises(Refused, match="has not granted the App every permission"):
        client.forge.teams(client.repository, Actor(1, "ada"), ["acme/core"])


def test_the_default_branch_stands_at_a_commit_or_nowhere_yet(client: Client, fake: FakeGitHub, clock: FakeClock) -> None:
    sha = fake.push("main", {"a": "b"})
    assert client.forge.tip(client.repository) == sha
    fake.repo(None).default_branch = "next/1.x"
    other = fake.push("next/1.x", {"a": "c"})
    clock.sleep(120)
    assert client.forge.tip(client.repository) == other
    fake.fail("GET", "/repos/{owner}/{repo}/git/ref/heads/{branch}", status=409, message="Git Repository is empty.")
    assert client.forge.tip(client.repository) is None


def test_who_we_are_is_a_number_asked_for_once(client: Client, fake: FakeGitHub) -> None:
    """Proves: F88, T06."""
    assert client.forge.own(client.repository) == client.forge.own(client.repository) == {fake.bot_id}
    assert len(fake.calls("GET", "/users/{username}")) == 1
