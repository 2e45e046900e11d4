"""Labels and comments nobody told of: found again as the webhooks that should have told."""

import json

from handlers.parsing import commented, commented_beside, labeled
from infra.github.survey import GitHubSurvey
from tests.fakes.engine import FakeClock
from tests.fakes.github import FakeGitHub
from tests.infra.github.conftest import Client


def test_a_label_that_stands_is_found_with_whoever_put_it_on(fake: FakeGitHub, client: Client) -> None:
    """Proves: F08."""
    fake.add_label(7, "slipway:fix", by="ada", deliver=False)
    fake.remove_label(7, "slipway:fix", deliver=False)
    told = fake.add_label(7, "slipway:fix", by="grace", deliver=False)
    fake.open_issue("Another", number=9)
    fake.push("fix", {"a": "1"})
    fake.add_label(fake.open_pull("fix").number, "slipway:fix", deliver=False)
    fake.open_issue("Closed", number=20)
    fake.add_label(20, "slipway:fix", deliver=False)
    fake.close(20)
    found = GitHubSurvey(client.github).labelled(client.repository, ["slipway", "slipway:fix"])
    assert [(missed.event, missed.action) for missed in found] == [("issues", "labeled")]
    assert found[0].delivery == f"labeled-{fake.issue(7).events[-1].id}"
    (missed,), (webhook,) = labeled("x", found[0].body), labeled("x", json.dumps(told.payload).encode())
    assert missed == webhook


def test_a_comment_since_then_is_found_and_an_older_one_is_not(fake: FakeGitHub, client: Client, clock: FakeClock) -> None:
    """Proves: F08."""
    old = fake.comment(7, "/slipway run", deliver=False)
    clock.at += 3600
    since = clock.at
    new = fake.comment(7, "/slipway fix", by="ada", deliver=False)
    told = fake.deliveries[-1]
    fake.edit_comment(old.id, "/slipway plan", deliver=False)
    (missed,) = GitHubSurvey(client.github).commented(client.repository, since)
    assert (missed.event, missed.action, missed.delivery) == ("issue_comment", "created", f"comment-{new.id}")
    assert commented("x", missed.body) == commented("x", json.dumps(told.payload).encode())


def test_a_comment_beside_a_line_is_found_as_well(fake: FakeGitHub, client: Client, clock: FakeClock) -> None:
    """Proves: F08."""
    fake.push("fix", {"a": "1"})
    pull = fake.open_pull("fix")
    fake.review(pull, "/slipway run", path="a", line=1, deliver=False)
    clock.at += 3600
    since = clock.at
    new = fake.review(pull, "/slipway fix", path="a", line=1, by="ada", deliver=False)
    told = fake.deliveries[-1]
    (missed,) = GitHubSurvey(client.github).commented(client.repository, since)
    assert (missed.event, missed.action, missed.delivery) == ("pull_request_review_comment", "created", f"beside-{new.id}")
    assert commented_beside("x", missed.body) == commented_beside("x", json.dumps(told.payload).encode())
