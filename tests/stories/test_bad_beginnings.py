"""What cannot be started is said at once, with every mistake; what cannot be reached is tried again, and then said too."""

from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.errors import UserError
from jobs.model import Run, RunState
from tests.fakes.github.state import CheckRun
from tests.stories.world import CONFIG, FILES, RIGHT_AT_ONCE, World

MISTAKEN = """\
version: 1
agent: scripted
gats: []
limits: {wall: soon}
gates:
  - {name: tests}
"""


def rejected(world: World, code: str) -> Run:
    """The run never began, and everybody is told why."""
    run = world.run
    assert (run.state, run.reason and run.reason.code, world.launches) == (RunState.REJECTED, code, 0)
    assert world.status().startswith("**Slipway did not start on this.**")
    assert world.github.labels(7) == {"slipway:failed"}
    assert world.callbacks()[-1].type == "run.rejected"
    assert world.callbacks()[-1].body["data"]["run"]["reason"]["code"] == code
    return run


@pytest.mark.parametrize("ask", ["label", "command"])
def test_a_mistaken_configuration_is_reported_with_every_mistake_in_its_line(world: World, ask: str) -> None:
    """Proves: 000-12, 003-10."""
    world.github.push("main", {".github/slipway.yml": MISTAKEN})
    if ask == "label":
        world.ask()
    else:
        world.github.open_issue("Greet in French", RIGHT_AT_ONCE, number=7)
        world.comment("/slipway run")
    world.work_until_idle()
    rejected(world, "config_invalid")
    for mistake in ("line 3: gats: unknown key", "line 4: limits.wall: write a duration", "line 6: gates.0.run: a value is needed here"):
        assert mistake in world.status()


def test_on_a_pull_request_a_mistaken_configuration_is_a_check_run_too(world: World) -> None:
    """Proves: 003-10, F86."""
    world.github.push("main", {".github/slipway.yml": "version: 1\nagnet: scripted\n"})
    sha = world.github.push("topic", {"greeter.py": 'GREETING = "Hi"\n'})
    pull = world.github.open_pull("topic", title="A greeting", body=RIGHT_AT_ONCE)
    world.comment("/slipway fix", number=pull.number)
    world.work_until_idle()
    (check,) = world.github.checks(sha)
    assert (check.status, check.conclusion) == ("completed", "action_required")
    assert "line 2: agnet: unknown key" in f"{check.title} {check.summary}"
    assert "line 2: agnet: unknown key" in world.status(pull.number)


def places(check: CheckRun) -> list[tuple[str, int, str]]:
    return [(note["path"], note["start_line"], note["message"]) for note in check.annotations]


def test_on_an_issue_it_is_a_check_run_on_the_commit_whose_file_is_mistaken(world: World) -> None:
    """Proves: 003-10, F86."""
    sha = world.github.push("main", {".github/slipway.yml": MISTAKEN})
    world.ask()
    world.work_until_idle()
    run = rejected(world, "config_invalid")
    (check,) = world.github.checks(sha)
    assert (check.status, check.conclusion, check.external_id) == ("completed", "action_required", run.id)
    assert "line 3: gats: unknown key; line 4: limits.wall: write a duration" in str(check.summary)
    assert "a value is needed here. Correct it there. After that, ask again, or press Re-run on the check." in str(check.summary)
    assert "gates" not in str(check.summary).replace("gates.0.run", "")
    assert [place[:2] for place in places(check)] == [(".github/slipway.yml", line) for line in (3, 4, 6)]
    assert places(check)[0] == (".github/slipway.yml", 3, "gats: unknown key")
    assert world.status().count("gats: unknown key") == 1
    world.github.push("main", {".github/slipway.yml": CONFIG})
    world.pass_time(3600)
    assert world.github.checks() == [check]


def rerun(world: World) -> None:
    world.github.rerequest(world.github.checks()[-1].id)
    world.work_until_idle()


def rerun_all(world: World) -> None:
    world.github.rerequest_suite(world.github.checks()[-1].head_sha)
    world.work_until_idle()


def retried(world: World) -> None:
    world.comment("/slipway retry")
    world.work_until_idle()


AGAIN = pytest.mark.parametrize("again", [rerun, rerun_all, retried])


@AGAIN
def test_a_retry_reads_a_corrected_configuration_and_begins(world: World, again: Callable[[World], None]) -> None:
    """Proves: 003-10, F86."""
    world.github.push("main", {".github/slipway.yml": MISTAKEN})
    world.ask()
    world.work_until_idle()
    world.github.push("main", {".github/slipway.yml": CONFIG})
    again(world)
    first, second = world.runs
    assert (first.state, second.state, second.request.retry_of) == (RunState.REJECTED, RunState.SUCCEEDED, first.id)
    assert second.rules.gates, "it begins by the rules of now"
    assert (second.request.source.number, second.request.body) == (7, RIGHT_AT_ONCE)
    assert world.github.labels(7) == {"slipway:done"}
    told = [call.body for call in world.github.calls("PATCH", "/repos/{owner}/{repo}/check-runs/{check_run_id}")]
    about_the_first = [body for body in told if body.get("conclusion") == "action_required"]
    assert len(about_the_first) == (1 if again is retried else 2), "a suite that was to run again is queued until its check is written"


@AGAIN
def test_a_retry_while_the_configuration_is_mistaken_says_it_again(world: World, again: Callable[[World], None]) -> None:
    """Proves: 003-10, F86."""
    sha = world.github.push("main", {".github/slipway.yml": MISTAKEN})
    world.ask()
    world.work_until_idle()
    for times in (2, 3):
        again(world)
        runs, checks = world.runs, world.github.checks(sha)
        assert [run.reason and run.reason.code for run in runs] == ["config_invalid"] * times
        assert [(check.external_id, check.conclusion) for check in checks] == [(run.id, "action_required") for run in runs]
        assert [len(check.annotations) for check in checks] == [3] * times
        assert "line 3: gats: unknown key" in world.status(run=runs[-1])
    assert world.launches == 0


def test_what_is_mistaken_in_a_later_commit_is_marked_in_no_line_of_the_earlier_one(world: World) -> None:
    sha = world.github.push("main", {".github/slipway.yml": MISTAKEN})
    world.ask()
    world.work_until_idle()
    world.github.push("main", {".github/slipway.yml": "version: 1\nagnet: scripted\n"})
    rerun(world)
    check = world.github.checks(sha)[-1]
    assert (check.conclusion, check.annotations) == ("action_required", [])
    assert "line 2: agnet: unknown key" in str(check.text)


def test_all_that_one_commit_turned_away_is_run_again_by_its_suite(world: World) -> None:
    """Proves: F86."""
    sha = world.github.push("main", {".github/slipway.yml": MISTAKEN})
    for number in (7, 8, 9):
        world.ask(number=number)
    world.work_until_idle()
    world.github.push("main", {".github/slipway.yml": CONFIG})
    world.github.add_label(9, "slipway")
    world.work_until_idle()
    world.github.rerequest_suite(sha)
    world.work_until_idle()
    assert [(run.request.source.number, run.state) for run in world.runs[3:]] == [(n, RunState.SUCCEEDED) for n in (9, 7, 8)]


def test_a_retry_on_a_pull_request_reads_the_configuration_again(world: World) -> None:
    """Proves: 003-10, F86."""
    world.github.push("main", {".github/slipway.yml": "version: 1\nagnet: scripted\n"})
    sha = world.github.push("topic", {"greeter.py": 'GREETING = "Hi"\n'})
    pull = world.github.open_pull("topic", title="A greeting", body=RIGHT_AT_ONCE)
    world.comment("/slipway fix", number=pull.number)
    world.work_until_idle()
    rerun(world)
    assert [check.conclusion for check in world.github.checks(sha)] == ["action_required"] * 2
    world.github.push("main", {".github/slipway.yml": CONFIG})
    rerun(world)
    assert [run.state for run in world.runs] == [RunState.REJECTED, RunState.REJECTED, RunState.SUCCEEDED]
    assert world.runs[-1].request.head_sha == sha


def test_a_retry_lets_nothing_in_that_an_asking_would_not(world: World) -> None:
    """A run that was turned away was never judged by the rules of the repository, so they judge it now. Proves: T09, F86."""
    world.github.push("main", {".github/slipway.yml": "version: 1\nagnet: scripted\n"})
    fork = world.github.fork("visitor")
    world.github.push("topic", {"greeter.py": 'GREETING = "Bonjour"\n'}, by="visitor", repo=fork, deliver=False)
    pull = world.github.open_pull("topic", title="A greeting", body=RIGHT_AT_ONCE, head_repo=fork, by="visitor")
    world.comment("/slipway fix", number=pull.number)
    world.work_until_idle()
    world.github.push("main", {".github/slipway.yml": CONFIG})
    rerun(world)
    world.comment("/slipway retry", number=pull.number)
    world.work_until_idle()
    assert [run.state for run in world.runs] == [RunState.REJECTED]
    assert ["another repository" in answer for answer in world.answers(pull.number)] == [True, True]
    with pytest.raises(UserError, match="was turned away before it began"):
        world.ground.runs.retry(world.run.id, world.run.request.source, "cli")


def test_a_check_of_a_mistaken_configuration_that_was_perhaps_made_is_found_again(world: World) -> None:
    """Proves: F86, I08."""
    sha = world.github.push("main", {".github/slipway.yml": MISTAKEN})
    world.github.fail("POST", "/repos/{owner}/{repo}/check-runs", kind="cut", after=True)
    world.ask()
    world.work_until_idle()
    world.pass_time(3600)
    rejected(world, "config_invalid")
    (check,) = world.github.checks(sha)
    assert (check.status, check.conclusion, len(check.annotations)) == ("completed", "action_required", 3)


def test_what_is_mistaken_in_the_owner_s_file_has_no_line_here_and_that_is_said(world: World) -> None:
    """Proves: 003-10."""
    world.github.add_repository("acme/.github", files={".github/slipway.yml": "version: 1\nlimits: {wall: soon}\n"})
    world.ask()
    world.work_until_idle()
    rejected(world, "config_invalid")
    (check,) = world.github.checks()
    assert check.annotations == []
    told = (
        ".github/slipway.yml of acme/.github, which counts for all repositories of acme, cannot be used: line 2: limits.wall: "
        "write a duration as a number of seconds or like 90s, 15m, 2h, 1d. Somebody who may write to acme/.github has to correct it there. "
        "After that, ask again, or press Re-run on the check."
    )
    assert told in world.status()
    assert told in str(check.summary)
    assert "acme/.github, line 2: limits.wall: write a duration" in str(check.text)
    assert "nothing in this repository's own .github/slipway.yml is wrong in this" in str(check.text)


def test_what_an_owner_has_for_all_counts_as_soon_as_it_is_pushed(world: World) -> None:
    """Though it was believed that there is nothing."""
    world.ask()
    world.work_until_idle()
    home = world.github.add_repository("acme/.github", files={"README.md": "Ours.\n"})
    world.github.push("main", {".github/slipway.yml": "version: 1\nlimits: {wall: soon}\n"}, repo=home)
    world.ask(number=8)
    world.work_until_idle()
    assert [run.state for run in world.runs] == [RunState.SUCCEEDED, RunState.REJECTED]


def test_what_is_wrong_with_the_configuration_can_be_asked_for(world: World) -> None:
    world.github.push("main", {".github/slipway.yml": MISTAKEN})
    world.github.open_issue("Greet in French", number=7)
    world.comment("/slipway config")
    (answer,) = world.answers()
    assert "- line 3: gats: unknown key\n- line 4: limits.wall" in answer


def test_a_configuration_that_is_corrected_lets_the_next_asking_through(world: World) -> None:
    world.github.push("main", {".github/slipway.yml": MISTAKEN})
    world.ask()
    world.work_until_idle()
    rejected(world, "config_invalid")
    world.github.push("main", {".github/slipway.yml": FILES[".github/slipway.yml"]})
    world.github.add_label(7, "slipway")
    world.work_until_idle()
    assert [run.state for run in world.runs] == [RunState.REJECTED, RunState.SUCCEEDED]
    assert world.github.labels(7) == {"slipway:done"}


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("/slipway run --flow=ship", "unknown_flow", "There is no flow 'ship' here. Use one of implement, fix, plan, review"),
        ("/slipway run --agent=command", "unknown_agent", "The agent 'command' cannot be used here. Use one of claude, codex"),
    ],
)
def test_what_nobody_defined_is_not_started(world: World, command: str, code: str, words: str) -> None:
    """Proves: 000-12."""
    world.github.open_issue("Greet in French", RIGHT_AT_ONCE, number=7)
    world.comment(command)
    world.work_until_idle()
    rejected(world, code)
    assert words in world.status()


def test_an_agent_that_is_not_installed_ends_the_run_before_anything_is_fetched(tmp_path: Path) -> None:
    """Proves: 004-14."""
    with World(tmp_path, environ={"OPENAI_API_KEY": "sk-CANARY-of-a-test"}) as world:
        world.github.open_issue("Greet in French", RIGHT_AT_ONCE, number=7)
        world.comment("/slipway run --agent=codex")
        world.work_until_idle()
        assert (world.run.state, world.run.reason and world.run.reason.code) == (RunState.FAILED, "agent_missing")
        assert "The agent 'codex' is not installed on this machine." in world.status()
        assert [entry for entry in world.github.ledger if entry.method == "GIT"] == []


def test_a_base_that_is_not_there_is_named(world: World) -> None:
    world.github.open_issue("Greet in French", RIGHT_AT_ONCE, number=7)
    world.comment("/slipway run --base=nowhere")
    world.work_until_idle()
    assert (world.run.state, world.run.reason and world.run.reason.code) == (RunState.FAILED, "base_missing")
    assert "nowhere" in world.status()


def test_a_git_host_that_does_not_answer_is_tried_again_and_costs_no_attempt_of_the_agent(world: World) -> None:
    """Proves: 001-26, 003-07, 003-15, F66."""
    world.github.fail("GIT-REFS", "*", times=2)
    world.ask()
    world.work_until_idle()
    assert world.run.state is RunState.SUCCEEDED
    assert world.events(world.run).count("Stumbled") == 2
    assert world.launches == 1


def test_a_git_host_that_never_answers_parks_the_run_and_then_ends_it(world: World) -> None:
    """Proves: 001-26, 001-28, 003-14."""
    world.github.fail("GIT-REFS", "*", times=10_000)
    world.ask()
    world.work_until_idle()
    assert world.run.state is RunState.PARKED
    assert "**Slipway has put this aside for now.**" in world.status()
    assert "It goes on by itself at" in world.status()
    for _ in range(10):
        world.pass_time(3600)
    assert (world.run.state, world.run.reason and world.run.reason.code) == (RunState.FAILED, "fetch_failed")
    assert world.launches == 0


def test_a_repository_that_was_taken_from_us_is_named(world: World) -> None:
    """Proves: F84, 000-09."""
    world.ask()
    world.take_in()
    world.github.deselect(deliver=False)
    for _ in range(3):
        world.pass_time(3600)
    assert (world.run.state, world.run.reason and world.run.reason.code) == (RunState.FAILED, "repository_gone")


def test_a_repository_may_say_that_it_wants_none_of_this(world: World) -> None:
    """Proves: 004-42."""
    world.github.push("main", {".github/slipway.yml": f"{CONFIG}enabled: false\n"})
    told = world.ask()
    world.work_until_idle()
    assert world.runs == []
    assert world.became_of(told) == ("ignored", "the repository's configuration says `enabled: false`")
