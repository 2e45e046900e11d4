"""Payload to event, over GitHub's published payloads and what is left of them when parts are missing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import routes
from handlers.events import ButtonPressed, CommandGiven, Event, InstallationMoved, ItemClosed, Labeled, Pushed, Remark, Unlabeled
from handlers.payloads import Malformed
from jobs.model import ItemKind, Repository
from tests.payloads.octokit import Example, example, examples

HANDLED = [one for one in examples() if (one.event, one.action) in routes.ROUTES]
NAMES = [f"{one.event}-{one.action}-{one.number}" for one in HANDLED]


def parsed(event: str, payload: Any) -> list[Event]:
    action = payload.get("action") if isinstance(payload, dict) else None
    return list(routes.parse(event, action if isinstance(action, str) else None, "d-1", json.dumps(payload).encode()))


@pytest.mark.parametrize("one", HANDLED, ids=NAMES)
def test_every_published_example_of_ours_is_understood(one: Example) -> None:
    """Proves: F16."""
    for event in parsed(one.event, one.payload):
        assert event.delivery == "d-1"
        routes.needs(event)


@pytest.mark.parametrize("one", HANDLED, ids=NAMES)
def test_a_missing_or_null_part_is_either_not_needed_or_named(one: Example) -> None:
    """Proves: F16."""
    for gone in one.payload:
        for payload in ({key: value for key, value in one.payload.items() if key != gone}, {**one.payload, gone: None}):
            try:
                parsed(one.event, payload)
            except Malformed as error:
                assert str(error)  # noqa: PT017 - either outcome is right, a third is not


@pytest.mark.parametrize("one", HANDLED, ids=NAMES)
def test_unknown_keys_anywhere_are_harmless(one: Example) -> None:
    """Proves: F16."""

    def seasoned(value: Any) -> Any:
        if isinstance(value, dict):
            return {**{key: seasoned(inner) for key, inner in value.items()}, "brand_new": {"x": [1]}}
        return [seasoned(inner) for inner in value] if isinstance(value, list) else value

    assert parsed(one.event, seasoned(one.payload)) == parsed(one.event, one.payload)


def test_a_label_on_an_issue() -> None:
    payload = example("issues", "labeled")
    (event,) = parsed("issues", payload)
    assert isinstance(event, Labeled)
    assert event.repository == Repository(186853002, "Codertocat/Hello-World", 0, "master")
    assert (event.number, event.label, event.title, event.kind) == (1, "bug", "Spelling error in the README file", ItemKind.ISSUE)
    assert event.sender is not None
    assert (event.sender.id, event.sender.login, event.sender.bot) == (21031067, "Codertocat", False)


def test_installation_is_part_of_the_identity() -> None:
    """Proves: I21."""
    (event,) = parsed("issues", {**example("issues", "labeled"), "installation": {"id": 77}})
    assert isinstance(event, Labeled)
    assert event.repository.scope == "77:186853002"


def test_a_comment_on_a_pull_request_is_known_as_one() -> None:
    payload = example("issue_comment", "created")
    changed = {
        **payload,
        "issue": {**payload["issue"], "pull_request": {"url": "x"}},
        "comment": {**payload["comment"], "body": "/slipway fix"},
    }
    (event,) = parsed("issue_comment", changed)
    assert isinstance(event, CommandGiven)
    assert (event.kind, event.command, event.key) == (ItemKind.PULL, "fix", f"comment:186853002:{payload['comment']['id']}:0")


def test_commands_of_one_comment_come_in_their_order_with_keys_of_their_own() -> None:
    payload = example("issue_comment", "created")
    body = "please\n/slipway status\n/slipway stpo\n/slipway fix the colour\n"
    events = parsed("issue_comment", {**payload, "comment": {"id": 9, "body": body}})
    assert [event.key for event in events] == ["comment:186853002:9:0", "comment:186853002:9:1", "comment:186853002:9:2"]  # type: ignore[attr-defined]
    assert [type(event).__name__ for event in events] == ["CommandGiven", "Mistyped", "CommandGiven"]


def test_a_comment_without_a_command_is_a_remark_without_its_quotes() -> None:
    payload = example("issue_comment", "created")
    (event,) = parsed("issue_comment", {**payload, "comment": {"id": 9, "body": "> old\n\nnew<!-- hidden -->\n-- \nme"}})
    assert isinstance(event, Remark)
    assert event.said == "new"


@pytest.mark.parametrize(("action", "how"), [("closed", "closed"), ("deleted", "deleted"), ("transferred", "transferred")])
def test_an_issue_that_ends(action: str, how: str) -> None:
    (event,) = parsed("issues", {**example("issues", "labeled"), "action": action})
    assert isinstance(event, ItemClosed)
    assert event.how == how


def test_a_merged_pull_request_says_so() -> None:
    payload = example("pull_request", "closed")
    for merged, how in ((True, "merged"), (False, "closed"), (None, "closed")):
        (event,) = parsed("pull_request", {**payload, "pull_request": {**payload["pull_request"], "merged": merged}})
        assert isinstance(event, ItemClosed)
        assert event.how == how


def test_labels_taken_off_issues_and_pull_requests_are_the_same_event() -> None:
    for event_name in ("issues", "pull_request"):
        (event,) = parsed(event_name, example(event_name, "unlabeled"))
        assert isinstance(event, Unlabeled)


def test_buttons_and_reruns_name_the_run() -> None:
    payload = example("check_run", "requested_action")
    changed = {**payload, "check_run": {**payload["check_run"], "external_id": "f" * 32}, "requested_action": {"identifier": "fix"}}
    (event,) = parsed("check_run", changed)
    assert isinstance(event, ButtonPressed)
    assert (event.button, event.run_id) == ("fix", "f" * 32)
    (again,) = parsed("check_run", example("check_run", "rerequested"))
    assert isinstance(again, ButtonPressed)
    assert again.button == "retry"


@pytest.mark.parametrize(
    ("changes", "branches"),
    [
        ({"ref": "refs/heads/main"}, ["main"]),
        ({"ref": "refs/heads/feature/x"}, ["feature/x"]),
        ({"ref": "refs/heads/main", "deleted": True}, []),
        ({"ref": "refs/tags/v1"}, []),
        ({"ref": "refs/heads/"}, []),
    ],
)
def test_a_push_is_a_branch_that_moved(changes: dict[str, object], branches: list[str]) -> None:
    payload = {**example("push", None), "deleted": False, **changes}
    assert [event.branch for event in parsed("push", payload) if isinstance(event, Pushed)] == branches


def test_installations() -> None:
    (event,) = parsed("installation", example("installation", "suspend"))
    assert isinstance(event, InstallationMoved)
    assert (event.change, event.repositories) == ("suspend", ())
    (event,) = parsed("installation_repositories", example("installation_repositories", "removed"))
    assert isinstance(event, InstallationMoved)
    assert (event.change, len(event.repositories)) == ("removed", 1)


def test_repositories_taken_off_an_installation_are_never_all_of_them_by_mistake() -> None:
    payload = {**example("installation_repositories", "removed"), "repositories_removed": []}
    assert parsed("installation_repositories", payload) == []


def test_a_ghost_is_nobody_and_no_error() -> None:
    """Proves: F16."""
    (event,) = parsed("issues", {**example("issues", "labeled"), "sender": None})
    assert isinstance(event, Labeled)
    assert event.sender is None


@pytest.mark.parametrize("number", [-1, 2**63, 10**50, 1.5, "1", None])
def test_a_number_no_database_holds_is_malformed(number: Any) -> None:
    payload = example("issues", "labeled")
    with pytest.raises(Malformed, match="number"):
        parsed("issues", {**payload, "issue": {**payload["issue"], "number": number}})


def test_nul_characters_reach_no_database() -> None:
    payload = example("issues", "labeled")
    (event,) = parsed("issues", {**payload, "issue": {**payload["issue"], "title": "a\x00b", "body": None}})
    assert isinstance(event, Labeled)
    assert (event.title, event.body) == ("ab", "")


@given(st.binary(max_size=300), st.sampled_from(sorted(routes.ROUTES, key=str)))
def test_whatever_the_bytes_are_the_only_error_is_malformed(body: bytes, route: tuple[str, str | None]) -> None:
    """Proves: F11, F16."""
    with pytest.raises(Malformed):
        routes.parse(*route, "d", body)
