"""A store with one run in every state a person may meet, made the way the service makes them: by storing events."""

from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa

from delivery.callbacks import Callbacks
from infra.artifacts import FileArtifacts
from infra.store.engine import open_store
from infra.store.inbox import Delivery, SqlInbox
from infra.store.keeping import SqlWorkers
from infra.store.ledger import SqlLedger
from infra.store.outbox import SqlOutbox
from infra.store.runs import SqlRuns
from jobs import events as e
from jobs.errors import Reason
from jobs.evidence import AgentResult, Change, Ended, Failure, Finding, GateReport, GateResult, Output, Receipt, Snapshot, Tokens
from jobs.model import Actor, ItemKind, Repository, Run, RunRequest, Source
from jobs.rules import Rules

SHOP = Repository(id=42, full_name="acme/shop", installation=7)
DOCS = Repository(id=43, full_name="acme/docs", installation=7)
OCTO = Actor(id=5, login="octocat", permission="write")
HOOK = "https://hooks.example.org/services/of-the-team/and-no-others?key=hidden-too"
"""A receiver whose path is the secret, as chat services have them."""
RULES = Rules.model_validate(
    {
        "agent": "scripted",
        "gates": [{"name": "tests", "run": ["make", "test"]}, {"name": "lint", "run": ["ruff", "check"], "required": False}],
        "callbacks": [{"url": HOOK}],
    }
)
PLANNED = Rules.model_validate({**RULES.model_dump(), "agent": {"name": "claude"}, "approval": {"plan": True}})
BASE, TREE = "b" * 40, "d" * 40
PATCH = """diff --git a/shop/cart.py b/shop/cart.py
--- a/shop/cart.py
+++ b/shop/cart.py
@@ -10,7 +10,8 @@ class Cart:
     def total(self) -> Money:
-        return sum(item.price for item in self.items)
+        prices = (item.price * item.quantity for item in self.items)
+        return sum(prices, Money(0))
"""
FAILED_OUTPUT = """============================= test session starts =============================
collected 14 items
tests/test_cart.py ..F.....                                              [ 57%]
tests/test_money.py ......                                               [100%]
=================================== FAILURES ===================================
    def test_total_counts_each_item() -> None:
>       assert cart(apple, apple).total() == Money(4)
E       assert Money(2) == Money(4)
tests/test_cart.py:31: AssertionError
========================= 1 failed, 13 passed in 0.42s =========================
"""


@dataclass(frozen=True)
class Town:
    """The store and the ids of its runs by what became of them."""

    data: Path
    engine: sa.Engine
    ids: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.ids[name]


def asked(key: str, title: str, number: int | None = 7, repository: Repository = SHOP, **changes: object) -> RunRequest:
    """A run asked for by a label."""
    url = f"https://github.com/{repository.full_name}/issues/{number}"
    source = Source("label", delivery=f"delivery-{key}", item=ItemKind.ISSUE, number=number, actor=OCTO, url=url)
    request = RunRequest(f"label:{key}", repository, source, title=title, body="It should work.")
    return replace(request, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def result(**changes: object) -> AgentResult:
    """An agent's launch that is believed."""
    done = AgentResult(
        agent="scripted", ended=Ended.EXIT, exit_code=0, duration_s=12.4, model="scripted-1", session_id="s-1",
        stdout=Output(head="Reading shop/cart.py\nChanging Cart.total\n", size=40), tokens=Tokens(1200, 340), cost_usd=0.21,
        tool_calls=("Read", "Edit"), summary="Cart.total multiplies each price by its quantity.",
    )  # fmt: skip
    return replace(done, **changes)  # type: ignore[arg-type]  # as above


def snapshot(letter: str) -> Snapshot:
    """A commit of ours."""
    changes = (Change("shop/cart.py", "modified", "100644", 420), Change("tests/test_cart.py", "added", "100644", 900))
    return Snapshot(commit=letter * 40, tree=TREE, base=BASE, changes=changes, patch_bytes=812)


FINDING = Finding("tests", "test_total_counts_each_item: Money(2) == Money(4)", "tests/test_cart.py", 31)
LINT = GateResult(
    "lint", ("ruff", "check"), passed=False, required=False, exit_code=1, output=Output(head="E501 line too long"), duration_s=0.2
)
BAD = GateResult(
    "tests", ("make", "test"), passed=False, exit_code=2, duration_s=3.1, output=Output(head=FAILED_OUTPUT, size=600), findings=(FINDING,)
)
GOOD = GateResult("tests", ("make", "test"), passed=True, exit_code=0, duration_s=2.9, output=Output(head="14 passed in 0.40s", size=18))
REJECTED = GateReport(TREE, (BAD, LINT))
PASSED = GateReport(TREE, (GOOD, LINT))
LAUNCHED = (e.Prepared(BASE), e.Launched("code", 1, "scripted"))
FIRST = (*LAUNCHED, e.Built(result()), e.Snapshotted(snapshot("a")), e.Rejected(REJECTED))
AGAIN = (e.Retried(2, "tree"), e.Prepared(BASE), e.Launched("code", 2, "scripted"))
SECOND = (*AGAIN, e.Built(result(cost_usd=0.12)), e.Snapshotted(snapshot("c")))


@dataclass
class Builder:
    """Walks runs to where they should stand."""

    engine: sa.Engine
    runs: SqlRuns
    ledger: SqlLedger

    def ask(self, key: str, title: str, rules: Rules = RULES, **changes: object) -> Run:
        """A queued run."""
        return self.runs.start(asked(key, title, **changes), rules)[0]  # type: ignore[arg-type]  # as above

    def walk(self, run: Run, *events: e.Event) -> Run:
        """The run after a worker claimed it and stored these events."""
        held = self.ledger.claim("agents", "box-1:worker:4711", run.id, only=True)
        assert held is not None
        for event in events:
            held = self.ledger.commit(held, event)
        return held


def build(data: Path) -> Town:
    """The whole town."""
    engine = open_store(data)
    messages = Callbacks()
    builder = Builder(engine, SqlRuns(engine, messages=messages), SqlLedger(engine, messages=messages))
    ids = {name: run.id for name, run in _all(builder).items()}
    FileArtifacts(engine, data / "artifacts").put(ids["succeeded"], "1-code-2.diff", PATCH.encode())
    _boxes(engine, ids)
    return Town(data, engine, ids)


def _all(at: Builder) -> dict[str, Run]:
    pull = "https://github.com/acme/shop/pull/12"
    receipt = Receipt("github", "slipway/7-total-d1", "c" * 40, BASE, number=12, url=pull, check_run=99)
    cut = replace(result(), agent="claude", failure=Failure("provider_auth", "The provider refused the key."), exit_code=0)
    done = at.walk(
        at.ask("1", "The cart's total counts each item once"), *FIRST, *SECOND, e.Passed(PASSED), e.FlowFinished(), e.Delivered(receipt)
    )
    why = Reason("gates_failed", "The tests still fail after 2 turns. Look at the findings, then retry with a hint.")
    failed = at.walk(
        at.ask("2", "Prices in euros <script>alert(1)</script>", number=8), *FIRST, *SECOND, e.Rejected(REJECTED), e.GaveUp(why)
    )
    limited = Reason("provider_rate_limited", "The model's provider asks for patience. The run goes on by itself.")
    parked = at.walk(at.ask("3", "Free shipping over 50", number=9), *LAUNCHED, e.BuildFailed(cut, ()), e.Parked(limited, 0.0))
    plan = "1. Read `Cart`.\n2. Add a discount to it.\n3. Test both."
    waiting = at.walk(
        at.ask("4", "A discount for regulars", PLANNED, number=10),
        e.Prepared(BASE), e.Launched("plan", 1, "claude"), e.Planned(result(agent="claude"), plan), e.ApprovalAsked(4e9),
    )  # fmt: skip
    running = at.walk(at.ask("5", "Search finds words with accents", number=11), *FIRST, *AGAIN)
    at.runs.say(running.id, "octocat", "Please keep the index small.")
    cancelled = at.ask("6", "Rename everything", number=13)
    at.runs.stop(cancelled.id, "octocat", "Stopped by octocat: not now.")
    refused, _ = at.runs.reject(
        asked("7", "Use an unknown flow", number=14), RULES, e.RejectedAtStart(Reason("unknown_flow", "There is no flow 'ship'."))
    )
    queued = at.ask("8", "Faster checkout page", number=15)
    behind = at.ask("9", "Document the API", number=3, repository=DOCS)
    return {
        "succeeded": done, "failed": failed, "parked": parked, "awaiting_approval": waiting, "running": running, "cancelled": cancelled,
        "rejected": refused, "queued": queued, "behind": behind,
    }  # fmt: skip


def _boxes(engine: sa.Engine, ids: dict[str, str]) -> None:
    inbox, outbox, workers = SqlInbox(engine), SqlOutbox(engine), SqlWorkers(engine)
    hooks = [
        ("issues", "labeled", "done"),
        ("issue_comment", "created", "ignored"),
        ("check_suite", "completed", "dead"),
        ("issues", "labeled", ""),
    ]
    for number, (event, action, state) in enumerate(hooks, 1):
        delivery = Delivery("1234", event, f"0f3c-{number}", action, "192.0.2.1", "secret:0", b"{}")
        (row, _new), *_ = inbox.insert([delivery])
        held = inbox.claim(row) if state else None
        if held:
            why = {"ignored": "The comment holds no command.", "dead": "The payload has no `check_suite`."}
            inbox.finish(held, state, why.get(state), ids["succeeded"] if state == "done" else None)
    for number, row in enumerate(outbox.due(3)):
        taken = outbox.claim(row)
        assert taken is not None
        if number == 0:
            outbox.sent(taken, 200)
        else:
            outbox.failed(
                taken,
                500,
                f"The receiver answered 500. Cannot POST {HOOK.removeprefix('https://hooks.example.org')}",
                None if number == 1 else 4e9,
            )
    for role in ("web", "worker", "keeper"):
        workers.started(f"box-1:{role}:4711", role=role, host="box-1", pid=4711, version="0.1.0", config_hash="0123456789abcdef")
