"""Pull requests through the real client: opened once, found again, and every no said in words."""

import pytest

from delivery.manager import Exists, Pull
from jobs.errors import Fault, Refused
from tests.fakes.engine import FakeClock
from tests.fakes.github import FakeGitHub
from tests.infra.github.conftest import Client

TEMPLATE = "/repos/{owner}/{repo}/pulls"


@pytest.fixture(autouse=True)
def branch(fake: FakeGitHub) -> str:
    return fake.push("slipway/7-hello", {"hello.txt": "hello\n"}, deliver=False)


def opened(client: Client, *, draft: bool = True) -> Pull:
    return client.pulls.create(client.repository, branch="slipway/7-hello", base="main", title="Hello", body="Closes #7", draft=draft)


def test_a_pull_request_is_opened_found_and_changed(fake: FakeGitHub, client: Client, branch: str) -> None:
    pull = opened(client)
    url = f"{fake.url}/acme/widgets/pull/8"
    assert pull == Pull(
        8, url, branch, "slipway/7-hello", client.repository.id, fake.bot_id, open=True, merged=False, draft=True, body="Closes #7"
    )
    assert client.pulls.find(client.repository, "slipway/7-hello") == [pull]
    assert client.pulls.own_id(client.repository) == pull.author
    client.pulls.update(client.repository, 8, title="Hello!", body="Closes #7 at last")
    assert client.pulls.get(client.repository, 8).body == "Closes #7 at last"
    fake.close(8, merged=True)
    assert client.pulls.get(client.repository, 8).merged
    assert client.pulls.find(client.repository, "slipway/7-hello")[0].number == 8


def test_a_branch_of_the_same_name_in_a_fork_is_not_ours(fake: FakeGitHub, client: Client) -> None:
    fork = fake.fork("outsider")
    fake.push("slipway/7-hello", {"evil": "1"}, repo=fork)
    fake.open_pull("slipway/7-hello", head_repo=fork, by="outsider")
    assert client.pulls.find(client.repository, "slipway/7-hello") == []


def test_a_second_one_for_the_same_head_exists_already(client: Client) -> None:
    """Proves: F72."""
    opened(client)
    with pytest.raises(Exists):
        opened(client)


@pytest.mark.parametrize("kind", ["status", "html", "empty", "truncated", "cut"])
@pytest.mark.parametrize("after", [False, True])
def test_an_unclear_answer_to_a_post_is_a_fault_and_is_not_repeated(fake: FakeGitHub, client: Client, kind: str, after: bool) -> None:
    """Proves: F72, F76."""
    fake.fail("POST", TEMPLATE, kind, after=after)
    with pytest.raises(Fault) as fault:
        opened(client)
    assert fault.value.reason.code == "github_unavailable"
    assert not isinstance(fault.value, Refused)
    assert len(fake.calls("POST", TEMPLATE)) == 1
    assert len(fake.pulls()) == int(after)


def test_a_definite_no_is_refused_with_githubs_words(fake: FakeGitHub, client: Client) -> None:
    """Proves: F71."""
    with pytest.raises(Refused, match="base invalid") as refused:
        client.pulls.create(client.repository, branch="slipway/7-hello", base="gone", title="x", body="x", draft=True)
    assert refused.value.reason.code == "pull_refused"
    fake.archive()
    with pytest.raises(Refused, match="archived") as refused:
        opened(client)
    assert refused.value.reason.code == "pull_refused"


def test_a_head_that_a_replica_does_not_have_yet_is_asked_for_again(fake: FakeGitHub, client: Client, clock: FakeClock) -> None:
    """Proves: F73."""
    body = {"message": "Validation Failed", "errors": [{"resource": "PullRequest", "field": "head", "code": "invalid"}]}
    fake.fail("POST", TEMPLATE, status=422, times=2, document=body)
    assert opened(client).number == 8
    assert clock.slept == [1.0, 3.0]


def test_a_head_that_is_not_there_at_all_is_refused_in_the_end(client: Client) -> None:
    with pytest.raises(Refused, match="head invalid"):
        client.pulls.create(client.repository, branch="nowhere", base="main", title="x", body="x", draft=True)


def test_where_drafts_are_not_to_be_had_it_is_opened_without(fake: FakeGitHub, client: Client) -> None:
    said = "Draft pull requests are not supported in this repository."
    fake.fail("POST", TEMPLATE, status=422, document={"message": "Validation Failed", "errors": [{"message": said}]})
    assert not opened(client).draft


def test_each_person_github_refuses_is_a_warning(fake: FakeGitHub, client: Client) -> None:
    opened(client)
    fake.collaborator("ada", "write")
    fake.hub.user("eve")
    milestone = fake.milestone("1.0").number
    warnings = client.pulls.assign(client.repository, 8, reviewers=["ada", "eve"], assignees=["ada", "eve"], milestone=milestone)
    assert warnings == [
        "GitHub did not ask eve for a review: Reviews may only be requested from collaborators. "
        "One or more of the users is not a collaborator.",
        "GitHub did not assign eve: no access to the repository.",
    ]
    item = fake.issue(8)
    assert item.pull
    assert [user.login for user in item.pull.reviewers] == ["ada"]
    assert [user.login for user in item.assignees] == ["ada"]
    assert item.milestone == milestone
    assert client.pulls.assign(client.repository, 8, reviewers=[], assignees=[], milestone=99) == [
        "GitHub did not set milestone 99: Validation Failed – milestone invalid"
    ]


def test_labels_are_made_where_they_are_missing(fake: FakeGitHub, client: Client) -> None:
    opened(client)
    client.pulls.label(client.repository, 8, ["from-slipway"])
    assert fake.labels(8) == {"from-slipway"}
