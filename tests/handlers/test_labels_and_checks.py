"""Labels, closings, checks, installations: what each comes to."""

from dataclasses import replace

import pytest

from handlers import events, routes
from handlers.events import ChecksMoved, Event, InstallationMoved, ItemClosed, Pushed, Sender, Unlabeled
from handlers.intents import (
    CiMoved,
    FetchAhead,
    FixById,
    ForgetShared,
    Ignore,
    InstallationChanged,
    Intent,
    React,
    RetryByCommit,
    RetryById,
    StartRun,
    StopById,
    StopRun,
)
from handlers.requests import mending
from handlers.routes import HANDLERS
from jobs.evidence import Receipt
from jobs.model import Actor, ItemKind, Repository, Run, RunRequest, Source
from jobs.rules import Rules
from tests.handlers.asking import ANN, HEAD, ISSUE, OWN, REPOSITORY, facts, labeled
from tests.handlers.test_guards import BUTTON, SUITE

ANN_MAY = Actor(1001, "ann", "write")


def test_every_event_has_its_handler() -> None:
    whole = {value for value in vars(events).values() if isinstance(value, type) and issubclass(value, Event)}
    assert {handler.event for handler in HANDLERS} == whole - {Event, events.Asked, events.OnItem, events.Commented}


def test_a_label_starts_its_flow_under_the_id_of_the_labeling() -> None:
    """Proves: I03, F08."""
    eyes, start = routes.decide(labeled("slipway:fix"), facts(item=replace(ISSUE, labels=("Slipway:Fix",))))
    assert eyes == React(REPOSITORY, 7, None, "eyes")
    assert isinstance(start, StartRun)
    assert (start.request.intent_key, start.request.flow) == ("label:42:555", "fix")
    assert start.request.source == Source("label", "d-1", ItemKind.ISSUE, 7, None, ANN_MAY, "https://github.example/acme/greeter/7#c")


def test_the_body_is_the_one_that_was_labeled_whatever_it_says_now() -> None:
    """Proves: T08."""
    _, start = routes.decide(labeled(body="as approved"), facts(item=replace(ISSUE, body="edited later", title="also edited")))
    assert isinstance(start, StartRun)
    assert (start.request.body, start.request.title) == ("as approved", "Greet in French")


@pytest.mark.parametrize("known", [{"item": replace(ISSUE, labels=())}, {"item": replace(ISSUE, open=False)}, {"item": None}])
def test_a_label_that_is_history_is_ignored(known: dict[str, object]) -> None:
    """Proves: F07."""
    (only,) = routes.decide(labeled(), facts(**known))
    assert isinstance(only, Ignore)


def test_where_no_event_is_listed_the_webhook_is_the_key() -> None:
    """Proves: I03, F02."""
    _, start = routes.decide(labeled(), facts(label_event=None))
    assert isinstance(start, StartRun)
    assert start.request.intent_key == "label:42:d-1"


def unlabeled(label: str, sender: Sender | None) -> list[Intent]:
    return routes.decide(Unlabeled(delivery="d", repository=REPOSITORY, sender=sender, number=7, label=label), facts())


def test_taking_the_running_label_off_stops_the_run_unless_we_did() -> None:
    """Proves: F79, I18."""
    assert unlabeled("slipway:running", ANN) == [StopRun(REPOSITORY, 7, "ann", "ann took the label slipway:running off.")]
    assert unlabeled("slipway:running", Sender(OWN, "slipway[bot]", bot=True)) == [Ignore("our own doing")]
    other = Sender(1, "other[bot]", bot=True)
    assert unlabeled("slipway:running", other) == [Ignore("other[bot] is a bot that the operator has not let in")]
    for label in ("slipway", "slipway:done", "bug"):
        assert isinstance(unlabeled(label, ANN)[0], Ignore)


def test_what_ends_is_stopped() -> None:
    """Proves: F79, F80."""
    event = ItemClosed(delivery="d", repository=REPOSITORY, sender=None, number=7, how="deleted")
    assert routes.decide(event, facts()) == [StopRun(REPOSITORY, 7, "Somebody", "The item was deleted by Somebody.")]


SOURCE = Source("rerequest", "d-1", ItemKind.PULL, 8, None, ANN_MAY)


@pytest.mark.parametrize("external", ["f" * 32, "f" * 32 + ":3"])
def test_the_buttons_of_our_check(external: str) -> None:
    """Proves: F86."""
    event, run = replace(BUTTON, run_id=external), "f" * 32
    assert routes.decide(replace(event, button="stop"), facts()) == [StopById(run, REPOSITORY, "ann", "ann pressed Stop.")]
    assert routes.decide(replace(event, button="retry"), facts()) == [RetryById(run, REPOSITORY, SOURCE, "check:42:d-1")]
    assert routes.decide(replace(event, button="fix"), facts()) == [FixById(run, REPOSITORY, SOURCE, "check:42:d-1", "a" * 40)]
    assert isinstance(routes.decide(replace(event, button="merge"), facts())[0], Ignore)


@pytest.mark.parametrize("external", ["", "f" * 31, "f" * 33, "F" * 32, "f" * 32 + ":x", "../" + "f" * 32, "%" + "f" * 32])
def test_an_external_id_that_is_no_run_of_ours_is_nothing(external: str) -> None:
    """Proves: 002-02."""
    assert routes.decide(replace(BUTTON, run_id=external), facts()) == [Ignore("the check run names no run of ours")]


def test_all_checks_again() -> None:
    assert routes.decide(SUITE, facts()) == [RetryByCommit("a" * 40, REPOSITORY, SOURCE, "check:42:d-1")]


def test_ci_and_installations_are_passed_on() -> None:
    moved = ChecksMoved(delivery="d", repository=REPOSITORY, sha="b" * 40)
    assert routes.decide(moved, facts()) == [CiMoved(REPOSITORY, "b" * 40)]
    for change in ("suspend", "deleted", "removed"):
        moved = InstallationMoved(delivery="d", installation=7, change=change)
        assert routes.decide(moved, facts()) == [ForgetShared(7), InstallationChanged(7, change)]
    assert routes.decide(InstallationMoved(delivery="d", installation=7, change="added", repositories=(5,)), facts()) == [ForgetShared(7)]


@pytest.mark.parametrize(
    ("branch", "intent"),
    [("main", FetchAhead(REPOSITORY, "main")), ("topic", Ignore("a push to another branch than the default one"))],
)
def test_a_push_to_the_default_branch_is_fetched_ahead(branch: str, intent: Intent) -> None:
    assert routes.decide(Pushed(delivery="d", repository=REPOSITORY, branch=branch), facts()) == [intent]


def test_a_push_to_the_owners_own_repository_lets_its_configuration_be_read_again() -> None:
    home = Repository(9, "acme/.github", 7)
    pushed = Pushed(delivery="d", repository=home, branch="main")
    assert routes.decide(pushed, facts()) == [ForgetShared(7), FetchAhead(home, "main")]


def asked(**changes: object) -> Run:
    request = RunRequest("label:42:1", REPOSITORY, Source("label", "d-0", ItemKind.ISSUE, 7), title="Greet", flow="implement")
    return Run("e" * 32, replace(request, **changes), Rules())  # type: ignore[arg-type]


def test_fixing_goes_on_where_the_run_delivered() -> None:
    run = replace(asked(), receipt=Receipt("github", "slipway/7-greet", HEAD, "0" * 40, number=12))
    fix = mending(run, SOURCE, "key", HEAD)
    assert (fix.flow, fix.source.number, fix.source.item, fix.head_sha, fix.head_ref, fix.base) == (
        "fix", 12, ItemKind.PULL, HEAD, "slipway/7-greet", "main",
    )  # fmt: skip
    assert (fix.retry_of, fix.intent_key, fix.source.actor) == (run.id, "key", ANN_MAY)


def test_fixing_a_run_that_delivered_nothing_begins_again_where_it_was_asked_for() -> None:
    fix = mending(asked(), SOURCE, "key", HEAD)
    assert (fix.source.number, fix.source.item, fix.head_sha) == (7, ItemKind.ISSUE, None)
    on_pull = asked(source=Source("command", "d", ItemKind.PULL, 8), head_ref="topic", head_sha="0" * 40, base="main")
    assert mending(on_pull, SOURCE, "key", HEAD).head_sha == HEAD
