"""Delivery to GitHub: one branch, one check, one pull request, whoever else was there before or meanwhile."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from delivery.github import GitHubDeliveryManager
from delivery.manager import Pull
from delivery.marks import marker
from delivery.plan import plan
from jobs.errors import Fault, LeaseLost, Refused
from jobs.evidence import Receipt
from jobs.model import Lease, Repository, Run
from tests.delivery import runs
from tests.fakes.engine import FakeClock
from tests.fakes.forge import BOT, Breaks, Crash, FakeAuthority, FakeEffects, FakeForge

BRANCH = runs.RECEIPT.branch
REF = f"refs/heads/{BRANCH}"


def page(run_id: str) -> str:
    return f"https://slipway.example/runs/{run_id}"


def manager(forge: FakeForge, effects: FakeEffects | None = None, **parts: Any) -> GitHubDeliveryManager:
    given = {"authority": FakeAuthority(), "clock": FakeClock(), "key": runs.KEY, "page": page, **parts}
    return GitHubDeliveryManager(forge, forge, forge, effects or FakeEffects(), **given)


def strange(forge: FakeForge, **changes: Any) -> Pull:
    """A pull request on our branch that resembles ours but for `changes`."""
    body = f"text\n{marker(runs.run(), runs.KEY)}"
    pull = Pull(5, "https://forge.example/pull/5", runs.SHA, BRANCH, runs.REPOSITORY.id, BOT, True, False, True, body)
    forge.pulls.append(replace(pull, **changes))
    return forge.pulls[-1]


class Moving(FakeForge):
    """Somebody pushes to our branch as soon as its check has begun."""

    def start_check(self, *args: Any) -> int:
        self.refs[REF] = "e" * 40
        return super().start_check(*args)


class Deaf(FakeForge):
    """The answer to the first check is lost."""

    def start_check(self, *args: Any) -> int:
        made = super().start_check(*args)
        if len(self.checks) == 1:
            raise Fault("github_unavailable", "The answer was lost.")
        return made


def test_branch_check_and_pull_request_in_that_order() -> None:
    """Proves: 004-36, 000-13, I04, I08."""
    forge = FakeForge()
    receipt = manager(forge).deliver(runs.run(by=runs.rules(delivery={"labels": ["bot"], "reviewers": ["grace"]})))
    assert receipt == Receipt("github", BRANCH, runs.SHA, runs.BASE, 12, "https://forge.example/pull/12", 31)
    assert forge.writes == ["push", "start_check", "create", "label", "assign"]
    assert forge.refs == {REF: runs.SHA}
    assert forge.checks[31]["sha"] == forge.pulls[0].head_sha == runs.SHA
    assert forge.checks[31]["external_id"] == runs.run().id
    assert marker(runs.run(), runs.KEY) in forge.pulls[0].body


def test_delivering_again_changes_nothing() -> None:
    """Proves: I04."""
    forge, effects = FakeForge(), FakeEffects()
    first = manager(forge, effects).deliver(runs.run())
    assert manager(forge, effects).deliver(runs.run()) == first
    assert forge.writes == ["push", "start_check", "create"]


def test_a_pull_request_whose_answer_was_lost_is_adopted() -> None:
    """Proves: F72, I04."""
    forge = FakeForge(refs={REF: runs.SHA})
    strange(forge)
    assert manager(forge).deliver(runs.run()).number == 5
    assert "create" not in forge.writes


@pytest.mark.parametrize(
    "difference",
    [{"author": 666}, {"head_repository": 43}, {"body": "no mark"}, {"body": marker(runs.run(), b"guess")}],
    ids=["author", "repository", "no mark", "forged mark"],
)
def test_a_pull_request_that_is_not_ours_is_never_adopted(difference: dict[str, Any]) -> None:
    """Proves: T37."""
    forge = FakeForge()
    strange(forge, open=False, **difference)
    assert manager(forge).deliver(runs.run()).number == 13


def test_a_stranger_s_open_pull_request_on_our_branch_is_a_refusal_and_our_branch_is_gone_again() -> None:
    """Proves: T37, F71."""
    forge = FakeForge()
    strange(forge, author=666)
    with pytest.raises(Refused, match="not ours") as refused:
        manager(forge).deliver(runs.run())
    assert refused.value.reason.code == "pull_refused"
    assert forge.refs == {}


def test_a_branch_somebody_made_before_us_is_left_alone() -> None:
    """Proves: T37."""
    forge = FakeForge(refs={REF: "e" * 40})
    with pytest.raises(Refused) as refused:
        manager(forge).deliver(runs.run())
    assert refused.value.reason.code == "head_moved"
    assert forge.refs == {REF: "e" * 40}
    assert forge.pulls == []


def test_a_pull_request_github_has_but_does_not_show_yet_is_looked_for_again() -> None:
    """Proves: F73, I04."""
    forge = FakeForge(refs={REF: runs.SHA}, unseen=3)
    strange(forge)
    clock = FakeClock()
    assert manager(forge, clock=clock).deliver(runs.run()).number == 5
    assert len(forge.pulls) == 1
    assert len(clock.slept) == 3


def test_a_check_github_has_but_does_not_show_yet_is_looked_for_again() -> None:
    """GitHub takes any number of them, so nothing tells us that there is one already. Proves: F73, F76, I04."""
    forge, effects, clock = Deaf(), FakeEffects(), FakeClock()
    with pytest.raises(Fault):
        manager(forge, effects).deliver(runs.run())
    forge.blind = 3
    receipt = manager(forge, effects, clock=clock).deliver(runs.run())
    assert (list(forge.checks), receipt.check_run, len(clock.slept)) == ([31], 31, 3)


def test_an_old_head_shown_by_a_late_replica_is_waited_for() -> None:
    """Proves: F73, I08."""
    forge, effects = FakeForge(), FakeEffects()
    manager(forge, effects).deliver(runs.run())
    forge.stale = 2
    assert manager(forge, effects).deliver(runs.run()).number == 12


def test_no_receipt_while_the_head_is_another_commit() -> None:
    """Proves: I08."""
    forge, effects = FakeForge(), FakeEffects()
    manager(forge, effects).deliver(runs.run())
    forge.pulls[0] = replace(forge.pulls[0], head_sha="e" * 40)
    with pytest.raises(Fault) as fault:
        manager(forge, effects).deliver(runs.run())
    assert fault.value.reason.code == "head_moved"
    assert not isinstance(fault.value, Refused)


TOPIC = "refs/heads/topic"


def beside(**forge: Any) -> tuple[FakeForge, Run]:
    """A pull request of somebody's whose branch a rule protects, and a run on it."""
    here = FakeForge(refs={TOPIC: runs.BASE}, ruled=frozenset({TOPIC}), **forge)
    strange(here, number=9, head_ref="topic", head_sha=runs.BASE, author=666, body="theirs")
    return here, runs.run(of=runs.on_pull(head_sha=runs.BASE), by=runs.rules(delivery={"pulls": "push_or_follow_up"}))


def test_what_a_pull_request_does_not_take_leaves_once_beside_it_whatever_is_lost_on_the_way() -> None:
    """Proves: F83, F71, I04."""
    whole = Breaks()
    forge, run = beside()
    manager(whole.door(forge), whole.door(FakeEffects())).deliver(run)
    assert whole.calls.count("push") == 2
    for at in range(len(whole.calls)):
        for when in ("before", "after"):
            (forge, run), effects, breaks = beside(), FakeEffects(), Breaks(at, when)
            with suppress(Crash):  # none after a push that is refused
                manager(breaks.door(forge), breaks.door(effects)).deliver(run)
            receipt = manager(forge, effects).deliver(replace(run, attempt=2))
            ours = [pull for pull in forge.pulls if pull.author == BOT]
            assert [(pull.number, pull.head_sha) for pull in ours] == [(receipt.number, runs.SHA)], (at, when)
            assert forge.refs == {TOPIC: runs.BASE, f"refs/heads/{receipt.branch}": runs.SHA}
            assert receipt.warnings == (
                "The change could not be pushed to that branch, so it is in a pull request of its own. A rule protects refs/heads/topic.",
            )


def test_what_leaves_beside_a_pull_request_is_taken_back_when_that_is_refused_too() -> None:
    """Proves: F71, F83."""
    forge, run = beside(refuse={"create": Refused("pull_refused", "No.")})
    with pytest.raises(Refused, match="No"):
        manager(forge).deliver(run)
    assert forge.refs == {TOPIC: runs.BASE}


@pytest.mark.parametrize("code", ["head_moved", "github_refused"])
def test_only_a_push_that_is_refused_for_good_is_put_aside(code: str) -> None:
    forge, run = beside(refuse={"push": Refused(code, "No.")})
    with pytest.raises(Refused) as refused:
        manager(forge).deliver(run)
    assert (refused.value.reason.code, refused.value.reason.text) == (code, "No.")


def test_a_refused_pull_request_takes_the_branch_back() -> None:
    """Proves: F71, I04."""
    forge = FakeForge(refuse={"create": Refused("pull_refused", "No commits between main and the branch.")})
    with pytest.raises(Refused, match="No commits"):
        manager(forge).deliver(runs.run())
    assert forge.refs == {}


@pytest.mark.parametrize("lost", ["the answer", "the deletion's receipt"])
def test_a_branch_taken_back_by_a_worker_that_then_died_is_there_again_for_the_next_try(lost: str) -> None:
    """The refusal was never stored, so nobody knows that the delivery is over. Proves: F71, I04."""
    forge, effects = FakeForge(refuse={"create": Refused("pull_refused", "No commits between main and the branch.")}), FakeEffects()
    with pytest.raises(Refused):
        manager(forge, effects).deliver(runs.run())
    if lost == "the deletion's receipt":
        key = (runs.run().id, "retract", runs.SHA)
        effects.rows[key] = replace(effects.rows[key], done=False, external={})
    with pytest.raises(Refused, match="No commits"):
        manager(forge, effects).deliver(runs.run())
    assert forge.refs == {}
    forge.refuse.clear()
    assert manager(forge, effects).deliver(runs.run()).number == 12
    assert forge.refs == {REF: runs.SHA}
    manager(forge, effects).retract(runs.run())
    assert forge.refs == {}


def test_a_branch_somebody_moved_is_not_taken_back() -> None:
    """Proves: F71, F81."""
    forge = Moving(refuse={"create": Refused("pull_refused", "No.")})
    with pytest.raises(Refused):
        manager(forge).deliver(runs.run())
    assert forge.refs == {REF: "e" * 40}


def test_an_unknown_outcome_leaves_the_branch_for_the_next_try() -> None:
    """Proves: F71, F76."""
    forge, effects = FakeForge(refuse={"create": Fault("github_unavailable", "GitHub answered 502.")}), FakeEffects()
    with pytest.raises(Fault):
        manager(forge, effects).deliver(runs.run())
    assert forge.refs == {REF: runs.SHA}
    forge.refuse.clear()
    assert manager(forge, effects).deliver(runs.run()).number == 12
    assert forge.writes.count("push") == 1


def test_what_github_refuses_of_people_labels_and_check_is_a_warning() -> None:
    """Proves: 003-08."""
    no = Refused("github_refused", "Resource not accessible by integration")
    forge, effects = FakeForge(refuse={"label": no, "start_check": no}), FakeEffects()
    run = runs.run(by=runs.rules(delivery={"labels": ["bot"], "reviewers": ["nobody"]}))
    receipt = manager(forge, effects).deliver(run)
    assert receipt.check_run is None
    assert receipt.warnings == (
        "GitHub did not take the check run: Resource not accessible by integration",
        "GitHub did not take the labels: Resource not accessible by integration",
        "GitHub did not take the reviewer 'nobody'.",
    )
    assert manager(forge, effects).deliver(run).warnings == receipt.warnings


class WithoutDrafts(FakeForge):
    """A plan of GitHub's that has no drafts."""

    def create(self, repository: Repository, *, branch: str, base: str, title: str, body: str, draft: bool) -> Pull:
        return super().create(repository, branch=branch, base=base, title=title, body=body, draft=False)


def test_a_pull_request_that_could_be_no_draft_says_so_once_and_for_all() -> None:
    forge, effects = WithoutDrafts(), FakeEffects()
    told = ("It was to be a draft, and GitHub has none in this repository: it is open for review.",)
    assert manager(forge, effects).deliver(runs.run()).warnings == told
    assert manager(forge, effects).deliver(runs.run()).warnings == told
    assert manager(WithoutDrafts()).deliver(runs.run(by=runs.rules(delivery={"draft": False}))).warnings == ()


def test_nothing_leaves_when_the_requester_may_not_write_any_more() -> None:
    """Proves: I17, T05."""
    forge = FakeForge()
    with pytest.raises(Refused, match="no write"):
        manager(forge, authority=FakeAuthority(Refused("not_authorised", "ada has no write permission."))).deliver(runs.run())
    assert forge.writes == []


def test_a_worker_that_lost_its_lease_touches_nothing() -> None:
    """Proves: F74, I07."""
    forge = FakeForge()
    with pytest.raises(LeaseLost):
        manager(forge, FakeEffects(lost=True)).deliver(runs.run(lease=Lease(1, "zombie")))
    assert forge.writes == []


# on a pull request


def on_pull(forge: FakeForge, **changes: Any) -> Run:
    pull = Pull(9, "https://forge.example/pull/9", runs.BASE, "topic", runs.REPOSITORY.id, 11, True, False, False, "Please review.")
    forge.pulls.append(replace(pull, **changes))
    forge.refs["refs/heads/topic"] = forge.pulls[-1].head_sha
    return runs.run(of=runs.on_pull())


def test_a_run_on_a_pull_request_pushes_to_it_and_opens_none() -> None:
    """Proves: F81."""
    forge = FakeForge()
    receipt = manager(forge).deliver(on_pull(forge))
    assert (receipt.number, receipt.branch, receipt.sha) == (9, "topic", runs.SHA)
    assert forge.writes == ["push", "start_check"]
    assert [pull.head_sha for pull in forge.pulls] == [runs.SHA]


@pytest.mark.parametrize("merged", [True, False])
def test_a_closed_or_merged_pull_request_gets_no_push(merged: bool) -> None:
    """Proves: F80."""
    forge = FakeForge()
    with pytest.raises(Refused) as refused:
        manager(forge).deliver(on_pull(forge, open=False, merged=merged))
    assert refused.value.reason.code == "pull_closed"
    assert ("merged" if merged else "closed") in refused.value.reason.text
    assert forge.writes == []


def test_a_human_s_push_is_never_overwritten() -> None:
    """Proves: F81, T07."""
    forge = FakeForge()
    run = on_pull(forge, head_sha="e" * 40)
    with pytest.raises(Refused) as refused:
        manager(forge).deliver(run)
    assert refused.value.reason.code == "head_moved"
    assert forge.refs == {"refs/heads/topic": "e" * 40}


def test_nothing_is_pushed_to_somebody_else_s_repository() -> None:
    """Proves: T38."""
    forge = FakeForge()
    with pytest.raises(Refused):
        manager(forge).deliver(on_pull(forge, head_repository=43))
    assert forge.writes == []


def stacked(forge: FakeForge, **changes: Any) -> Run:
    return replace(on_pull(forge, **changes), rules=runs.rules(delivery={"pulls": "stack"}))


def test_a_stacked_pull_request_is_one_of_its_own_onto_the_first() -> None:
    """Proves: 004-36."""
    forge = FakeForge()
    receipt = manager(forge).deliver(stacked(forge))
    assert receipt.number == 13
    assert (forge.refs["refs/heads/topic"], forge.bases[13]) == (runs.BASE, "topic")


def test_once_the_first_is_merged_what_was_to_be_stacked_on_it_goes_where_it_went() -> None:
    """Proves: F80, F83."""
    forge = FakeForge()
    receipt = manager(forge).deliver(stacked(forge, open=False, merged=True))
    assert forge.bases[receipt.number or 0] == "main"


@pytest.mark.parametrize(("changes", "code"), [({"open": False}, "pull_closed"), ({"head_repository": 43}, "pull_refused")])
def test_nothing_is_stacked_on_a_closed_or_foreign_pull_request(changes: dict[str, Any], code: str) -> None:
    """Proves: F80, T38."""
    forge = FakeForge()
    with pytest.raises(Refused) as refused:
        manager(forge).deliver(stacked(forge, **changes))
    assert refused.value.reason.code == code
    assert forge.refs.keys() == {"refs/heads/topic"}


def test_our_own_pull_request_closed_by_somebody_is_not_opened_again() -> None:
    """Proves: F80, I04."""
    forge, effects = FakeForge(), FakeEffects()
    manager(forge, effects).deliver(runs.run())
    forge.pulls[0] = replace(forge.pulls[0], open=False)
    with pytest.raises(Refused) as refused:
        manager(forge, effects).deliver(runs.run())
    assert refused.value.reason.code == "pull_closed"
    assert len(forge.pulls) == 1


def test_a_pull_request_merged_before_its_receipt_was_written_is_delivered() -> None:
    """Proves: I04."""
    forge, effects = FakeForge(), FakeEffects()
    first = manager(forge, effects).deliver(runs.run())
    forge.pulls[0] = replace(forge.pulls[0], open=False, merged=True)
    assert manager(forge, effects).deliver(runs.run()) == first


# after a backup was restored: the store has forgotten what GitHub knows


def again(sha: str = "d" * 40, **changes: Any) -> Run:
    """The same run, worked on once more: its commit is another."""
    run = runs.run(**changes)
    assert run.snapshot
    return replace(run, snapshot=replace(run.snapshot, commit=sha))


def test_what_the_store_forgot_is_found_and_brought_up_to_date_and_not_done_twice() -> None:
    """Proves: F44, I04, I08."""
    forge = FakeForge()
    first = manager(forge).deliver(runs.run())
    receipt = manager(forge).deliver(again())
    assert (receipt.number, receipt.branch, receipt.sha) == (first.number, first.branch, "d" * 40)
    assert forge.refs == {REF: "d" * 40}
    assert [pull.head_sha for pull in forge.pulls] == ["d" * 40]


def test_a_human_s_push_onto_what_the_store_forgot_is_never_overwritten() -> None:
    """Proves: F44, F81."""
    forge = FakeForge()
    manager(forge).deliver(runs.run())
    forge.refs[REF] = "e" * 40
    forge.pulls = [replace(forge.pulls[0], head_sha="e" * 40)]
    with pytest.raises(Refused) as refused:
        manager(forge).deliver(again())
    assert refused.value.reason.code == "head_moved"
    assert forge.refs == {REF: "e" * 40}
    assert len(forge.pulls) == 1


@pytest.mark.parametrize("difference", [{"author": 666}, {"body": "no mark"}, {"open": False}], ids=["author", "no mark", "closed"])
def test_what_is_not_ours_or_over_is_not_brought_up_to_date(difference: dict[str, Any]) -> None:
    """Proves: F44, T37."""
    forge = FakeForge()
    manager(forge).deliver(runs.run())
    forge.pulls = [replace(forge.pulls[0], **difference)]
    with pytest.raises(Refused) as refused:
        manager(forge).deliver(again())
    assert refused.value.reason.code == "head_moved"
    assert forge.refs == {REF: runs.SHA}


@pytest.mark.parametrize("merged", [False, True])
def test_a_forgotten_pull_request_that_is_over_is_not_opened_a_second_time(merged: bool) -> None:
    """Proves: F44, I04."""
    forge = FakeForge()
    manager(forge).deliver(runs.run())
    forge.refs.clear()
    forge.pulls = [replace(forge.pulls[0], open=False, merged=merged)]
    with pytest.raises(Refused, match=f"#12 was {'merged' if merged else 'closed'}"):
        manager(forge).deliver(again())
    assert (len(forge.pulls), forge.refs) == (1, {})


def test_a_worker_that_slept_while_another_delivered_does_not_take_that_for_forgotten() -> None:
    """Proves: F28, F74, I07."""
    forge, effects = FakeForge(), FakeEffects()
    manager(forge).deliver(runs.run())

    class Slept(FakeForge):
        def push(self, *args: Any, **options: Any) -> None:
            effects.lost = True
            super().push(*args, **options)

    zombie = Slept(**vars(forge))
    with pytest.raises(LeaseLost):
        manager(zombie, effects).deliver(again(lease=Lease(1, "zombie")))
    assert zombie.refs == {REF: runs.SHA}


# after CI sent it back


def second(first: Receipt, sha: str = "d" * 40) -> Run:
    run = runs.run(receipt=first)
    assert run.snapshot
    return replace(run, snapshot=replace(run.snapshot, commit=sha))


def test_a_second_delivery_moves_our_branch_and_keeps_the_pull_request() -> None:
    """Proves: I04, I08."""
    forge, effects = FakeForge(), FakeEffects()
    first = manager(forge, effects).deliver(runs.run())
    receipt = manager(forge, effects).deliver(second(first))
    assert (receipt.number, receipt.sha, receipt.check_run) == (12, "d" * 40, 32)
    assert forge.writes == ["push", "start_check", "create", "push", "start_check", "update"]


def test_a_description_somebody_rewrote_is_left_as_it_is() -> None:
    forge, effects = FakeForge(), FakeEffects()
    first = manager(forge, effects).deliver(runs.run())
    forge.pulls[0] = replace(forge.pulls[0], body="Rewritten by a person.")
    assert manager(forge, effects).deliver(second(first)).number == 12
    assert forge.pulls[0].body == "Rewritten by a person."


def test_a_second_delivery_that_is_refused_leaves_the_branch_the_first_one_made() -> None:
    """Proves: F80."""
    forge, effects = FakeForge(), FakeEffects()
    first = manager(forge, effects).deliver(runs.run())
    forge.pulls[0] = replace(forge.pulls[0], open=False)
    with pytest.raises(Refused):
        manager(forge, effects).deliver(second(first))
    assert REF in forge.refs


def test_the_pull_request_asks_for_what_the_plan_says() -> None:
    forge = FakeForge()
    manager(forge).deliver(runs.run())
    made = plan(runs.run(), key=runs.KEY, page=page)
    assert (forge.pulls[0].body, forge.pulls[0].draft, forge.pulls[0].head_ref) == (made.body, True, made.branch)
