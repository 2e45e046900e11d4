"""The checker of the invariants finds one planted violation of each, so that a silence of it means something."""

from dataclasses import replace
from pathlib import Path

import pytest

from jobs.invariants import INVARIANTS, violations
from jobs.model import Phase, RunState
from jobs.record import (
    AttemptFacts,
    BudgetFacts,
    CallbackFacts,
    CheckSeen,
    CommentSeen,
    EffectFacts,
    EventFacts,
    Facts,
    Forge,
    InboxFacts,
    IterationFacts,
    Launch,
    Machine,
    PullSeen,
    ReservationFacts,
    RunFacts,
    Sent,
    Sighting,
    TreeEntry,
)  # fmt: skip
from tests.faults.witness import disguises, in_files

R, P = RunState, Phase
SECRET = "ghp_a secret of this test"
RUN, SHA, SCOPE, HOOK = "a" * 32, "5" * 40, "7:8", "guid-1"
STEPS: list[tuple[str, RunState, Phase, int]] = [
    ("Queued", R.QUEUED, P.PREPARE, 0), ("Claimed", R.RUNNING, P.PREPARE, 1), ("Prepared", R.RUNNING, P.BUILD, 1),
    ("Launched", R.RUNNING, P.BUILD, 1), ("Built", R.RUNNING, P.SNAPSHOT, 1), ("Snapshotted", R.RUNNING, P.VERIFY, 1),
    ("Passed", R.RUNNING, P.NEXT, 1), ("FlowFinished", R.DELIVERING, P.DELIVER, 1), ("Delivered", R.SUCCEEDED, P.DONE, 1),
]  # fmt: skip
RUN_FACTS = RunFacts(
    id=RUN, intent_key="label:1", scope=SCOPE, number=7, state=R.SUCCEEDED, phase=P.DONE, version=len(STEPS), reason_code="succeeded",
    reason_text="A pull request is open.", trigger="label", actor=5, permission="write", delivery=HOOK, lease_token=1, lease_owner=None,
    lease_until=0.0, most_iterations=3, snapshot_sha=SHA, snapshot_tree="t", verified_tree="t", delivered_sha=SHA,
    receivers=frozenset({"https://r"}),
)  # fmt: skip
WELL = Facts(
    now=1000.0,
    runs=[RUN_FACTS],
    events=[
        EventFacts(n, RUN, name, state, phase, 1, token, HOOK, SCOPE, *(("code", 1) if name == "Launched" else ()))
        for n, (name, state, phase, token) in enumerate(STEPS, 1)
    ],
    attempts=[AttemptFacts(RUN, 1, 1, launched=True, ended=True)],
    iterations=[IterationFacts(RUN, 1, "code", 1, ended=True, decision="passed", result=True, report=True)],
    callbacks=[CallbackFacts("m1", RUN, "https://r", "run.succeeded", "sent", SCOPE, 400)],
    ticks=[("ring", 1), ("ring", 2)],
    inbox=[InboxFacts(1, "issues", HOOK, "done", "started", "secret:0", SCOPE, RUN, 990.0, 2000)],
    effects=[EffectFacts(RUN, "push", SHA, SCOPE)],
    launches=[Launch(RUN, 1, "code", 1)],
    forge=Forge(
        own_id=99,
        sent=[Sent(HOOK, "issues", 202)],
        pulls=[PullSeen(8, RUN, SHA, open=True)],
        comments=[CommentSeen(1, 7, RUN, 900)],
        checks=[CheckSeen(1, RUN, SHA, completed=True)],
        trees=[TreeEntry(SHA, "120000", "docs/link", "../README.md"), TreeEntry(SHA, "100644", ".github/x.yml")],
    ),
    machine=Machine(["b" * 32], [("b" * 32, 12)]),
)
BUDGET = BudgetFacts("7:8", "microdollars", 20_000, most=100, spent=40, reserved=0, overrun=0)
SET_ASIDE = ReservationFacts(RUN, "7:8", "microdollars", 20_000, 5)


def _run(**changed: object) -> Facts:
    return replace(WELL, runs=[replace(RUN_FACTS, **changed)])


def _forge(**changed: object) -> Facts:
    assert WELL.forge
    return replace(WELL, forge=replace(WELL.forge, **changed))


def _inbox(**changed: object) -> Facts:
    return replace(WELL, inbox=[replace(WELL.inbox[0], **changed)])


def _tree(mode: str, path: str, target: str = "") -> Facts:
    return _forge(trees=[TreeEntry(SHA, mode, path, target)])


PLANTED: list[tuple[str, Facts]] = [
    ("I01", replace(WELL, inbox=[])),
    ("I01", _inbox(state="pending", received_at=-90_000.0)),
    ("I01", _inbox(state="dead", reason=None)),
    ("I02", _inbox(verified_by="")),
    ("I02", _inbox(verified_by="secret:")),
    ("I03", replace(WELL, runs=[RUN_FACTS, replace(RUN_FACTS, id="b" * 32)])),
    ("I04", _forge(pulls=[PullSeen(8, RUN, SHA, open=True), PullSeen(9, RUN, SHA, open=False)])),
    ("I04", _forge(comments=[CommentSeen(1, 7, RUN, 9), CommentSeen(2, 7, RUN, 9)])),
    ("I04", _forge(checks=[CheckSeen(1, RUN, SHA, completed=True), CheckSeen(2, RUN, SHA, completed=True)])),
    ("I04", _forge(checks=[CheckSeen(1, RUN, SHA, completed=False)])),
    ("I04", _forge(pulls=[PullSeen(8, "c" * 32, SHA, open=True)])),
    ("I05", _run(lease_owner="a ghost")),
    ("I05", replace(WELL, attempts=[AttemptFacts(RUN, 1, 1, launched=True, ended=False)])),
    ("I06", replace(WELL, launches=[])),
    ("I06", replace(WELL, launches=[*(WELL.launches or ()), *(WELL.launches or ())])),
    ("I06", replace(WELL, attempts=[AttemptFacts(RUN, 1, 1, launched=False, ended=True)])),
    ("I07", _run(lease_token=0)),
    ("I07", replace(WELL, events=[*WELL.events[:-1], replace(WELL.events[-1], token=1, type="Built")])),
    ("I07", replace(WELL, events=[*WELL.events[:1], replace(WELL.events[1], token=9), *WELL.events[2:]])),
    ("I08", _forge(pulls=[PullSeen(8, RUN, "6" * 40, open=True)])),
    ("I08", _forge(checks=[CheckSeen(1, RUN, "6" * 40, completed=True)])),
    ("I09", _run(reason_code="unknown")),
    ("I09", _run(reason_text=" ")),
    ("I10", replace(WELL, callbacks=[])),
    ("I11", replace(WELL, exposed=[Sighting("the App's key", "slipway.log")])),
    ("I12", replace(WELL, machine=Machine([RUN]))),
    ("I12", replace(WELL, machine=Machine([], [(RUN, 4711)]))),
    ("I13", replace(WELL, escaped=[Sighting("a fsmonitor hook", "the control repository")])),
    ("I14", _forge(impolite=["POST /repos/acme/greeter/pulls"])),
    ("I14", _forge(checks=[CheckSeen(n, RUN, str(n) * 40, completed=True) for n in range(1, 6)])),
    ("I15", replace(WELL, ticks=[("ring", 1), ("ring", 1)])),
    ("I16", replace(WELL, reservations=[SET_ASIDE])),
    ("I16", replace(WELL, budgets=[replace(BUDGET, reserved=7)])),
    ("I16", replace(WELL, budgets=[replace(BUDGET, spent=101)])),
    ("I17", _run(permission="none")),
    ("I17", _run(snapshot_sha="6" * 40)),
    ("I18", _run(actor=99)),
    ("I19", replace(WELL, doubted=[(40.0, 60.0)], events=[WELL.events[0], replace(WELL.events[1], at=50.0), *WELL.events[2:]])),
    ("I20", _forge(comments=[CommentSeen(1, 7, RUN, 70_000)])),
    ("I20", _inbox(size=30 * 1024**2)),
    ("I20", replace(WELL, callbacks=[replace(WELL.callbacks[0], size=2**20)])),
    ("I21", replace(WELL, effects=[EffectFacts(RUN, "push", SHA, "7:88")])),
    ("I21", _inbox(scope="77:8")),
    ("I22", replace(WELL, undisturbed={f"{SCOPE}#7": "failed"})),
    ("I22", replace(WELL, undisturbed={f"{SCOPE}#8": "succeeded"})),
    ("I23", replace(WELL, events=[replace(event, delivery=None) for event in WELL.events])),
    ("I24", _tree("160000", "vendor/other")),
    ("I24", _tree("100644", "a/.GIT/config")),
    ("I24", _tree("120000", "a/link", "../../etc/passwd")),
    ("I24", _tree("120000", "link", "/etc/passwd")),
]


def test_a_healthy_installation_has_no_violation() -> None:
    assert violations(WELL) == []


@pytest.mark.parametrize(("invariant", "facts"), PLANTED)
def test_a_planted_violation_is_found(invariant: str, facts: Facts) -> None:
    """Proves: I01, I02, I03, I04, I05, I06, I07, I08, I09, I10, I11, I12, I13, I14, I15, I16, I17, I18, I19, I20, I21, I22, I23, I24."""
    found = violations(facts)
    assert invariant in {one.invariant for one in found}, found
    assert all(str(one).startswith(f"{one.invariant} ") and len(one.text) > 10 for one in found)


def test_each_of_the_24_has_a_planted_violation_and_says_what_to_do() -> None:
    assert list(INVARIANTS) == [f"I{number:02}" for number in range(1, 25)]
    assert {invariant for invariant, _ in PLANTED} == set(INVARIANTS)
    assert [name for name, kept in INVARIANTS.items() if len(kept.remedy) < 30] == []


@pytest.mark.parametrize("disguise", sorted(disguises(SECRET)))
def test_a_secret_is_seen_in_its_usual_disguises(tmp_path: Path, disguise: bytes) -> None:
    """Proves: I11."""
    (tmp_path / "credentials").write_bytes(disguise)
    assert list(in_files(tmp_path, [SECRET])) == []
    (tmp_path / "service.log").write_bytes(b"before " + disguise + b" after")
    assert [seen.where for seen in in_files(tmp_path, [SECRET])] == ["service.log"]
