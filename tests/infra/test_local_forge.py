"""Repositories of this machine as a forge: trust from the server file, configuration from git, items from the webhook."""

from pathlib import Path

import pytest

from infra.forges import Boards, Forges, PlacedSources
from infra.git import Git
from infra.local_forge import Heard, LocalForge, LocalPlace
from jobs.errors import Refused
from jobs.model import Actor, Item, ItemKind, Repository
from tests.fakes.github import gitside

HERE = Repository(5, "local/widgets")
THERE = Repository(6, "acme/widgets", installation=80_001)
LABELED = {
    "action": "labeled",
    "label": {"name": "slipway:fix"},
    "issue": {"number": 7, "title": "Say hello", "body": None, "state": "open", "user": {"id": 42, "login": "ada"}},
    "repository": {"id": 5, "full_name": "local/widgets"},
}


@pytest.fixture
def place(tmp_path: Path) -> LocalPlace:
    gitside.create(tmp_path / "widgets.git", "trunk", {".github/slipway.yml": "version: 1\n"})
    return LocalPlace(5, "local/widgets", tmp_path / "widgets.git", "trunk", ("Ada",))


@pytest.fixture
def forge(tmp_path: Path, place: LocalPlace) -> LocalForge:
    return LocalForge(Git(tmp_path / "git-home"), {5: place})


def test_only_those_the_server_file_trusts_may_ask(forge: LocalForge, place: LocalPlace) -> None:
    assert forge.permission(HERE, Actor(1, "ada")) == "write"
    assert forge.permission(HERE, Actor(1, "eve")) == "none"
    assert LocalForge(forge.git, {5: LocalPlace(5, "a/b", place.path, trusted=("*",))}).permission(HERE, Actor(1, "eve")) == "write"


def test_the_configuration_is_what_is_committed_on_the_default_branch(forge: LocalForge, place: LocalPlace) -> None:
    assert forge.repository(HERE) == Repository(5, "local/widgets", 0, "trunk")
    assert forge.config(HERE) == "version: 1\n"
    assert forge.file(HERE, ".github/slipway/none.md") is None
    parent = gitside.tip(place.path, "trunk")
    gitside.commit(place.path, "trunk", {"a": "b"}, "x", parent=parent, removed=[".github/slipway.yml"])
    assert forge.config(HERE) is None


def test_an_item_is_what_the_webhook_says_of_it(forge: LocalForge) -> None:
    heard = forge.hearing(Heard(31, LABELED))
    item = Item(ItemKind.ISSUE, 7, "Say hello", "", open=True, author=42, labels=("slipway:fix",))
    assert heard.item(HERE, 7) == item
    assert heard.label_event(HERE, 7, "Slipway:fix") == 31
    assert heard.label_event(HERE, 7, "other") is None


@pytest.mark.parametrize("number", [8, 70])
def test_of_another_item_nothing_is_known(forge: LocalForge, number: int) -> None:
    heard = forge.hearing(Heard(31, LABELED))
    assert heard.label_event(HERE, number, "slipway:fix") is None
    with pytest.raises(Refused, match=f"#{number}"):
        heard.item(HERE, number)


def test_a_repository_the_server_file_does_not_name_is_refused(forge: LocalForge) -> None:
    with pytest.raises(Refused) as refused:
        forge.config(Repository(6, "local/other"))
    assert refused.value.reason.code == "repository_gone"


def test_the_installation_says_which_forge_answers(forge: LocalForge, place: LocalPlace) -> None:
    """Proves: 004-13."""
    forges, boards, sources = Forges(None, forge), Boards(None), PlacedSources(None, {5: place})
    assert forges.config(HERE) == "version: 1\n"
    assert boards.find_comment(HERE, 7, "x") is None
    assert sources.source(HERE).url == str(place.path)
    for ask in (lambda: forges.config(THERE), lambda: boards.comment(THERE, 7, "x"), lambda: sources.source(THERE)):
        with pytest.raises(Refused) as refused:
            ask()
        assert refused.value.reason.code == "github_auth"
