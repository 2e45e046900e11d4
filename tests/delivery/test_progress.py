"""What an item shows of a run: comment, labels, check runs; by the run as it stands and nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from delivery.manager import CheckText
from delivery.progress import FIX, RETRY, STOP, Around, Check, Status, checks, conclusion, labels, status
from jobs.errors import REASONS, Reason
from jobs.evidence import Finding, GateReport
from jobs.model import FINAL, Run, RunState, Source
from tests.delivery import runs

MARK = "<!-- slipway:run=1:2 -->"
PAGE = "https://slipway.example/runs/1"
FOOTER = f"Run [`ab12ab12`]({PAGE}) · attempt 1 · cost unknown · 12,345 tokens · delivery `d-1`"


def show(run: Run, **more: Any) -> Status:
    return status(run, MARK, Around(page=PAGE, **more))


@pytest.mark.parametrize("state", list(RunState))
def test_labels_follow_the_run(state: RunState) -> None:
    stands = {RunState.SUCCEEDED: "slipway:done"}.get(state, "slipway:failed" if state in FINAL else "slipway:running")
    shown = show(runs.run(state=state, reason=Reason("stopped", "x")))
    assert shown.add == (stands,)
    assert set(shown.remove) == {"slipway", "slipway:running", "slipway:done", "slipway:failed"} - {stands}


def test_a_mapped_label_gives_way_too_and_another_flow_s_stays() -> None:
    run = runs.run(of=runs.request(flow="fix"))
    assert labels(run) == (("slipway:running",), ("slipway:fix", "slipway:done", "slipway:failed"))


def test_the_labels_are_the_newest_run_s() -> None:
    """Proves: F07."""
    shown = show(runs.run(state=RunState.FAILED, reason=Reason("stopped", "x")), newest=False)
    assert (shown.add, shown.remove) == ((), ())
    assert shown.comment


def test_a_run_without_an_item_has_neither_comment_nor_labels_but_its_check() -> None:
    run = runs.run(of=runs.request(source=Source("api")), state=RunState.SUCCEEDED, receipt=runs.RECEIPT)
    shown = show(run, started=(runs.SHA,))
    assert (shown.comment, shown.add) == (None, ())
    assert [check.conclusion for check in shown.checks] == ["success"]


def test_the_whole_check_of_a_delivered_run() -> None:
    report = GateReport(
        runs.TREE,
        (
            runs.TESTS,
            replace(runs.TESTS, name="lint", passed=False, required=False, findings=(Finding("lint", "@all: long line", "a.py", 3),)),
        ),
    )
    run = runs.run(state=RunState.SUCCEEDED, receipt=runs.RECEIPT, verified=report)
    text = CheckText(
        title="1 of 2 gates passed",
        summary=(
            "**Slipway is done: the change is in #12.**\n\n"
            "| Gate | Result | Time |\n| --- | --- | --- |\n| `tests` | passed | 12 s |\n| `lint` | failed, not required | 12 s |\n\n"
            f"{FOOTER}"
        ),
        text="",
        annotations=(Finding("lint", "＠all: long line", "a.py", 3),),
        actions=(FIX,),
    )
    assert checks(run, PAGE, [runs.SHA]) == (Check(runs.SHA, text, "success", begin=True),)


def test_the_whole_check_of_a_failed_run() -> None:
    """Proves: I09."""
    reason = Reason("gates_failed", "Gate tests did not pass after 5 iterations.")
    run = runs.run(of=runs.on_pull(), state=RunState.FAILED, reason=reason, findings=runs.FOUND, verified=None)
    [check] = checks(run, PAGE, [])
    assert (check.sha, check.conclusion, check.begin) == (runs.BASE, "failure", True)
    assert check.text == CheckText(
        title="Gate tests did not pass after 5 iterations.",
        summary=(
            "**Slipway could not finish this.**\n\n"
            "Gate tests did not pass after 5 iterations. "
            "Read the findings, say more in the task or correct the gate, then comment `/slipway retry`.\n\n"
            f"{FOOTER.replace('d-1', 'd-2')}"
        ),
        text="- `tests` `hello.py:3`: expected 'bonjour'\n- `tests`: ＠all see /slipway run this",
        annotations=(Finding("tests", "expected 'bonjour'", "hello.py", 3),),
        actions=(RETRY, FIX),
    )


def test_buttons_fit_what_github_takes() -> None:
    for button in (STOP, RETRY, FIX):
        assert len(button["label"]) <= 20 and len(button["identifier"]) <= 20 and len(button["description"]) <= 40


def test_a_working_run_on_a_pull_request_has_its_check_in_progress_on_the_authorised_head() -> None:
    [check] = checks(runs.run(of=runs.on_pull(), state=RunState.RUNNING), PAGE, [])
    assert (check.sha, check.conclusion, check.text.title, check.text.actions) == (runs.BASE, None, "Slipway is working on this.", (STOP,))


def test_a_working_run_on_an_issue_has_none_and_a_delivery_under_way_is_left_alone() -> None:
    """Proves: I08."""
    assert checks(runs.run(state=RunState.RUNNING), PAGE, []) == ()
    assert checks(runs.run(state=RunState.DELIVERING), PAGE, [runs.SHA]) == ()


def test_the_check_on_a_head_we_pushed_over_says_where_it_goes_on() -> None:
    """Proves: I08."""
    receipt = replace(runs.RECEIPT, branch="topic", number=9)
    run = runs.run(of=runs.on_pull(), state=RunState.SUCCEEDED, receipt=receipt)
    old, new = checks(run, PAGE, [runs.BASE, runs.SHA])
    assert (old.sha, old.conclusion, old.begin) == (runs.BASE, "neutral", False)
    assert old.text == CheckText("Continued on a newer commit", f"Slipway delivered `{runs.SHA}`; its check is on that commit.")
    assert (new.sha, new.conclusion) == (runs.SHA, "success")


def test_a_delivery_that_ended_halfway_leaves_no_check_in_progress() -> None:
    """Proves: F86, I09."""
    run = runs.run(state=RunState.FAILED, reason=Reason("pull_refused", "No."))
    assert [(c.sha, c.conclusion, c.begin) for c in checks(run, PAGE, [runs.SHA])] == [(runs.SHA, "failure", False)]
    assert checks(run, PAGE, []) == ()


def test_waiting_for_ci_keeps_the_check_in_progress() -> None:
    [check] = checks(runs.run(state=RunState.AWAITING_CI, receipt=runs.RECEIPT), PAGE, [runs.SHA])
    assert (check.sha, check.conclusion) == (runs.SHA, None)


@pytest.mark.parametrize(
    ("state", "code", "expected"),
    [
        (RunState.SUCCEEDED, "succeeded", "success"),
        (RunState.FAILED, "gates_failed", "failure"),
        (RunState.FAILED, "sandbox_unavailable", "failure"),
        (RunState.FAILED, "wall_timeout", "timed_out"),
        (RunState.FAILED, "head_moved", "neutral"),
        (RunState.FAILED, "gates_required", "action_required"),
        (RunState.CANCELLED, "stopped", "cancelled"),
        (RunState.CANCELLED, "head_moved", "cancelled"),
        (RunState.REJECTED, "config_invalid", "action_required"),
        (RunState.PARKED, "github_unavailable", None),
        (RunState.RUNNING, "succeeded", None),
    ],
)
def test_conclusions(state: RunState, code: str, expected: str | None) -> None:
    """Proves: F86, I09."""
    assert conclusion(runs.run(state=state, reason=Reason(code, "x"))) == expected


@pytest.mark.parametrize("code", sorted(REASONS))
def test_no_failure_is_ever_shown_as_success(code: str) -> None:
    """Proves: 001-28."""
    assert conclusion(runs.run(state=RunState.FAILED, reason=Reason(code, "x"))) in ("failure", "timed_out", "neutral", "action_required")


def test_success_without_gates_or_without_delivery_is_neutral() -> None:
    done = runs.run(state=RunState.SUCCEEDED, receipt=runs.RECEIPT)
    assert conclusion(replace(done, rules=runs.rules(gates=[]))) == "neutral"
    assert conclusion(replace(done, receipt=replace(runs.RECEIPT, kind="none"))) == "neutral"
    assert conclusion(replace(done, verified=None)) == "neutral"


def test_a_place_in_the_line_is_told_while_waiting() -> None:
    assert "number 2 in line" in str(show(runs.run(state=RunState.QUEUED, attempt=0), position=2).comment)
