"""Who is let in, in which order, and what is said to whoever is not."""

from dataclasses import fields, replace
from typing import Any

import pytest

from handlers import routes
from handlers.commands import COMMANDS
from handlers.events import Asked, ButtonPressed, CommandGiven, Sender, SuiteRerequested
from handlers.facts import Admitted, Facts, Need
from handlers.guards import GUARDS, Refusal, turned_away
from handlers.intents import Ignore, React, RejectRun, Reply
from jobs.config import Mistake
from jobs.evidence import Finding
from jobs.model import ItemKind, Recent
from jobs.rules import Rules
from tests.handlers.asking import ADMITTED, ANN, APP, OWN, PULL, REPOSITORY, command, facts, labeled, mistyped, remark

BUTTON = ButtonPressed(
    delivery="d-1", repository=REPOSITORY, sender=ANN, number=8, kind=ItemKind.PULL, key="check:42:d-1", run_id="f" * 32, button="fix",
    sha="a" * 40, app=APP,
)  # fmt: skip
SUITE = SuiteRerequested(
    delivery="d-1", repository=REPOSITORY, sender=ANN, number=8, kind=ItemKind.PULL, key="check:42:d-1", sha="a" * 40, app=APP
)
ASKINGS: list[Asked] = [labeled(), *(command(name) for name in COMMANDS), mistyped(), remark(), BUTTON, SUITE]
FACT_OF = {Need.OWN: {"admitted"}, Need.TEAMS: {"teams"},
           Need.ACTIVE: {"active"}, Need.RULES: {"rules", "mistakes"}, Need.PERMISSION: {"permission"}, Need.ITEM: {"item"},
           Need.LABEL_EVENT: {"label_event"}, Need.RECENT: {"recent"}, Need.STOPPED: {"stopped"},
           Need.TURNED_AWAY: {"turned_away"}}  # fmt: skip


class Watched(Facts):
    """Facts that remember what was looked at."""

    def __getattribute__(self, name: str) -> Any:
        if name in {field.name for field in fields(Facts)}:
            LOOKED.add(name)
        return super().__getattribute__(name)


LOOKED: set[str] = set()


def watched(known: Facts) -> Facts:
    made = Watched(**{field.name: getattr(known, field.name) for field in fields(Facts)})
    LOOKED.clear()
    return made


def refusal(event: Asked, **known: Any) -> tuple[str, Refusal] | None:
    for guard in GUARDS:
        found = guard.check(event, facts(**known))
        if found:
            return guard.name, found
    return None


def test_the_guards_stand_in_this_order() -> None:
    """Proves: 000-17."""
    assert [guard.name for guard in GUARDS] == [
        "sender",
        "repository",
        "listening",
        "ours",
        "people",
        "permission",
        "enabled",
        "config",
        "rate",
    ]


@pytest.mark.parametrize("active", [True, False])
def test_each_guard_and_handler_looks_at_no_fact_it_does_not_name(active: bool) -> None:
    for event in ASKINGS:
        known: set[Need] = set()
        for guard in GUARDS:
            known |= set(guard.needs)
            guard.check(event, watched(facts(active=active)))
            assert {"admitted"}.union(*(FACT_OF[need] for need in guard.needs)) >= LOOKED, guard.name
        routes.decide(event, watched(facts(active=active)))
        assert {"admitted", "needed"}.union(*(FACT_OF[need] for need in known | set(routes.needs(event)))) >= LOOKED


def test_facts_nobody_fetched_admit_nothing() -> None:
    for event in ASKINGS:
        assert any(guard.check(event, Facts(admitted=ADMITTED)) for guard in GUARDS)


@pytest.mark.parametrize("event", ASKINGS, ids=lambda event: getattr(event, "command", type(event).__name__))
def test_everybody_who_may_is_let_in(event: Asked) -> None:
    assert refusal(event, active=True, permission="admin") is None


@pytest.mark.parametrize("event", ASKINGS, ids=lambda event: getattr(event, "command", type(event).__name__))
@pytest.mark.parametrize("permission", ["none", "read", "triage", "write", "maintain", "admin", "unheard_of", ""])
def test_the_role_decides(event: Asked, permission: str) -> None:
    """Proves: T05."""
    ranks = ["none", "read", "triage", "write", "maintain", "admin"]
    least = {"status": "triage", "logs": "triage", "config": "triage", "help": "triage", "pause": "maintain", "resume": "maintain"}
    name = event.command if isinstance(event, CommandGiven) else "help" if event == mistyped() else "run"
    allowed = permission in ranks and ranks.index(permission) >= ranks.index(least.get(name, "write"))
    found = refusal(event, active=True, permission=permission)
    assert (found is None) is allowed
    assert allowed or (found is not None and found[0] == "permission")


def test_a_repository_can_ask_for_more_or_less_of_a_role() -> None:
    assert refusal(command("status"), permission="read", rules=Rules(commands={"status": "read"})) is None
    assert refusal(command("run"), permission="write", rules=Rules(commands={"run": "admin"})) is not None
    assert refusal(labeled(), permission="write", rules=Rules(commands={"run": "admin"})) is not None


def test_whoever_is_refused_is_told_why_once_on_each_item() -> None:
    """Anybody can write comments: we must not write as many. Proves: F14, T05, T12."""
    first, second = command("run"), command("fix", key="comment:42:901:0", comment=901)
    told = [turned_away(event, facts(permission="read"), refusal(event, permission="read")[1]) for event in (first, second)]  # type: ignore[index]
    (answer, kept), (again, _) = told
    assert isinstance(answer, Reply)
    assert isinstance(again, Reply)
    assert answer.key == again.key == "refused:42#7:1001"
    assert answer.text == (
        "`ann` has the role `read` here, and `/slipway run` needs at least `write`, so nothing was done. "
        "Somebody with that role can ask for it instead."
    )
    assert kept == Ignore("ann has the role 'read', and `/slipway run` needs 'write'")


def test_a_remark_of_somebody_else_is_not_answered() -> None:
    found = refusal(remark(), active=True, permission="read")
    assert found is not None
    assert turned_away(remark(), facts(), found[1]) == [Ignore(found[1].why)]


@pytest.mark.parametrize(
    ("sender", "admitted", "why"),
    [
        (None, ADMITTED, "gone"),
        (Sender(OWN, "slipway[bot]", bot=True), ADMITTED, "our own doing"),
        (Sender(OWN, "slipway"), replace(ADMITTED, bots=frozenset({OWN})), "our own doing"),
        (Sender(1001, "ann", app=APP), ADMITTED, "our own doing"),
        (Sender(5, "dependabot[bot]", bot=True), ADMITTED, "is a bot"),
        (Sender(5, "dependabot[bot]", bot=True), replace(ADMITTED, bots=frozenset({6, 55})), "is a bot"),
        (Sender(5, "dependabot[bot]", bot=True), replace(ADMITTED, bots=frozenset({5})), None),
        (Sender(1001, "ann", app=5), ADMITTED, None),
    ],
)
def test_the_sender(sender: Sender | None, admitted: Admitted, why: str | None) -> None:
    """Proves: I18, T06, F88."""
    found = refusal(command("run", sender=sender), admitted=admitted)
    assert (found is None) == (why is None)
    if found and why:
        assert found[0] == "sender"
        assert why in found[1].why


CORE = frozenset({"acme/core"})


@pytest.mark.parametrize(
    ("lists", "teams", "why"),
    [
        ({}, frozenset(), ""),
        ({"users": {"bob"}}, frozenset(), "not among the users"),
        ({"users": {"ann"}}, frozenset(), ""),
        ({"users": {1001}}, frozenset(), ""),
        ({"users": {"1001"}}, frozenset(), "not among the users"),
        ({"teams": CORE}, frozenset(), "not among the users"),
        ({"teams": CORE}, CORE, ""),
        ({"teams": CORE, "users": {"bob"}}, CORE, ""),
        ({"kept_out_users": {"ann"}}, frozenset(), "keeps out"),
        ({"kept_out_users": {1001}, "users": {"ann"}}, frozenset(), "keeps out"),
        ({"kept_out_teams": CORE}, CORE, "keeps out"),
        ({"kept_out_teams": CORE, "users": {"ann"}}, CORE, "keeps out"),
        ({"kept_out_teams": CORE}, frozenset(), ""),
    ],
)
def test_the_operators_lists_of_people(lists: dict[str, Any], teams: frozenset[str], why: str) -> None:
    """A list of those kept out is stronger, and who is on it is not even answered. Proves: T05, T06."""
    admitted = replace(ADMITTED, **{name: frozenset(people) for name, people in lists.items()})
    found = refusal(command("run", sender=Sender(1001, "Ann")), admitted=admitted, teams=teams)
    assert (found is None) == (not why)
    if found:
        assert found[0] == "people"
        assert why in found[1].why
        assert bool(found[1].reply) == (why != "keeps out")


def test_a_bot_the_operator_named_is_on_no_list_of_people() -> None:
    """Proves: T06."""
    admitted = replace(ADMITTED, bots=frozenset({5}), users=frozenset({"ann"}))
    assert refusal(command("run", sender=Sender(5, "renovate[bot]", bot=True)), admitted=admitted) is None


@pytest.mark.parametrize(("named", "why"), [(("acme/greeter",), True), (("acme/*",), True), (("42",), True), (("acme/greet",), False)])
def test_a_repository_that_is_kept_out_is_out_whatever_lets_it_in(named: tuple[str, ...], why: bool) -> None:
    admitted = replace(ADMITTED, repositories=frozenset({"acme/*"}), kept_out_repositories=frozenset(named))
    found = refusal(command("run"), admitted=admitted)
    assert (found is not None and "keeps out" in found[1].why) is why


@pytest.mark.parametrize("event", [command("run"), labeled()], ids=["command", "label"])
def test_a_refusal_is_said_shown_or_kept_as_the_repository_wants_it(event: Asked) -> None:
    """Proves: T12."""
    found = refusal(event, permission="read")
    assert found is not None
    told = {how: turned_away(event, facts(rules=Rules(answers=how)), found[1])[0] for how in ("reply", "react", "silent")}
    assert isinstance(told["reply"], Reply)
    assert told["react"] == React(REPOSITORY, 7, 900 if isinstance(event, CommandGiven) else None, "confused")
    assert isinstance(told["silent"], Ignore)


@pytest.mark.parametrize(
    ("named", "admitted"),
    [((), True), (("acme/greeter",), True), (("acme/*",), True), (("42",), True), (("acme/other", "acm/*", "4", "421"), False)],
)
def test_the_repository(named: tuple[str, ...], admitted: bool) -> None:
    """Matched whole, never by a prefix. Proves: 002-02, I21."""
    found = refusal(command("run"), admitted=replace(ADMITTED, repositories=frozenset(named)))
    assert (found is None) is admitted


def test_a_remark_is_heard_only_while_a_run_is_at_work() -> None:
    found = refusal(remark(), active=False)
    assert found is not None
    assert found[0] == "listening"
    assert not found[1].reply


def test_a_label_of_somebody_else_and_a_check_of_another_app_are_not_ours() -> None:
    for event in (labeled("bug"), replace(BUTTON, app=5), replace(SUITE, app=None)):
        found = refusal(event, permission="none")
        assert found is not None
        assert (found[0], found[1].reply) == ("ours", "")
    assert refusal(labeled("Slipway:FIX")) is None


def test_a_repository_can_be_switched_off() -> None:
    """Proves: 004-42."""
    off = Rules(enabled=False)
    found = refusal(command("run"), rules=off)
    assert found is not None
    assert (found[0], found[1].once) == ("enabled", "refused:42#7:1001")
    assert "`enabled: false`" in found[1].reply
    silent = refusal(labeled(), rules=off)
    assert silent is not None
    assert not silent[1].reply
    assert refusal(command("stop"), rules=off) is None


MISTAKES = (Mistake(3, "flows", "unknown key"), Mistake(7, "gates.0.run", "a value is needed here"))


def test_a_broken_configuration_is_a_rejected_run_that_names_every_mistake() -> None:
    """Proves: 003-10, 000-12."""
    for event, key in ((labeled(), "label:42:555"), (command("fix"), "comment:42:900:0")):
        found = refusal(event, mistakes=MISTAKES)
        assert found is not None
        (rejected,) = turned_away(event, facts(mistakes=MISTAKES), found[1])
        assert isinstance(rejected, RejectRun)
        assert (rejected.reason.code, rejected.request.intent_key) == ("config_invalid", key)
        assert rejected.reason.text == (
            ".github/slipway.yml on the default branch cannot be used: line 3: flows: unknown key; "
            "line 7: gates.0.run: a value is needed here. Correct it there."
        )
        assert rejected.details == ("line 3: flows: unknown key", "line 7: gates.0.run: a value is needed here")
        assert (rejected.findings, rejected.commit) == ((), None)


def test_the_mistakes_are_shown_on_the_commit_they_are_in_but_on_a_pull_request_on_its_head() -> None:
    """Proves: 003-10, F86."""
    mistakes = (
        *MISTAKES,
        Mistake(0, "", "the file is larger than 65536 bytes"),
        Mistake(2, "wall", "too long", "acme/.github"),
    )
    (rejected,) = turned_away(command("fix"), facts(mistakes=mistakes, config_at="5" * 40), Refusal("", recorded=True))
    assert isinstance(rejected, RejectRun)
    assert rejected.commit == "5" * 40
    assert rejected.findings == (
        Finding("configuration", "flows: unknown key", ".github/slipway.yml", 3),
        Finding("configuration", "gates.0.run: a value is needed here", ".github/slipway.yml", 7),
        Finding("configuration", "the file is larger than 65536 bytes", ".github/slipway.yml"),
        Finding(
            "configuration",
            "acme/.github, line 2: wall: too long - nothing in this repository's own .github/slipway.yml is wrong in this, "
            "so no line of it is marked",
        ),
    )
    there = facts(mistakes=mistakes, config_at="5" * 40, item=PULL)
    (on_pull,) = turned_away(command("fix"), there, Refusal("", recorded=True))
    assert isinstance(on_pull, RejectRun)
    assert (on_pull.request.head_sha, on_pull.findings, on_pull.commit) == (PULL.head_sha, (), None)


def test_more_mistakes_than_a_sentence_holds_are_listed_in_an_answer() -> None:
    many = tuple(Mistake(line, "key", "x" * 50) for line in range(1, 60))
    rejected, answer = turned_away(command("fix"), facts(mistakes=many), Refusal("", recorded=True))
    assert isinstance(rejected, RejectRun)
    assert isinstance(answer, Reply)
    assert "- line 40: key: " in answer.text
    assert "- and 19 more" in answer.text


def test_a_broken_configuration_stops_nothing_else() -> None:
    for event in (command("stop"), command("status"), command("approve"), command("help"), mistyped(), replace(BUTTON, button="stop")):
        assert refusal(event, mistakes=MISTAKES) is None
    for event in (command("use tabs now"), remark()):
        assert refusal(event, mistakes=MISTAKES, active=True) is None


def test_nothing_is_started_again_by_a_broken_configuration() -> None:
    """Proves: 003-10."""
    for event in (command("retry"), BUTTON, replace(BUTTON, button="retry"), SUITE):
        found = refusal(event, mistakes=MISTAKES)
        assert found is not None
        answer, _ = turned_away(event, facts(mistakes=MISTAKES), found[1])
        assert isinstance(answer, Reply)
        assert "- line 3: flows: unknown key" in answer.text


def test_a_stale_label_and_a_broken_configuration_are_nothing() -> None:
    assert turned_away(labeled(), facts(mistakes=MISTAKES, label_event=None), Refusal("why", recorded=True)) == [Ignore("why")]


def test_so_many_an_hour_and_one_notice_an_hour() -> None:
    """Proves: F14, T12, I18, 001-03."""
    assert refusal(command("run"), recent=Recent(29, 9, 100)) is None
    for recent, once in ((Recent(30, 0, 100), "rate:42:1001:100"), (Recent(0, 10, 100), "rate:42#7:100")):
        found = refusal(command("run"), recent=recent)
        assert found is not None
        assert (found[0], found[1].once) == ("rate", once)
        assert "Ask again in the next hour" in found[1].reply
        assert refusal(command("stop"), recent=recent) is None
        assert refusal(replace(BUTTON, button="stop"), recent=recent) is None


def test_nobody_is_answered_where_there_is_no_item() -> None:
    event = replace(BUTTON, number=0)
    found = refusal(event, permission="read")
    assert found is not None
    assert turned_away(event, facts(), found[1]) == [Ignore(found[1].why)]
