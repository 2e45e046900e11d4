"""Runs in the states delivery and status are about."""

from dataclasses import replace

from jobs.evidence import Change, Finding, GateReport, GateResult, Receipt, Snapshot
from jobs.model import Actor, ItemKind, Phase, Repository, Run, RunRequest, RunState, Source
from jobs.rules import Rules

KEY = b"k" * 32
SHA, TREE, BASE = "c" * 40, "7" * 40, "b" * 40
REPOSITORY = Repository(id=42, full_name="acme/greeter", installation=7)
ADA = Actor(id=11, login="ada", permission="write", name="Ada Lovelace")
ISSUE = Source("label", delivery="d-1", item=ItemKind.ISSUE, number=7, actor=ADA)
PULL = Source("command", delivery="d-2", item=ItemKind.PULL, number=9, actor=ADA)
TESTS = GateResult("tests", ("make", "test"), passed=True, exit_code=0, duration_s=12.4)
SNAPSHOT = Snapshot(SHA, TREE, BASE, (Change("hello.txt", "modified", "100644", 8),), 40)


def rules(**changes: object) -> Rules:
    return Rules.model_validate({"agent": "scripted", "gates": [{"name": "tests", "run": ["make", "test"]}], **changes})


def request(**changes: object) -> RunRequest:
    asked = RunRequest("label:42:1", REPOSITORY, ISSUE, title="Greet in French", body="Please.")
    return replace(asked, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def on_pull(**changes: object) -> RunRequest:
    return request(**{"source": PULL, "head_sha": BASE, "head_ref": "topic", "intent_key": "comment:42:5:0", **changes})


def run(of: RunRequest | None = None, by: Rules | None = None, **changes: object) -> Run:
    """A run whose work is verified and about to leave."""
    whole = Run(
        "ab12" * 8,
        of or request(),
        by or rules(),
        RunState.DELIVERING,
        Phase.DELIVER,
        step="code",
        attempt=1,
        iteration=2,
        base_sha=BASE,
        snapshot=SNAPSHOT,
        verified=GateReport(TREE, (TESTS,)),
        summary="Greets in French.",
        title="Greet people in French",
        tokens=12345,
        created_at=1_000_000.0,
        started_at=1_000_005.0,
        version=9,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]  # as above


RECEIPT = Receipt("github", "slipway/7-greet-people-in-french-ab12ab12", SHA, BASE, 12, "https://forge.example/acme/greeter/pull/12", 31)
FOUND = (Finding("tests", "expected 'bonjour'", "hello.py", 3), Finding("tests", "@all see\n/slipway run this"))
