"""What a line means, what is wrong with it, and what comes of it."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import routes
from handlers.commands import COMMANDS, MOST_LINE, Mistake, commands, help_text, understood
from handlers.events import Mistyped, Options
from handlers.intents import ApproveRun, Intent, Pause, React, RejectRun, Reply, Report, Resume, RetryRun, StartRun, Steer, StopRun
from jobs.config import Mistake as ConfigMistake
from jobs.model import Actor, ItemKind, RunRequest, Source
from jobs.rules import LimitsRule, Rules
from tests.handlers.asking import ANN, HEAD, ISSUE, PULL, REPOSITORY, command, facts, mistyped, on_pull, remark
from tests.payloads.octokit import example

SEEN = React(REPOSITORY, 7, 900, "eyes")


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("", ("help", Options(), "", False)),
        ("run", ("run", Options(), "", False)),
        ("Run the tests", ("run", Options(), "the tests", False)),
        ("fix the login, don't touch the API", ("fix", Options(), "the login, don't touch the API", False)),
        ("make it greet in French", ("run", Options(), "make it greet in French", True)),
        ("--agent codex", ("run", Options(agent="codex"), "", True)),
        ("fix --agent codex --base=release/1.x tidy up", ("fix", Options(agent="codex", base="release/1.x"), "tidy up", False)),
        ("run --flow 'implement' --budget $2.50", ("run", Options(flow="implement", budget=2.5), "", False)),
        ('run --base "main"', ("run", Options(base="main"), "", False)),
        ("run —agent codex", ("run", Options(agent="codex"), "", False)),
        ("run --AGENT codex", ("run", Options(agent="codex"), "", False)),
        ("review --sha a1b2c3d", ("review", Options(sha="a1b2c3d"), "", False)),
        ("run -- add a --verbose flag", ("run", Options(), "add a --verbose flag", False)),
        ("approve but use tabs", ("approve", Options(), "but use tabs", False)),
        ("status", ("status", Options(), "", False)),
    ],
)
def test_understood(line: str, meaning: tuple[str, Options, str, bool]) -> None:
    assert understood(line) == meaning


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("stauts", "Did you mean `/slipway status`?"),
        ("refactor", "`/slipway run refactor`"),
        ("stop using tabs", "takes no words"),
        ("run --agnet codex", "Did you mean `--agent`?"),
        ("run --verbose", "no option `--verbose`"),
        ("run --agent", "needs a value"),
        ("run --agent --flow fix", "needs a value"),
        ("run --agent=", "needs a value"),
        ("run --agent cursor", "one of claude, codex"),
        ("run --agent codex --agent claude", "stands twice"),
        ("run --base 'main", "not closed"),
        ('run --base "', "not closed"),
        ("run --base ../x", "the name of a branch"),
        ("run --base -x", "the name of a branch"),
        ("run --base a..b", "the name of a branch"),
        ("run --base a.lock", "the name of a branch"),
        ("run --flow Implement!", "the name of a flow"),
        ("run --budget lots", "an amount in dollars"),
        ("run --budget 0", "an amount in dollars"),
        ("run --budget -1", "an amount in dollars"),
        ("run --budget nan", "an amount in dollars"),
        ("run --budget 1e9", "an amount in dollars"),
        ("run --budget ٣", "an amount in dollars"),
        ("review --sha HEAD", "at least the first 7 characters"),
        ("fix --flow implement", "takes no `--flow`"),
        ("stop --agent codex", "takes no `--agent`"),
        ("run " + "x" * MOST_LINE, "at most 4000 are read"),
    ],
)
def test_what_is_wrong_is_answered(line: str, answer: str) -> None:
    """Proves: T11."""
    with pytest.raises(Mistake) as found:
        understood(line)
    assert answer in str(found.value)


def test_answers_carry_nothing_of_the_writers_that_acts() -> None:
    """Proves: T22, F88."""
    for line in ("@everyone", "run --base @a/..b<img>", "run --x`y @team", "stop @team\n/slipway run", "run --flow <!--x-->"):
        with pytest.raises(Mistake) as found:
            understood(line)
        assert "@" not in str(found.value)
        assert "<" not in str(found.value)
        assert not str(found.value).startswith("/")


@given(st.text(max_size=100))
def test_any_line_is_a_command_or_a_mistake(line: str) -> None:
    """Proves: T11."""
    try:
        name, options, text, _ = understood(line)
    except Mistake as mistake:
        assert str(mistake)  # noqa: PT017 - either outcome is right
    else:
        assert name in COMMANDS
        assert isinstance(options, Options)
        assert "\n" not in text


def test_too_many_commands_are_none() -> None:
    """Proves: F14, F89."""
    payload = example("issue_comment", "created")
    body = json.dumps({**payload, "comment": {"id": 9, "body": "/slipway run\n" * 11}}).encode()
    (event,) = commands("d", body)
    assert isinstance(event, Mistyped)
    assert "at most 10" in event.answer


def test_the_help_is_the_table() -> None:
    shown = help_text()
    for name, row in COMMANDS.items():
        assert f"`/slipway {name}{' …' if row.text else ''}`" in shown
        assert row.help in shown
    assert "\n- Options of `run`: `--agent` `--flow` `--base` `--budget` `--sha`\n- Options of `fix`, `plan`, `review`: `--agent`" in shown
    assert not [line for line in shown.split("\n") if line.startswith("/slipway")]
    assert set(COMMANDS) == {
        "run",
        "fix",
        "plan",
        "review",
        "approve",
        "retry",
        "stop",
        "status",
        "logs",
        "pause",
        "resume",
        "config",
        "help",
    }


def started(line: str, **known: object) -> RunRequest:
    eyes, start = routes.decide(command(line), facts(**known))
    assert eyes == SEEN
    assert isinstance(start, StartRun)
    return start.request


def test_a_run_is_asked_for_with_all_that_is_known_of_it() -> None:
    """Proves: I17, I23."""
    assert started("fix the typo --agent codex --base release --budget 1") == RunRequest(
        intent_key="comment:42:900:0",
        repository=REPOSITORY,
        source=Source("command", "d-1", ItemKind.ISSUE, 7, 900, Actor(1001, "ann", "write"), "https://github.example/acme/greeter/7#c"),
        title="Greet in French",
        body="please",
        instructions="the typo",
        flow="fix",
        agent="codex",
        base="release",
        cost_usd=1.0,
    )


@pytest.mark.parametrize(("line", "flow"), [("run", "implement"), ("run --flow fix", "fix"), ("plan", "plan"), ("do it now", "implement")])
def test_the_flow_is_the_commands_or_the_one_that_is_named(line: str, flow: str) -> None:
    assert started(line).flow == flow


def reply(intents: list[Intent]) -> str:
    (only,) = intents
    assert isinstance(only, Reply)
    assert only.key == "comment:42:900:0:reply"
    return only.text


def test_a_pull_request_is_worked_on_at_the_head_that_was_looked_at() -> None:
    """Proves: T07."""
    for line in ("fix", f"fix --sha {HEAD[:7]}"):
        _, start = routes.decide(on_pull(line), facts(item=PULL))
        assert isinstance(start, StartRun)
        assert (start.request.head_sha, start.request.head_ref, start.request.base) == (HEAD, "topic", "main")
    assert "is not the head" in reply(routes.decide(on_pull("fix --sha 1234567"), facts(item=PULL)))


def test_the_head_of_a_fork_needs_the_repositorys_word_and_the_askers() -> None:
    """Proves: T38."""
    for repository in (43, None):
        fork = replace(PULL, head_repository=repository)
        trusting = Rules(forks=True)
        assert "`forks: true`" in reply(routes.decide(on_pull(f"fix --sha {HEAD}"), facts(item=fork)))
        assert f"`--sha {HEAD}`" in reply(routes.decide(on_pull("fix"), facts(item=fork, rules=trusting)))
        assert "is not the head" in reply(routes.decide(on_pull("fix --sha 1234567"), facts(item=fork, rules=trusting)))
        started = routes.decide(on_pull(f"fix --sha {HEAD}"), facts(item=fork, rules=trusting))[1]
        assert isinstance(started, StartRun)
        assert (started.request.head_sha, started.request.head_ref, started.request.base) == (HEAD, None, "main")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("review", "needs a pull request"),
        ("fix --sha a1b2c3d", "needs a pull request"),
        ("fix --budget 9", "more than the $3"),
    ],
)
def test_the_wrong_place_or_price_is_answered(line: str, answer: str) -> None:
    known = facts(rules=Rules(limits=LimitsRule(cost_usd=3)))
    assert answer in reply(routes.decide(command(line), known))


def test_a_base_means_nothing_on_a_pull_request() -> None:
    assert "has its base already" in reply(routes.decide(on_pull("fix --base x"), facts(item=PULL)))


def test_on_a_merged_pull_request_a_change_is_a_new_one_from_what_it_was_merged_into() -> None:
    merged = replace(PULL, open=False, merged=True)
    _, start = routes.decide(on_pull("fix the docs too"), facts(item=merged))
    assert isinstance(start, StartRun)
    assert (start.request.head_sha, start.request.head_ref, start.request.base) == (None, None, "main")
    assert "is merged" in reply(routes.decide(on_pull("review"), facts(item=merged)))
    assert "closed" in reply(routes.decide(on_pull("fix"), facts(item=replace(PULL, open=False))))


def test_nothing_starts_on_a_closed_item() -> None:
    assert "closed" in reply(routes.decide(command("fix"), facts(item=replace(ISSUE, open=False))))


@pytest.mark.parametrize(
    ("line", "code"),
    [("run --flow nonsense", "unknown_flow"), ("run --agent scripted", "unknown_agent"), ("run --agent command", "unknown_agent")],
)
def test_what_can_never_run_is_a_rejected_run_with_its_reason(line: str, code: str) -> None:
    """Proves: 000-12, 003-10."""
    (rejected,) = routes.decide(command(line), facts())
    assert isinstance(rejected, RejectRun)
    assert rejected.reason.code == code
    assert "Use one of" in rejected.reason.text


def test_a_program_can_be_asked_for_where_the_repository_names_it() -> None:
    assert started("run --agent scripted", rules=Rules(agent="scripted")).agent == "scripted"  # type: ignore[arg-type]


def test_while_a_run_is_at_work_free_text_is_a_message_and_a_command_another_run() -> None:
    """Proves: 000-21."""
    _, steer = routes.decide(command("use tabs please"), facts(active=True))
    assert isinstance(steer, Steer)
    assert (steer.text, steer.comment, steer.actor) == ("use tabs please", 900, "ann")
    assert steer.otherwise is not None
    assert steer.otherwise.instructions == "use tabs please"
    assert isinstance(routes.decide(command("run use tabs"), facts(active=True))[1], StartRun)


def test_a_message_starts_nothing_by_a_configuration_that_is_broken() -> None:
    _, steer = routes.decide(command("use tabs please"), facts(active=True, mistakes=(ConfigMistake(1, "x", "y"),)))
    assert isinstance(steer, Steer)
    assert steer.otherwise is None


def test_a_remark_is_a_message() -> None:
    """Proves: 000-21."""
    assert routes.decide(remark("use tabs"), facts(active=True)) == [SEEN, Steer(REPOSITORY, 7, "ann", "use tabs", 900)]


def test_the_other_commands() -> None:
    """Proves: 001-36."""
    source = Source("command", "d-1", ItemKind.ISSUE, 7, 900, Actor(ANN.id, "ann", "write"), "https://github.example/acme/greeter/7#c")
    key = "comment:42:900:0"
    why = "ann asked for it with `/slipway stop`."
    assert routes.decide(command("approve but smaller"), facts()) == [SEEN, ApproveRun(REPOSITORY, 7, "ann", "but smaller")]
    assert routes.decide(command("retry"), facts()) == [SEEN, RetryRun(REPOSITORY, 7, source, key)]
    assert routes.decide(command("stop"), facts()) == [SEEN, StopRun(REPOSITORY, 7, "ann", why, 900)]
    for what in ("status", "logs", "config"):
        assert routes.decide(command(what), facts()) == [SEEN, Report(REPOSITORY, 7, what, f"{key}:reply")]
    assert routes.decide(command("help"), facts()) == [SEEN, Reply(REPOSITORY, 7, help_text(), f"{key}:reply")]
    assert routes.decide(command("pause"), facts())[1] == Pause(REPOSITORY, "ann")
    assert routes.decide(command("resume"), facts())[1] == Resume(REPOSITORY, "ann")
    assert routes.decide(mistyped("say this"), facts()) == [Reply(REPOSITORY, 7, "say this", f"{key}:reply")]
