"""What no webhook told is found: in GitHub's own list, and in what stands at GitHub."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.catching_up import LISTED_S, MissedDeliveries, UntoldRequests
from infra.github.app import HookDelivery, HookRequest
from infra.github.survey import Missed
from infra.store.engine import open_store
from infra.store.inbox import Delivery, SqlInbox
from jobs.errors import Fault, UserError
from jobs.model import Repository
from jobs.rules import Rules
from tests.fakes.engine import FakeClock

APP = "77"


def attempt(number: int, guid: str, at: float, event: str = "issues", action: str | None = "labeled", status: int = 500) -> HookDelivery:
    return HookDelivery(number, guid, event, action, at, False, status, 7, 42)


@dataclass
class FakeApp:
    """GitHub's list."""

    listed: list[HookDelivery] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)
    fetched: list[int] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    id: str = APP

    def deliveries(self, since: float) -> Sequence[HookDelivery]:
        self.asked.append(since)
        return [one for one in self.listed if one.delivered_at >= since]

    def delivery(self, number: int) -> HookRequest:
        if number in self.gone:
            raise Fault("github_refused", "It is not listed any more.")
        self.fetched.append(number)
        return HookRequest(next(one for one in self.listed if one.id == number), b'{"n":%d}' % number)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def inbox(tmp_path: Path, clock: FakeClock) -> Iterator[SqlInbox]:
    engine: sa.Engine = open_store(tmp_path, clock=clock)
    yield SqlInbox(engine)
    engine.dispose()


def stored(inbox: SqlInbox) -> list[tuple[str, str]]:
    return sorted((row["delivery"], row["verified_by"]) for row in inbox.listing())


def test_what_github_could_not_deliver_is_taken_in_once(inbox: SqlInbox, clock: FakeClock) -> None:
    """Proves: I01."""
    app = FakeApp([attempt(3, "new", clock.at - 120), attempt(2, "new", clock.at - 300), attempt(1, "old", clock.at - 600)])
    inbox.insert([Delivery(APP, "issues", "old", "labeled", "192.0.2.1", "secret:1", b"{}")])
    look = MissedDeliveries(app, inbox, clock)
    assert len(look()) == 1
    assert stored(inbox) == [("new", "app_api"), ("old", "secret:1")]
    assert look() == []
    assert len(app.fetched) == 1


def test_after_a_stop_of_days_the_first_look_goes_back_as_far_as_the_list(inbox: SqlInbox, clock: FakeClock) -> None:
    app = FakeApp([attempt(1, "two days ago", clock.at - 2 * 86_400)])
    look = MissedDeliveries(app, inbox, clock)
    assert len(look()) == 1
    clock.sleep(300)
    look()
    assert app.asked == [clock.at - 300 - LISTED_S, clock.at - 300 - 600]


def test_events_nobody_handles_and_those_still_on_their_way_are_left_alone(inbox: SqlInbox, clock: FakeClock) -> None:
    app = FakeApp([attempt(1, "a", clock.at - 120, "star", "created"), attempt(2, "b", clock.at - 5)])
    assert MissedDeliveries(app, inbox, clock)() == []
    assert app.fetched == []


def test_one_that_cannot_be_fetched_stops_no_other(inbox: SqlInbox, clock: FakeClock) -> None:
    """Proves: 000-09."""
    app = FakeApp([attempt(1, "a", clock.at - 120), attempt(2, "b", clock.at - 120)], gone={1})
    assert len(MissedDeliveries(app, inbox, clock)()) == 1


def test_a_list_that_cannot_be_had_is_asked_for_again_from_the_same_point(inbox: SqlInbox, clock: FakeClock) -> None:
    app = FakeApp([attempt(1, "a", clock.at - 86_400)])
    broken = FakeApp(app.listed)
    broken.deliveries = lambda since: (_ for _ in ()).throw(Fault("github_unavailable", "No answer."))  # type: ignore[method-assign]
    look = MissedDeliveries(broken, inbox, clock)
    with pytest.raises(Fault):
        look()
    look.app = app
    assert len(look()) == 1


@dataclass
class FakeReach:
    """Two repositories, one of which cannot be looked at."""

    broken: str = ""

    def repositories(self) -> list[Repository]:
        return [Repository(1, "acme/one", 7), Repository(2, "acme/two", 7)]

    def rules(self, repository: Repository) -> Rules:
        if repository.full_name == self.broken:
            raise UserError("Its configuration has a mistake.")
        return Rules(labels={"go": "fix"})


@dataclass
class FakeSurvey:
    """A label and a comment on each repository."""

    at: float = 0.0
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def labelled(self, repository: Repository, labels: Sequence[str]) -> list[Missed]:
        self.asked.append(tuple(labels))
        return [Missed("issues", "labeled", f"labeled-{repository.id}", self.at, b"{}")]

    def commented(self, repository: Repository, since: float) -> list[Missed]:
        return [Missed("issue_comment", "created", f"comment-{repository.id}", self.at, b"{}")]


def test_labels_and_comments_of_which_nobody_told_are_taken_in_once(inbox: SqlInbox, clock: FakeClock) -> None:
    """Proves: I01."""
    survey = FakeSurvey()
    look = UntoldRequests(APP, FakeReach(), survey, inbox, clock)
    assert len(look()) == 4
    assert look() == []
    assert set(survey.asked) == {("go",)}


def test_a_repository_that_cannot_be_looked_at_stops_no_other(inbox: SqlInbox, clock: FakeClock) -> None:
    """Proves: 000-09."""
    assert len(UntoldRequests(APP, FakeReach(broken="acme/one"), FakeSurvey(), inbox, clock)()) == 2


def test_what_is_so_new_that_its_webhook_may_be_on_its_way_is_left_for_the_next_look(inbox: SqlInbox, clock: FakeClock) -> None:
    """Proves: I01, I14."""
    look = UntoldRequests(APP, FakeReach(), FakeSurvey(at=clock.at - 5), inbox, clock)
    assert look() == []
    clock.sleep(3600)
    assert len(look()) == 4
