"""What an organisation has for all of its repositories, as GitHub shows it."""

import pytest
import structlog

from infra.github.content import text_of
from jobs.errors import Fault, Refused
from tests.fakes.engine import FakeClock
from tests.fakes.github import FakeGitHub
from tests.infra.github.conftest import Client

SHARED = "version: 1\nlimits: {cost_usd: 2}\n"


def test_the_file_is_read_from_the_owners_repository_of_that_name(client: Client, fake: FakeGitHub) -> None:
    """By a token for that repository alone. Proves: T20."""
    fake.add_repository("acme/.github", files={".github/slipway.yml": SHARED}, private=True)
    assert client.forge.defaults(client.repository) == SHARED
    (minted,) = [call.body for call in fake.calls("POST", "/app/installations/{installation_id}/access_tokens")]
    assert minted["repositories"] == [".github"]
    assert set(minted["permissions"].values()) == {"read"}


@pytest.mark.parametrize("files", [None, {"README.md": "hello"}])
def test_without_the_repository_or_its_file_there_are_none(client: Client, fake: FakeGitHub, files: dict[str, str] | None) -> None:
    if files:
        fake.add_repository("acme/.github", files=dict(files))
    assert client.forge.defaults(client.repository) is None


def test_what_was_found_is_believed_for_five_minutes(client: Client, fake: FakeGitHub, clock: FakeClock) -> None:
    fake.add_repository("acme/.github", files={".github/slipway.yml": SHARED})
    for _ in range(3):
        client.forge.defaults(client.repository)
    assert len(fake.calls("GET", "/repos/{owner}/{repo}/contents/{path}")) == 1
    fake.push("main", {".github/slipway.yml": "version: 1\n"}, repo="acme/.github")
    assert client.forge.defaults(client.repository) == SHARED
    clock.sleep(301)
    assert client.forge.defaults(client.repository) == "version: 1\n"


@pytest.mark.parametrize("found", [[], {"type": "dir"}, {"type": "symlink", "target": "x"}, {"type": "file", "encoding": "none"}])
def test_what_is_no_plain_file_is_said_to_be_none(found: object) -> None:
    with pytest.raises(Refused, match="of acme is not a plain file"):
        text_of(found, "The file of acme")


def test_without_an_answer_there_is_no_saying(client: Client, fake: FakeGitHub) -> None:
    fake.add_repository("acme/.github", files={".github/slipway.yml": SHARED})
    fake.fail("GET", "/repos/{owner}/{repo}/contents/{path}", status=502, times=9)
    with pytest.raises(Fault):
        client.forge.defaults(client.repository)


def minted(fake: FakeGitHub) -> int:
    return len(fake.calls("POST", "/app/installations/{installation_id}/access_tokens"))


def test_that_there_are_none_is_believed_for_hours_and_told_once(client: Client, fake: FakeGitHub, clock: FakeClock) -> None:
    """Finding it out costs a token that is refused. Proves: I14."""
    with structlog.testing.capture_logs() as told:
        for hour in range(14):
            assert client.forge.defaults(client.repository) is None, hour
            clock.sleep(3600)
    assert minted(fake) == 3
    assert [(line["event"], line["log_level"]) for line in told if line["event"] != "github refused"] == [
        ("the owner has no configuration for all of theirs", "info")
    ]
    assert {line["log_level"] for line in told} == {"info"}


def test_what_was_believed_is_forgotten_when_something_was_made(client: Client, fake: FakeGitHub) -> None:
    assert client.forge.defaults(client.repository) is None
    fake.add_repository("acme/.github", files={".github/slipway.yml": SHARED})
    assert client.forge.defaults(client.repository) is None
    client.forge.shared.forget(client.repository.installation + 1)
    assert client.forge.defaults(client.repository) is None
    client.forge.shared.forget(client.repository.installation)
    assert client.forge.defaults(client.repository) == SHARED
