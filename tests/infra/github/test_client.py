"""How calls go: which are repeated, which never, what each failure is called, at what pace, and with which token."""

import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest
import structlog
from gidgethub.sansio import format_url
from hypothesis import given
from hypothesis import strategies as st

from infra.github.client import GitHub, filled
from infra.github.lane import MemoryLane
from infra.github.routes import PERMISSIONS, Purpose, Route
from infra.github.sources import GitHubSources
from infra.github_auth import AppKey
from infra.redact import Redactor
from jobs.errors import Fault, Refused
from jobs.model import Actor
from tests.fakes.engine import FakeClock
from tests.fakes.github import SECONDARY, FakeGitHub
from tests.fakes.github.gate import find
from tests.infra.github.conftest import Client, SlowClock, connected
from tests.infra.test_shared_memory import forked

ISSUE = "/repos/{owner}/{repo}/issues/{issue_number}"
COMMENTS = f"{ISSUE}/comments"
NUMBERS = {"number", "comment", "check", "delivery", "installation", "id"}
TOKENS = "/app/installations/{installation_id}/access_tokens"


def test_what_github_refused_is_logged_with_its_own_id_and_without_secrets(fake: FakeGitHub, client: Client) -> None:
    """Proves: 000-10."""
    token = client.github.token(client.repository, Purpose.READ)
    fake.fail("GET", ISSUE, status=422, message=f"Bad token {token}")
    with structlog.testing.capture_logs() as lines, pytest.raises(Refused):
        client.forge.item(client.repository, 7)
    (line,) = [line for line in lines if line["event"] == "github refused"]
    assert (line["call"], line["status"]) == ("GET /repos/acme/widgets/issues/7", 422)
    assert re.fullmatch(r"[0-9A-F]{16}", line["github_request"])
    assert line["said"].startswith("Bad token ")
    assert token not in str(line)


@pytest.mark.parametrize("kind", ["status", "html", "empty", "truncated", "cut"])
def test_a_read_is_tried_again_until_github_is_well(fake: FakeGitHub, client: Client, clock: FakeClock, kind: str) -> None:
    """Proves: F76."""
    fake.fail("GET", ISSUE, kind, times=4)
    assert client.forge.item(client.repository, 7).title == "Say hello"
    assert len(fake.calls("GET", ISSUE)) == 5
    assert [0.5 * 2**number / 2 <= slept <= 0.5 * 2**number for number, slept in enumerate(clock.slept)] == [True] * 4


def test_a_read_is_tried_five_times_and_no_more(fake: FakeGitHub, client: Client) -> None:
    fake.fail("GET", ISSUE, times=9)
    with pytest.raises(Fault) as fault:
        client.forge.item(client.repository, 7)
    assert fault.value.reason.code == "github_unavailable"
    assert len(fake.calls("GET", ISSUE)) == 5


def test_a_silent_github_is_given_up(fake: FakeGitHub, clock: FakeClock) -> None:
    """Proves: F76."""
    impatient = connected(fake, clock, timeout_s=0.2)
    impatient.forge.item(impatient.repository, 7)
    fake.fail("POST", COMMENTS, "hang", after=True)
    with pytest.raises(Fault) as fault:
        impatient.board.comment(impatient.repository, 7, "hello")
    assert fault.value.reason.code == "github_unavailable"
    assert [comment.body for comment in fake.comments(7)] == ["hello"]
    impatient.github.close()


def test_a_github_that_is_not_there_is_a_fault(fake: FakeGitHub, client: Client) -> None:
    client.forge.repository(client.repository)
    fake.stop()
    with pytest.raises(Fault) as fault:
        client.board.comment(client.repository, 7, "hello")
    assert fault.value.reason.code == "github_unavailable"


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(("told", "pause"), [(90, 90), (None, 60)])
def test_after_a_secondary_limit_nobody_of_the_installation_calls(
    fake: FakeGitHub, client: Client, clock: FakeClock, status: int, told: int | None, pause: int
) -> None:
    """Proves: F75, I14."""
    fake.secondary_limit("POST", COMMENTS, retry_after=told, status=status)
    with pytest.raises(Fault) as fault:
        client.board.comment(client.repository, 7, "hello")
    assert (fault.value.reason.code, fault.value.retry_after) == ("github_rate_limited", pause)
    calls = len(fake.ledger)
    for ask in (lambda: client.forge.item(client.repository, 7), lambda: client.board.comment(client.repository, 7, "hello")):
        with pytest.raises(Fault) as fault:
            ask()
        assert fault.value.reason.code == "github_rate_limited"
    assert len(fake.ledger) == calls
    clock.at += pause
    client.board.comment(client.repository, 7, "hello")


def test_the_other_installations_go_on(fake: FakeGitHub, client: Client) -> None:
    """Proves: F75."""
    client.lane.hold(client.repository.installation, 3600)
    client.lane.wait(client.repository.installation + 1, 1.0)


def test_a_used_up_limit_ends_when_github_says_it_does(fake: FakeGitHub, client: Client) -> None:
    """Proves: F75."""
    client.forge.repository(client.repository)
    fake.exhaust(reset_in=1234)
    with pytest.raises(Fault) as fault:
        client.forge.item(client.repository, 7)
    assert (fault.value.reason.code, fault.value.retry_after) == ("github_rate_limited", 1234)


def test_after_the_last_call_that_is_left_nobody_makes_another(fake: FakeGitHub, client: Client, clock: FakeClock) -> None:
    """Proves: I14."""
    client.forge.repository(client.repository)
    fake.exhaust(left=1, reset_in=1234)
    client.forge.item(client.repository, 7)
    calls = len(fake.ledger)
    with pytest.raises(Fault) as fault:
        client.forge.item(client.repository, 7)
    assert (fault.value.retry_after, len(fake.ledger)) == (1234, calls)
    clock.at += 1234
    client.forge.item(client.repository, 7)


def test_a_limit_worded_as_abuse_is_one(fake: FakeGitHub, client: Client) -> None:
    fake.fail("POST", COMMENTS, status=403, message=SECONDARY, headers={"x-ratelimit-remaining": "4999"})
    with pytest.raises(Fault) as fault:
        client.board.comment(client.repository, 7, "hello")
    assert fault.value.reason.code == "github_rate_limited"


def test_ten_writes_go_at_once_and_then_one_a_second(client: Client, clock: FakeClock) -> None:
    """Proves: I14, F89."""
    started = clock.at
    for number in range(70):
        client.board.comment(client.repository, 7, f"comment {number}")
    assert clock.at - started == pytest.approx(60)


def test_a_token_is_narrow_and_lives_fifty_minutes_at_most(fake: FakeGitHub, client: Client, clock: FakeClock) -> None:
    """Proves: F77, T29, I21."""
    client.forge.item(client.repository, 7)
    clock.at += 49 * 60
    client.forge.item(client.repository, 7)
    assert len(fake.calls("POST", TOKENS)) == 1
    clock.at += 2 * 60
    client.forge.item(client.repository, 7)
    bodies = [call.body for call in fake.calls("POST", TOKENS)]
    assert bodies == [{"repository_ids": [client.repository.id], "permissions": dict(PERMISSIONS[Purpose.READ])}] * 2


def test_what_one_work_horse_was_given_the_next_one_uses(fake: FakeGitHub, client: Client) -> None:
    """Each is a fork, and each would ask GitHub anew. Proves: F77."""
    for _ in range(3):
        assert forked(lambda: client.forge.item(client.repository, 7)) == 0
    assert len(fake.calls("GET", ISSUE)) == 3
    assert len(fake.calls("POST", TOKENS)) == 1


@pytest.mark.parametrize("form", ["old", "new"])
def test_a_revoked_token_is_replaced_once(fake: FakeGitHub, client: Client, form: str) -> None:
    """Proves: F77, F78."""
    fake.hub.tokens.form = form
    client.board.comment(client.repository, 7, "one")
    fake.revoke_tokens()
    client.board.comment(client.repository, 7, "two")
    assert [comment.body for comment in fake.comments(7)] == ["one", "two"]
    fake.fail("POST", COMMENTS, status=401, times=2, message="Bad credentials")
    with pytest.raises(Fault) as fault:
        client.board.comment(client.repository, 7, "three")
    assert fault.value.reason.code == "github_auth"
    assert not isinstance(fault.value, Refused)


@pytest.mark.parametrize("off", [-3600.0, -90.0, 90.0, 3600.0])
def test_a_clock_that_is_wrong_costs_one_more_call_and_nothing_else(fake: FakeGitHub, clock: FakeClock, off: float) -> None:
    """Proves: F34."""
    astray = connected(fake, SlowClock(theirs=clock, off=off))
    assert astray.app.slug() == "slipway"
    assert astray.forge.item(astray.repository, 7).number == 7
    clock.at += 51 * 60
    assert astray.forge.item(astray.repository, 7).number == 7
    astray.github.close()


def test_a_suspended_installation_waits_for_its_owner(fake: FakeGitHub, client: Client) -> None:
    """Proves: F85."""
    client.forge.repository(client.repository)
    fake.suspend(deliver=False)
    for ask in (lambda: client.forge.item(client.repository, 7), lambda: client.board.comment(client.repository, 7, "hello")):
        with pytest.raises(Fault) as fault:
            ask()
        assert fault.value.reason.code == "installation_suspended"
        assert not isinstance(fault.value, Refused)
    fake.unsuspend(deliver=False)
    client.board.comment(client.repository, 7, "hello")


def test_a_removed_installation_is_gone(fake: FakeGitHub, client: Client) -> None:
    """Proves: F85."""
    fake.uninstall(deliver=False)
    with pytest.raises(Refused) as refused:
        client.forge.repository(client.repository)
    assert refused.value.reason.code == "repository_gone"


def test_a_permission_that_was_not_granted_is_named(fake: FakeGitHub, client: Client) -> None:
    """Proves: F85."""
    client.forge.repository(client.repository)
    fake.installation().permissions["checks"] = "read"
    with pytest.raises(Refused, match="has not granted"):
        client.board.comment(client.repository, 7, "hello")
    fake.fail(
        "POST",
        COMMENTS,
        status=403,
        message="Resource not accessible by integration",
        headers={"x-accepted-github-permissions": "issues=write"},
    )
    fake.installation().permissions["checks"] = "write"
    with pytest.raises(Refused, match="issues=write"):
        client.board.comment(client.repository, 7, "hello")


def test_a_rename_between_two_calls_moves_reads_and_writes_along(fake: FakeGitHub, client: Client) -> None:
    """Proves: F84."""
    client.forge.repository(client.repository)
    fake.rename("gears", deliver=False)
    assert client.forge.item(client.repository, 7).title == "Say hello"
    fake.rename("cogs", deliver=False)
    client.board.comment(client.repository, 7, "hello")
    assert [comment.body for comment in fake.comments(7)] == ["hello"]


def test_a_redirect_to_another_host_gets_no_token(fake: FakeGitHub, client: Client) -> None:
    client.forge.repository(client.repository)
    fake.fail("GET", ISSUE, status=301, times=2, headers={"location": "http://127.0.0.2:1/steal"})
    with pytest.raises(Refused, match="has moved"):
        client.forge.item(client.repository, 7)


def test_an_unchanged_answer_is_asked_for_by_its_tag(fake: FakeGitHub, client: Client) -> None:
    client.forge.item(client.repository, 7)
    client.forge.item(client.repository, 7)
    fake.edit_issue(7, title="Say goodbye")
    assert client.forge.item(client.repository, 7).title == "Say goodbye"
    assert [call.status for call in fake.calls("GET", ISSUE)] == [200, 304, 200]


def test_git_gets_a_token_for_one_repository_and_one_purpose(fake: FakeGitHub, client: Client) -> None:
    sources = GitHubSources(client.github, fake.url)
    read, write = sources.source(client.repository), sources.source(client.repository, write=True)
    assert read.url == write.url == f"{fake.url}/acme/widgets.git"
    assert read.credential
    assert write.credential
    assert read.credential.user == "x-access-token"
    assert fake.hub.tokens.minted[read.credential.password].permissions == {"metadata": "read", "contents": "read"}
    assert fake.hub.tokens.minted[write.credential.password].permissions == {"metadata": "read", "contents": "write"}


def test_where_a_branch_stands_is_asked_for_by_its_name(fake: FakeGitHub, client: Client) -> None:
    sources = GitHubSources(client.github, fake.url)
    assert sources.tip(client.repository, "main") == fake.sha("main")
    assert sources.tip(client.repository, "no/such") is None


def test_tokens_are_masked_and_in_no_text(fake: FakeGitHub, client: Client) -> None:
    """Proves: I11."""
    source = GitHubSources(client.github, fake.url).source(client.repository, write=True)
    assert source.credential
    secret = source.credential.password
    assert secret not in repr(source) + repr(vars(client.github)) + repr(vars(client.app))
    assert client.redactor.text(f"token is {secret} here") == "token is [redacted] here"


def test_threads_share_one_client(fake: FakeGitHub, client: Client) -> None:
    user = fake.collaborator("ada", "write")
    answers: list[str] = []
    ask = [
        threading.Thread(target=lambda: answers.append(client.forge.permission(client.repository, Actor(user.id, "ada")))) for _ in range(8)
    ]
    for thread in ask:
        thread.start()
    for thread in ask:
        thread.join()
    assert answers == ["write"] * 8


@pytest.mark.parametrize("begun", [lambda client: client.forge.item(client.repository, 7), lambda client: client.github.warm()])
def test_a_fork_makes_connections_of_its_own(fake: FakeGitHub, client: Client, tmp_path: Path, begun: Callable[[Client], object]) -> None:
    begun(client)
    child = os.fork()
    if child == 0:
        try:
            (tmp_path / "child").write_text(client.forge.item(client.repository, 7).title)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert (tmp_path / "child").read_text() == "Say hello"
    assert client.forge.item(client.repository, 7).number == 7


def test_a_key_that_is_none_is_refused_where_it_is_used_and_not_where_it_is_made_ready(fake: FakeGitHub, clock: FakeClock) -> None:
    github = GitHub(AppKey("1", "no key"), MemoryLane(clock), clock, Redactor(), base_url=fake.url)
    github.warm()
    with pytest.raises(Refused) as refused:
        github.ask_app(Route.APP)
    assert refused.value.reason.code == "github_auth"
    github.close()


def test_the_table_has_no_way_to_merge_approve_or_dispatch() -> None:
    """Proves: T20."""
    writes = {(route.value.method, route.value.template) for route in Route if route.value.method != "GET"}
    forbidden = ("merge", "reviews", "dispatches", "hooks", "keys", "secrets", "actions/", "branches", "git/", "contents", "collaborators")
    assert [template for _, template in writes if any(word in template for word in forbidden)] == []
    assert all("workflows" not in permissions and "administration" not in permissions for permissions in PERMISSIONS.values())


@given(text=st.text(min_size=1), number=st.integers(min_value=1))
@pytest.mark.parametrize(
    "route", [route for route in Route if "{" in route.value.template.partition("{?")[0]], ids=lambda route: route.name
)
def test_text_from_outside_stays_one_part_of_the_path(route: Route, text: str, number: int) -> None:
    """Proves: T21."""
    names = set(re.findall(r"\{(\w+)\}", route.value.template))
    parts = {name: str(number) if name in NUMBERS else text for name in names}
    try:
        text_of = filled({**parts, "path": ".github/slipway.yml"})
    except Refused:
        assert text in (".", "..")
        return
    path = httpx.URL(format_url(route.value.template, text_of, base_url="http://127.0.0.1")).raw_path.decode()
    found = find(route.value.method, path)
    assert found
    assert len(path.split("/")) == len(route.value.template.replace("{+path}", ".github/slipway.yml").split("/"))
    assert {unquote(part) for part in path.split("/")} >= set(parts.values())


@pytest.mark.parametrize("login", ["../../../app", "a/b", "x?y=z", "x#y", "%2e%2e", "sl ipway[bot]"])
def test_a_strange_login_has_no_permission(fake: FakeGitHub, client: Client, login: str) -> None:
    assert client.forge.permission(client.repository, Actor(1, login)) == "none"
    assert fake.ledger[-1].template == "/repos/{owner}/{repo}/collaborators/{username}/permission"


def test_a_label_named_like_a_directory_above_is_refused(client: Client) -> None:
    """Proves: T21."""
    with pytest.raises(Refused, match="cannot be part"):
        client.board.set_labels(client.repository, 7, add=[], remove=[".."])


def test_an_enterprise_server_has_its_api_under_a_path(fake: FakeGitHub, clock: FakeClock) -> None:
    for _ in range(101):
        fake.comment(7, "chatter", deliver=False)
    client = connected(fake, clock, path="/api/v3")
    assert client.board.find_comment(client.repository, 7, "mark") is None
    assert [call.path for call in fake.calls("GET", COMMENTS)] == ["/api/v3/repos/acme/widgets/issues/7/comments"] * 2
    client.github.close()
