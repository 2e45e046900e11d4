"""A label on an issue becomes a verified pull request, and everybody who should know is told."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from jobs.model import Run, RunState
from tests.fakes.github import PullRequest
from tests.fakes.github.state import CheckRun, Delivery
from tests.stories.world import API_TOKEN, FILES, RIGHT_THE_SECOND_TIME, World, settled

GATE_TABLE = """\
| Gate | Result | Time |
| --- | --- | --- |
| `tests` | passed | TIME |
| built-in checks | 5 passed | TIME |"""
FOOTER = "Run `RUN` · attempt 1 · cost $0.00 · delivery `DELIVERY`"
MARK = "<!-- slipway:run=RUN:PROOF -->"
STATUS = f"""\
**Slipway is done: the change is in #8.**

| Step | Agent | State |
| --- | --- | --- |
| `code` | `scripted` | done |

{GATE_TABLE}

{FOOTER}

{MARK}"""
BODY = f"""\
What the agent says about it:

> By the scripted agent (a program, not a model): write greeter.py

{GATE_TABLE}

Asked for by `maintainer` in #7, made on `main` at `BASE`.

{FOOTER}

Closes #7

{MARK}"""


@dataclass(frozen=True)
class Told:
    """The story of one label, and what was seen on the issue in the middle of it."""

    world: World
    run: Run
    pull: PullRequest
    check: CheckRun
    asked: Delivery
    labels_meanwhile: set[str]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """One label, worked on to the end; each test looks at what came of it from another side."""
    with World(tmp_path_factory.mktemp("story")) as world:
        seen: set[str] = set()
        world.at("Launched", lambda: seen.update(world.github.labels(7)))
        asked = world.ask()
        world.work_until_idle()
        (pull,), (check,) = world.github.pulls_for(issue=7), world.github.checks()
        yield Told(world, world.run, pull, check, asked, seen)


def test_a_label_becomes_a_draft_pull_request(told: Told) -> None:
    """Proves: 000-01, 000-20, 000-31, 003-08, 004-36, 004-43, 004-01, 004-16."""
    github, run = told.world.github, told.run
    assert run.state is RunState.SUCCEEDED, run.reason
    assert told.pull == PullRequest(head=f"slipway/7-greet-in-french-{run.short}", draft=True)
    assert (told.pull.title, told.pull.base, settled(told.pull.body, run)) == ("Greet in French", "main", BODY)
    assert github.file(told.pull.head, "greeter.py") == 'GREETING = "Bonjour"\n'
    assert github.branches() == {"main", told.pull.head}


def test_the_commit_is_the_services_own_and_names_who_asked(told: Told) -> None:
    """Proves: 000-02."""
    first, title, *_, by, attempt, agent, delivery, co_author = told.world.log(told.pull.sha).splitlines()
    asker = told.world.github.hub.user("maintainer")
    assert first == f"slipway <slipway@noreply.invalid> on {told.run.base_sha}"
    assert (title, by) == ("Greet in French", f"Slipway-Run: {told.run.id}")
    assert (attempt, agent) == ("Slipway-Attempt: 1", "Slipway-Agent: scripted")
    assert delivery == f"Slipway-Delivery: {told.run.request.source.delivery}"
    assert co_author == f"Co-authored-by: maintainer <{asker.id}+maintainer@users.noreply.github.com>"


def test_the_issue_shows_the_run_from_beginning_to_end(told: Told) -> None:
    """Proves: 004-22, 000-36, 003-09."""
    github = told.world.github
    assert told.labels_meanwhile == {"slipway:running"}
    assert github.labels(7) == {"slipway:done"}
    assert github.reactions(7) == ["eyes"]
    assert settled(told.world.status(), told.run) == STATUS
    said = [str(entry.body["body"]).partition("\n")[0] for entry in github.writes() if "comments" in entry.template]
    assert list(dict.fromkeys(said)) == [
        "**Slipway has queued this: it is next.**",
        "**Slipway is working on this.**",
        "**The change passed its gates; Slipway is delivering it.**",
        "**Slipway is done: the change is in #8.**",
    ]


def test_the_check_run_begins_before_the_pull_request_and_ends_with_the_gates(told: Told) -> None:
    check, begun = told.check, told.world.github.calls("POST", "/repos/{owner}/{repo}/check-runs")[0].body
    made = [entry.template.rpartition("/")[2] for entry in told.world.github.writes() if entry.method == "POST"]
    assert made.index("check-runs") < made.index("pulls")
    assert (check.head_sha, begun["status"], check.status, check.conclusion) == (told.pull.sha, "in_progress", "completed", "success")
    assert (check.name, check.external_id, check.title) == ("slipway", told.run.id, "6 of 6 gates passed")
    assert GATE_TABLE in settled(check.summary or "", told.run)
    assert [action["identifier"] for action in check.actions] == ["fix"]


def test_four_things_are_created_on_github_and_no_more(told: Told) -> None:
    """Reaction, comment, check run, pull request: what counts against GitHub's limit on created content."""
    created = [entry.template.rpartition("/")[2] for entry in told.world.github.writes() if entry.method == "POST"]
    assert sorted(what for what in created if what != "labels") == ["check-runs", "comments", "pulls", "reactions"]


def test_receivers_hear_every_step_in_order_and_signed(told: Told) -> None:
    """Proves: 001-06, 001-15, 001-44, 002-21."""
    heard = told.world.callbacks()
    assert [(one.type, one.body["data"]["event"]) for one in heard] == [
        ("run.queued", "Queued"),
        ("run.started", "Claimed"),
        ("run.progress", "Snapshotted"),
        ("run.progress", "Passed"),
        ("run.succeeded", "Delivered"),
    ]
    assert told.world.receiver.refused == 0
    assert len({one.id for one in heard}) == len(heard)
    assert {one.body["data"]["run"]["id"] for one in heard} == {told.run.id}
    assert {one.body["data"]["deliveries"][0] for one in heard} == {told.asked.guid}
    assert [row["state"] for row in told.world.page(told.run)["callbacks"]] == ["sent"] * 5


def test_the_delivery_is_part_of_the_transaction_that_ends_the_run(told: Told) -> None:
    """Proves: 000-13."""
    last = told.world.ground.reading.events(told.run.id)[-1]
    receipt = last["payload"]["receipt"]
    assert (last["type"], last["state"]) == ("Delivered", "succeeded")
    assert (receipt["number"], receipt["sha"], receipt["base_sha"]) == (8, told.pull.sha, told.world.github.sha("main"))
    assert (receipt["url"], receipt["check_run"]) == (f"{told.world.github.url}/acme/greeter/pull/8", told.check.id)
    assert receipt["branch"] == told.pull.head


def test_the_inbox_says_what_became_of_each_webhook(told: Told) -> None:
    """Proves: 002-17, F88."""
    assert told.world.became_of(told.asked) == ("done", "started")
    others = [row for row in told.world.inbox() if row["delivery"] != told.asked.guid]
    assert others, "our own writes come back as webhooks"
    assert {row["state"] for row in others} == {"ignored"}
    assert all(row["reason"] for row in others)


def test_the_runs_page_has_the_whole_evidence(told: Told) -> None:
    """Proves: 000-36, 003-01, 003-02, 003-19, 003-20, 003-21."""
    answer = httpx.get(f"{told.world.url}/api/v1/runs/{told.run.id}", headers={"authorization": f"Bearer {API_TOKEN}"})
    page = answer.raise_for_status().json()
    (step,) = page["steps"]
    (attempt,) = step["attempts"]
    (turn,) = attempt["iterations"]
    assert (page["state"], page["reason"]["code"], page["delivery"]["number"]) == ("succeeded", "succeeded", 8)
    assert (step["name"], step["agent"], step["state"]) == ("code", "scripted", "done")
    assert (turn["n"], turn["decision"], turn["result"]["exit_code"], turn["result"]["ended"]) == (1, "passed", 0, "exit")
    assert "write greeter.py" in turn["result"]["stdout"]["head"]
    assert [result["name"] for result in turn["report"]["results"]][-1] == "tests"
    assert turn["sha"] == page["delivery"]["sha"]
    assert turn["brief"]["title"] == "Greet in French"


def test_a_rejected_snapshot_goes_back_to_the_agent_with_its_finding(tmp_path: Path) -> None:
    """Proves: 000-19, 001-43, 004-33."""
    with World(tmp_path) as world:
        world.ask(RIGHT_THE_SECOND_TIME, label="slipway:fix")
        world.work_until_idle()
        run = world.run
        assert run.state is RunState.SUCCEEDED, run.reason
        first, second = world.turns(run)
        assert first["decision"] == "rejected"
        assert "expected Bonjour, found Bonsoir" in second["brief"]["findings"][0]["message"]
        assert "| `code` | 1 | `tests` did not pass |" in world.status()


def test_a_repository_without_a_configuration_gets_a_pull_request_that_says_so(tmp_path: Path) -> None:
    """Without gates of its own nothing is proven: the check is neutral."""
    with World(tmp_path, files={"greeter.py": FILES["greeter.py"]}, server_file='[defaults]\nagent = "scripted"\n') as world:
        world.ask()
        world.work_until_idle()
        (pull,), (check,) = world.github.pulls(), world.github.checks()
        assert (world.run.state, check.conclusion) == (RunState.SUCCEEDED, "neutral")
        assert "This repository has no gates of its own: only the built-in checks ran." in pull.body


def test_whatever_is_seen_of_a_run_leads_back_to_it(told: Told) -> None:
    """Proves: I23, 001-06, 001-44."""
    world, run, pull = told.world, told.run, told.pull
    comment = next(one for one in world.github.comments(7) if "slipway:run=" in one.body)
    callback = world.callbacks()[-1]
    where = f"https://github.com/{run.repository.full_name}"
    seen = {
        "the status comment": comment.body,
        "its address": f"{where}/issues/7#issuecomment-{comment.id}",
        "the pull request": pull.body,
        "its number": f"{run.repository.full_name}#{pull.number}",
        "its branch": pull.head,
        "the check": told.check.summary,
        "its address too": f"{where}/runs/{told.check.id}",
        "the commit": world.log(pull.sha),
        "its id": pull.sha,
        "the callback": callback.body["data"]["run"]["id"],
        "its webhook-id": callback.id,
        "the webhook": told.asked.guid,
        "the issue": "#7",
    }
    for what, text in seen.items():
        assert [one["id"] for one in world.ground.reading.find(text)] == [run.id], what
    assert world.ground.reading.find("acme/other#7") == []
