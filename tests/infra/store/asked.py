"""Requests and walks that the store tests share."""

from dataclasses import replace

import sqlalchemy as sa

from infra.store.ledger import SqlLedger
from infra.store.runs import SqlRuns
from jobs import events as e
from jobs.evidence import AgentResult, Change, Ended, GateReport, GateResult, Receipt, Snapshot
from jobs.model import Actor, ItemKind, Repository, Run, RunRequest, Source
from jobs.rules import Rules

RULES = Rules.model_validate({"agent": "scripted", "gates": [{"name": "tests", "run": ["make", "test"]}]})
GREETER = Repository(id=42, full_name="acme/greeter", installation=7)
ANNA = Actor(id=5, login="anna", permission="write")
RESULT = AgentResult(agent="scripted", ended=Ended.EXIT, exit_code=0, summary="Greets in French.", cost_usd=0.25)
SNAPSHOT = Snapshot(commit="c" * 40, tree="d" * 40, base="b" * 40, changes=(Change("hello.py", "modified", "100644", 20),))
REPORT = GateReport(SNAPSHOT.tree, (GateResult("tests", ("make", "test"), passed=True, exit_code=0),))
RECEIPT = Receipt("github", "slipway/7-greet-1", SNAPSHOT.commit, SNAPSHOT.base, number=9, url="https://github.com/acme/greeter/pull/9")


def asked(key: str = "label:42:1", *, repository: Repository = GREETER, number: int | None = 7, **changes: object) -> RunRequest:
    """A run asked for by a label."""
    source = Source("label", delivery=f"delivery-{key}", item=ItemKind.ISSUE, number=number, actor=ANNA)
    return replace(RunRequest(key, repository, source, title="Greet in French"), **changes)


def start(engine: sa.Engine, key: str = "label:42:1", **changes: object) -> Run:
    """A queued run."""
    return SqlRuns(engine).start(asked(key, **changes), RULES)[0]


def walk(ledger: SqlLedger, run: Run, *events: e.Event) -> Run:
    """The run after its worker stored these events."""
    for event in events:
        run = ledger.commit(run, event)
    return run


LAUNCHED = (e.Prepared(SNAPSHOT.base), e.Launched("code", 1, "scripted"))
VERIFIED = (*LAUNCHED, e.Built(RESULT), e.Snapshotted(SNAPSHOT), e.Passed(REPORT))
WHOLE = (*VERIFIED, e.FlowFinished(), e.Delivered(RECEIPT))
