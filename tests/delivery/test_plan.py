"""The plan of a delivery: names nobody can abuse, texts that do nothing, and only what was verified."""

import json
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.marks import carries, marker
from delivery.plan import branch_name, plan, slug
from jobs.errors import Refused
from jobs.evidence import GateReport
from jobs.model import Source
from tests.delivery import runs


def page(run_id: str) -> str:
    return f"https://slipway.example/runs/{run_id}"


def test_the_branch_is_the_template_filled_in() -> None:
    """Proves: 000-27."""
    assert branch_name(runs.run()) == "slipway/7-greet-people-in-french-ab12ab12"


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{run}", "ab12ab12"),
        ("bots/{number}", "bots/7-ab12ab12"),
        ("feature/{slug}", "feature/greet-people-in-french-ab12ab12"),
        ("{unknown}/{run}", "ab12ab12"),
        ("-{run}.lock", "ab12ab12"),
        ("a..b//{run}/.hidden/x.lock.lock", "a.b/ab12ab12/hidden/x"),
        ("--upload-pack=touch${IFS}x;{run}", "upload-pack-touch-x-ab12ab12"),
        ("@{{run}}", "ab12ab12"),
        ("", "slipway/ab12ab12"),
        ("x" * 300, "x" * 111 + "-ab12ab12"),
    ],
)
def test_a_strange_template_still_gives_a_name_of_our_own(template: str, name: str) -> None:
    """Proves: 000-27, F61."""
    assert branch_name(runs.run(by=runs.rules(delivery={"branch": template}))) == name


def test_a_run_without_a_number_has_a_name_too() -> None:
    assert branch_name(runs.run(of=runs.request(source=Source("api")))) == "slipway/greet-people-in-french-ab12ab12"


@settings(max_examples=150, deadline=None)
@given(template=st.text(max_size=60), title=st.text(min_size=1, max_size=60))
def test_git_takes_every_name_we_make(template: str, title: str) -> None:
    """Proves: F61."""
    name = branch_name(runs.run(by=runs.rules(delivery={"branch": template}), title=title))
    assert subprocess.run(["git", "check-ref-format", "--branch", name], check=False, capture_output=True).returncode == 0
    assert "ab12ab12" in name


@settings(max_examples=3000, deadline=None)
@given(template=st.text(max_size=300), title=st.text(max_size=300))
def test_a_name_holds_nothing_but_the_allowed_letters(template: str, title: str) -> None:
    """Proves: F61."""
    name = branch_name(runs.run(by=runs.rules(delivery={"branch": template}), title=title))
    assert len(name) <= 120
    assert all(char.isascii() and (char.isalnum() or char in "._/-") for char in name)
    assert not any(part.startswith(("-", ".")) or part.endswith((".", ".lock", "-")) or not part for part in name.split("/"))


@pytest.mark.parametrize(
    ("title", "expected"),
    [("Größe & Übergröße", "grosse-ubergrosse"), ("日本語", "change"), ("A" * 80, "a" * 40), ("  --x-- ", "x"), ("../../etc", "etc")],
)
def test_a_slug_is_a_few_plain_letters(title: str, expected: str) -> None:
    assert slug(title.replace("ß", "ss")) == expected


def test_a_plan_says_everything_a_manager_needs() -> None:
    """Proves: 000-13, 004-36."""
    made = plan(runs.run(by=runs.rules(delivery={"labels": ["bot"], "reviewers": ["grace"], "milestone": 3})), key=runs.KEY, page=page)
    assert (made.branch, made.base, made.sha, made.base_sha) == ("slipway/7-greet-people-in-french-ab12ab12", "main", runs.SHA, runs.BASE)
    assert (made.title, made.labels, made.reviewers, made.milestone, made.draft) == (
        "Greet people in French",
        ("bot",),
        ("grace",),
        3,
        True,
    )
    assert (made.expect, made.follows, made.ref) == (None, None, "refs/heads/slipway/7-greet-people-in-french-ab12ab12")


def test_the_same_run_has_the_same_plan_at_every_try() -> None:
    """Proves: I04."""
    assert plan(runs.run(), key=runs.KEY, page=page) == plan(runs.run(attempt=1), key=runs.KEY, page=page)


def test_only_the_verified_tree_leaves() -> None:
    """Proves: I08, I24."""
    for wrong in (
        runs.run(verified=GateReport("8" * 40, (runs.TESTS,))),
        runs.run(verified=GateReport(runs.TREE, (replace(runs.TESTS, passed=False),))),
        runs.run(verified=None),
        runs.run(snapshot=None),
    ):
        with pytest.raises(Refused, match="does not leave"):
            plan(wrong, key=runs.KEY, page=page)


def test_a_pull_request_of_the_repository_gets_the_commit_on_its_own_branch() -> None:
    """Proves: F81."""
    made = plan(runs.run(of=runs.on_pull()), key=runs.KEY, page=page)
    assert (made.branch, made.expect, made.follows) == ("topic", runs.BASE, 9)


@pytest.mark.parametrize(
    ("pulls", "base", "stacks", "said"),
    [
        ("stack", "topic", 9, "Stacked on #9: it asks to be merged into that one's branch."),
        ("follow_up", "trunk", None, "Goes on from #9 and has its commits; #9 itself is left as it is."),
    ],
)
def test_a_pull_request_of_its_own_is_stacked_on_the_other_or_goes_on_from_it(pulls: str, base: str, stacks: int | None, said: str) -> None:
    """Proves: 004-36."""
    made = plan(runs.run(of=runs.on_pull(base="trunk"), by=runs.rules(delivery={"pulls": pulls})), key=runs.KEY, page=page)
    assert (made.branch, made.base, made.expect, made.follows) == ("slipway/9-greet-people-in-french-ab12ab12", base, None, None)
    assert made.stacks == stacks
    assert f"\n\n{said}\n\n" in made.body


@pytest.mark.parametrize("pulls", ["push", "push_or_follow_up", "stack", "follow_up"])
def test_what_is_asked_for_on_a_merged_pull_request_is_a_new_one_onto_its_base(pulls: str) -> None:
    """Proves: 004-36, F80."""
    asked = runs.on_pull(base="trunk", head_sha=None, head_ref=None)
    made = plan(runs.run(of=asked, by=runs.rules(delivery={"pulls": pulls})), key=runs.KEY, page=page)
    assert (made.base, made.expect, made.follows, made.stacks) == ("trunk", None, None, None)
    assert "\n\nFollows #9, which is merged.\n\n" in made.body


def test_a_second_delivery_may_move_the_branch_from_where_the_first_left_it() -> None:
    """Proves: F81."""
    first = replace(runs.RECEIPT, sha="d" * 40)
    assert plan(runs.run(receipt=first), key=runs.KEY, page=page).expect == "d" * 40
    assert plan(runs.run(receipt=replace(first, branch="other")), key=runs.KEY, page=page).expect is None


def test_the_marker_is_the_run_s_own_and_needs_the_key() -> None:
    """Proves: T37, I21."""
    run = runs.run()
    mark = marker(run, runs.KEY)
    assert mark.startswith(f"<!-- slipway:run={run.id}:")
    assert carries(f"text\n{mark}\n", run, runs.KEY)
    assert not carries(mark, run, b"other" * 8)
    assert not carries(mark, replace(run, id="cd34" * 8), runs.KEY)
    moved = replace(run.request, repository=replace(runs.REPOSITORY, id=43))
    assert not carries(mark, replace(run, request=moved), runs.KEY)


def test_the_record_tells_the_whole_story_as_json() -> None:
    """Proves: 004-37, I23."""
    told = json.loads(plan(runs.run(), key=runs.KEY, page=page).record)
    assert told["run"] == "ab12" * 8
    assert told["request"]["delivery"] == "d-1"
    assert told["sha"] == runs.SHA
    assert told["tree"] == runs.TREE
    assert told["gates"] == [{"name": "tests", "passed": True, "required": True, "seconds": 12.4}]
    assert told["cost_usd"] is None
