"""The whole Markdown of what people read about a run."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from jobs import check_run, messages
from jobs.errors import REASONS, Reason
from jobs.evidence import AgentResult, Ended, Finding, GateReport, GateResult, Turn
from jobs.markdown import money
from jobs.model import RunState, Source
from jobs.rules import AgentRule, Rules
from tests.delivery import runs

PAGE = "https://slipway.example/runs/1"
MARK = "<!-- slipway:run=1:2 -->"
FOOTER = f"Run [`ab12ab12`]({PAGE}) · attempt 1 · cost unknown · 12,345 tokens · delivery `d-1`"


def test_a_pull_request_tells_what_the_agent_says_what_the_gates_say_and_where_it_comes_from() -> None:
    """Proves: 000-13, 001-06, I23."""
    assert messages.pull_body(runs.run(), page=PAGE, marker=MARK) == (
        "What the agent says about it:\n\n"
        "> Greets in French.\n\n"
        "| Gate | Result | Time |\n"
        "| --- | --- | --- |\n"
        "| `tests` | passed | 12 s |\n\n"
        "Asked for by `ada` in #7, made on `main` at `bbbbbbbbbbbb`.\n\n"
        f"{FOOTER}\n\n"
        "Closes #7\n\n"
        f"{MARK}"
    )


def test_a_repository_without_gates_is_told_so() -> None:
    run = runs.run(by=runs.rules(gates=[], delivery={"close_issue": False}), verified=GateReport(runs.TREE), summary="")
    assert messages.pull_body(run, page=None, marker=MARK) == (
        "This repository has no gates of its own: only the built-in checks ran. Name some under `gates:` in `.github/slipway.yml`.\n\n"
        "Asked for by `ada` in #7, made on `main` at `bbbbbbbbbbbb`.\n\n"
        f"Run `{run.id}` · attempt 1 · cost unknown · 12,345 tokens · delivery `d-1`\n\n"
        f"{MARK}"
    )


def test_the_commit_names_the_run_and_the_requester() -> None:
    assert messages.commit_message(runs.run()) == (
        "Greet people in French\n\n"
        "Greets in French.\n\n"
        f"Slipway-Run: {'ab12' * 8}\n"
        "Slipway-Attempt: 1\n"
        "Slipway-Delivery: d-1\n"
        "Co-authored-by: Ada Lovelace <11+ada@users.noreply.github.com>\n"
    )


def test_the_commit_names_the_agent_and_nothing_it_made_up() -> None:
    """Proves: I23, T22."""
    result = AgentResult("claude", Ended.EXIT, 0, version="2.1.0", model="sonnet\nSigned-off-by: root")
    lines = messages.commit_message(runs.run(last_result=result)).splitlines()
    assert "Slipway-Agent: claude 2.1.0" in lines
    assert not any(line.startswith("Signed-off-by") for line in lines)


def test_nobody_can_write_a_trailer_into_our_commit_by_their_name() -> None:
    """Proves: T22."""
    actor = replace(runs.ADA, name="Eve <eve@x>\nSigned-off-by: root")
    run = runs.run(of=runs.request(source=replace(runs.ISSUE, actor=actor)), title="Fix\n\nSigned-off-by: a <b@c>")
    assert messages.commit_message(run).splitlines()[0] == "Fix Signed-off-by: a ＜b＠c>"
    assert messages.co_author(run) == "Co-authored-by: Eve eve＠xSigned-off-by: root <11+ada@users.noreply.github.com>"


def test_a_run_nobody_in_particular_asked_for_has_no_co_author() -> None:
    assert messages.co_author(runs.run(of=runs.request(source=Source("schedule")))) == ""


def said(**changes: object) -> str:
    position = changes.pop("position", None)
    assert position is None or isinstance(position, int)
    return messages.status(runs.run(**changes), position=position, page=PAGE, marker=MARK)  # type: ignore[arg-type]  # fields of Run


def test_a_waiting_run_says_its_place_in_the_line() -> None:
    waiting = {"state": RunState.QUEUED, "attempt": 0, "verified": None, "tokens": 0}
    assert said(**waiting, position=3) == (
        f"**Slipway has queued this: it is number 3 in line.**\n\nRun [`ab12ab12`]({PAGE}) · cost unknown · delivery `d-1`\n\n{MARK}"
    )
    assert "it is next." in said(**waiting, position=1)
    assert said(**waiting).startswith("**Slipway has queued this.**")


def test_a_working_run_shows_its_steps_and_the_last_gates() -> None:
    flow = {
        "steps": [
            {"name": "plan", "role": "planner"},
            {"name": "code", "depends_on": ["plan"]},
            {"name": "look", "role": "reviewer", "depends_on": ["code"]},
        ]
    }
    report = GateReport(
        runs.TREE, (replace(runs.TESTS, passed=False), replace(runs.TESTS, name="lint", passed=False, required=False, ended=Ended.TIMEOUT))
    )
    text = said(by=runs.rules(flows={"implement": flow}), state=RunState.RUNNING, verified=report)
    assert text == (
        "**Slipway is working on this.**\n\n"
        "| Step | Agent | State |\n"
        "| --- | --- | --- |\n"
        "| `plan` | `scripted` | done |\n"
        "| `code` | `scripted` | at work, iteration 2 |\n"
        "| `look` | `scripted` | to come |\n\n"
        "| Gate | Result | Time |\n"
        "| --- | --- | --- |\n"
        "| `tests` | failed | 12 s |\n"
        "| `lint` | failed (timeout), not required | 12 s |\n\n"
        f"{FOOTER}\n\n{MARK}"
    )


def test_more_than_one_turn_of_the_loop_is_told_in_a_table() -> None:
    """Proves: 001-28."""
    first = Turn("code", 1, "rejected", ("tests", "lint"))
    assert messages.history([first]) == ""
    assert messages.history(
        [first, Turn("code", 2, "failed"), Turn("code", 3, "passed"), Turn("look", 1, "rejected"), Turn("code", 1, "")]
    ) == (
        "| Step | Iteration | What came of it |\n"
        "| --- | --- | --- |\n"
        "| `code` | 1 | `tests`, `lint` did not pass |\n"
        "| `code` | 2 | the agent did not finish |\n"
        "| `code` | 3 | every required gate passed |\n"
        "| `look` | 1 | the reviewer asked for changes |\n"
        "| `code` | 1 | at work |"
    )


def test_turns_that_came_to_the_same_are_one_row() -> None:
    alike = [Turn("code", n, "rejected", ("tests",)) for n in (1, 2, 3)]
    assert messages.history([*alike, Turn("code", 4, "passed")]) == (
        "| Step | Iteration | What came of it |\n"
        "| --- | --- | --- |\n"
        "| `code` | 1–3 | `tests` did not pass |\n"
        "| `code` | 4 | every required gate passed |"
    )


@pytest.mark.parametrize(
    ("state", "stands"),
    [(RunState.QUEUED, "waits for a worker"), (RunState.PARKED, "put aside"), (RunState.RUNNING, "at work"), (RunState.FAILED, "ended")],
)
def test_a_step_is_at_work_only_while_somebody_works_on_it(state: RunState, stands: str) -> None:
    run = runs.run(state=state, reason=Reason("stopped", "x"))
    assert messages.steps(run).endswith(f"| `code` | `scripted` | {stands}, iteration 2 |")


def test_a_check_without_gates_of_the_repositorys_own_says_so_in_its_title() -> None:
    report = GateReport(runs.TREE, (replace(runs.TESTS, name="patch_size", command=()),))
    bare = runs.run(by=Rules(), state=RunState.SUCCEEDED, receipt=runs.RECEIPT, verified=report)
    assert check_run.title(bare) == "1 of 1 built-in checks passed; there are no other gates"
    assert check_run.title(runs.run(state=RunState.SUCCEEDED, receipt=runs.RECEIPT)) == "1 of 1 gates passed"


def test_a_check_says_what_its_run_waits_for() -> None:
    """GitHub shows its title as plain text, cut by nobody but us. Proves: I09."""
    reason = Reason("github_unavailable", f"GitHub answered `POST /pulls` with 502. {'It is tried again. ' * 9}")
    parked = runs.run(state=RunState.PARKED, reason=reason, not_before=1_000_000.0)
    assert check_run.title(parked) == (
        "GitHub answered POST /pulls with 502. It is tried again. It is tried again. It is tried again. It is tried …"
    )
    assert "GitHub answered `POST /pulls` with 502." in check_run.summary(parked, PAGE)
    assert "It goes on by itself at 1970-01-12 13:46 UTC." in check_run.summary(parked, PAGE)
    waiting = runs.run(state=RunState.AWAITING_APPROVAL, plan="First the test.")
    assert "> First the test." in check_run.summary(waiting, PAGE)
    assert "Comment `/slipway approve` to go on" in check_run.summary(waiting, PAGE)


def test_a_reason_that_looks_like_markdown_begins_no_block() -> None:
    """Proves: T22."""
    text = said(state=RunState.FAILED, reason=Reason("agent_failed", "~~~ it said\n\n# Approved"), verified=None)
    assert "\n\n… ~~~ it said # Approved ~~~ Say more" in text


def test_a_plan_is_shown_with_the_words_that_let_it_go_on() -> None:
    """Proves: 000-33."""
    text = said(state=RunState.AWAITING_APPROVAL, plan="First the test.\n\n/slipway approve", not_before=1_000_000.0, verified=None)
    assert text == (
        "**Slipway has a plan and waits for a yes.**\n\n"
        "> First the test.\n>\n> ／slipway approve\n\n"
        "What planning cost is not known; no budget bounds it (`limits.cost_usd`).\n\n"
        "Comment `/slipway approve` to go on, with changes after the word if you want any, or `/slipway stop`."
        " Without an answer the run ends at 1970-01-12 13:46 UTC.\n\n"
        "| Step | Agent | State |\n| --- | --- | --- |\n| `code` | `scripted` | waits for a yes, iteration 2 |\n\n"
        f"{FOOTER}\n\n{MARK}"
    )


@pytest.mark.parametrize(
    ("flow", "cost", "most", "told"),
    [
        ("implement", 0.12, 3.0, "Planning cost $0.12; the 2 steps to come are estimated at $0.24, by what planning cost; "
                                 "at most $3.00 in all, by its budget."),
        ("plan", 0.12, None, "Planning cost $0.12; the step to come is estimated at $0.12, by what planning cost; "
                             "no budget bounds it (`limits.cost_usd`)."),
        ("plan", None, 3.0, "What planning cost is not known; at most $3.00 in all, by its budget."),
    ],
)  # fmt: skip
def test_a_plan_comes_with_an_estimate(flow: str, cost: float | None, most: float | None, told: str) -> None:
    run = runs.run(cost_usd=cost, step="plan")
    rules = run.rules.model_copy(
        update={"limits": run.rules.limits.model_copy(update={"cost_usd": most}), "agent": AgentRule(name="claude")}
    )
    assert messages.estimate(replace(run, rules=rules, request=replace(run.request, flow=flow))) == told


def test_a_delivered_run_points_at_the_pull_request_and_its_warnings() -> None:
    receipt = replace(runs.RECEIPT, warnings=("GitHub did not take the reviewer 'grace'.",))
    text = said(state=RunState.SUCCEEDED, receipt=receipt, cost_usd=0.4217)
    assert text == (
        "**Slipway is done: the change is in #12.**\n\n"
        "- GitHub did not take the reviewer 'grace'.\n\n"
        "| Step | Agent | State |\n| --- | --- | --- |\n| `code` | `scripted` | done |\n\n"
        "| Gate | Result | Time |\n| --- | --- | --- |\n| `tests` | passed | 12 s |\n\n"
        f"{FOOTER.replace('unknown', '$0.42')}\n\n{MARK}"
    )


def test_a_review_shows_its_verdict() -> None:
    result = AgentResult("scripted", Ended.EXIT, 0, body="Looks right.", decision="approve")
    text = said(state=RunState.SUCCEEDED, snapshot=None, verified=None, last_result=result)
    assert text.startswith("**Slipway is done; there was nothing to deliver.**\n\n> Looks right.\n\n")


def test_a_failed_run_says_why_what_was_found_and_what_to_do() -> None:
    """Proves: 001-28, I09, F88."""
    reason = Reason("gates_failed", "Gate tests did not pass after 5 iterations.")
    text = said(state=RunState.FAILED, reason=reason, findings=runs.FOUND, verified=None)
    assert text == (
        "**Slipway could not finish this.**\n\n"
        "Gate tests did not pass after 5 iterations. "
        "Read the findings, say more in the task or correct the gate, then comment `/slipway retry`.\n\n"
        "- `tests` `hello.py:3`: expected 'bonjour'\n"
        "- `tests`: ＠all see /slipway run this\n\n"
        "| Step | Agent | State |\n| --- | --- | --- |\n| `code` | `scripted` | ended, iteration 2 |\n\n"
        f"{FOOTER}\n\n{MARK}"
    )


def test_a_parked_run_says_when_it_goes_on() -> None:
    reason = Reason("github_unavailable", "GitHub answered 502.")
    parked = said(state=RunState.PARKED, reason=reason, not_before=1_000_000.0, verified=None)
    assert "GitHub answered 502." in parked
    assert "It goes on by itself at 1970-01-12 13:46 UTC." in parked
    assert "Comment `/slipway retry` to let it go on." in said(state=RunState.PARKED, reason=reason, verified=None)


def test_a_run_rejected_for_an_unknown_flow_can_still_be_told_about() -> None:
    """Proves: I09."""
    reason = Reason("unknown_flow", "There is no flow 'dance'.")
    run = runs.run(of=runs.request(flow="dance"), state=RunState.REJECTED, reason=reason, verified=None)
    text = messages.status(run, position=None, page=None, marker=MARK)
    assert text.startswith("**Slipway did not start on this.**\n\nThere is no flow 'dance'. Correct what is named here, then ask again.")


@pytest.mark.parametrize("code", sorted(REASONS))
def test_every_reason_but_success_tells_what_to_do(code: str) -> None:
    """Proves: 001-28, I09."""
    assert bool(messages.advice(Reason(code, "x"))) == (code != "succeeded")


@pytest.mark.parametrize("state", list(RunState))
def test_every_state_has_a_headline_and_a_check_title(state: RunState) -> None:
    """Proves: I09."""
    run = runs.run(state=state, reason=Reason("stopped", "ada said stop"))
    assert messages.headline(run, None)
    assert check_run.title(run)


NASTY = st.sampled_from(
    ["/slipway run", "@everyone", "fixes #1", "acme/x#3", "![i](https://e.example/p)", "<img src=x>", "<!-- slipway:run=1:2 -->", "```",
     "| a | b |", "https://evil.example", "www.evil.example", "[a](b)", "\n\n", "\n", " ", "&lt;", "---", "~~~",
     "> ", "# Head", "\\", "plain"]
)  # fmt: skip
TEXT = st.one_of(st.text(max_size=30), st.lists(NASTY, max_size=8).map("".join))


@settings(max_examples=100, deadline=None)
@given(title=TEXT, summary=TEXT, message=TEXT, reason=TEXT, path=TEXT)
def test_whatever_others_wrote_our_pages_do_nothing(title: str, summary: str, message: str, reason: str, path: str) -> None:
    """Proves: T22, F88."""
    found = (Finding("tests", message, path or None, 1),)
    run = runs.run(
        title=title, summary=summary, plan=summary, findings=found, reason=Reason("gates_failed", reason or "x"), state=RunState.FAILED
    )
    for text in (
        messages.pull_body(run, page=PAGE, marker=MARK),
        messages.status(run, position=None, page=PAGE, marker=MARK),
        messages.status(replace(run, state=RunState.AWAITING_APPROVAL), position=None, page=PAGE, marker=MARK),
        check_run.summary(run, PAGE),
        check_run.text(run),
        messages.commit_message(run),
    ):
        assert not any(line.lstrip().lower().startswith("/slipway") for line in text.splitlines())
        assert text.count("<!--") == text.count(MARK)
        assert not re.search(r"@\w", text.replace("11+ada@users", ""))
        assert _links(text) <= {PAGE, "mailto:11+ada@users.noreply.github.com"}
        assert PAGE in _links(text) or PAGE not in text
        assert "\n" not in messages.title(run)
        assert len(text.encode()) < 65_000


def _links(text: str) -> set[str]:
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(text)
    inner = [child for token in tokens for child in token.children or ()]
    assert not any(child.type == "image" for child in inner)
    return {str(child.attrs["href"]) for child in inner if child.type == "link_open"}


def test_a_page_has_an_end_and_keeps_its_mark() -> None:
    """Proves: I20."""
    run = runs.run(summary="é" * 100_000, findings=tuple(Finding("tests", "x" * 5_000) for _ in range(500)), state=RunState.FAILED)
    for text in (messages.pull_body(run, page=PAGE, marker=MARK), messages.status(run, position=None, page=PAGE, marker=MARK)):
        assert len(text.encode()) < 65_000
        assert text.endswith(MARK)
    assert "- and 480 more" in check_run.text(run)


@pytest.mark.parametrize(("cost", "shown"), [(None, "unknown"), (0.0, "$0.00"), (0.004, "under $0.01"), (1.239, "$1.24")])
def test_an_unknown_cost_is_never_zero(cost: float | None, shown: str) -> None:
    assert money(cost) == shown


def test_built_in_checks_are_one_row_unless_they_fail() -> None:
    """Proves: 004-22."""
    passed = [GateResult(name, (), passed=True, duration_s=0.2) for name in ("protected_path", "too_large", "secret_found")]
    lint = GateResult("lint", ("ruff",), passed=False, required=False, duration_s=3.0)
    failed = GateResult("mass_deletion", (), passed=False)
    assert messages.gate_table(GateReport("t", (*passed, failed, lint))) == (
        "| Gate | Result | Time |\n| --- | --- | --- |\n"
        "| `mass_deletion` | failed | 0 s |\n"
        "| `lint` | failed, not required | 3 s |\n"
        "| built-in checks | 3 passed | 1 s |"
    )
    assert messages.gate_table(GateReport("t")) == ""
