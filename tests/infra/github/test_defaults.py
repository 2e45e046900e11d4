"""What an organisation has for all of its repositories, as GitHub shows it."""

import pytest

from infra.github.content import text_of
from jobs.errors import Fault, Refused
from tests.fakes.engine import FakeClock
from tests.fakes.github import FakeGitHub
from tests.infra.github.conftest import Client

SHARED = "version: 1\nlimits: {cost_usd: 2}\n"


def test_the_file_is_read_from_the_owners_repository_of_that_name(client: Client, fake: FakeGitHub) -> None:
    """By a token for that repository alone. Proves: T20, 004-41."""
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
