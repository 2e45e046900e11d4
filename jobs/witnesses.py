"""What must always hold between the store and those who saw it from outside: the forge, the machine, whoever looks for secrets.

Pure checks, as in `jobs.invariants`, whose table they are in. A witness nobody asked has nothing to say.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

from jobs.model import FINAL
from jobs.record import Facts, TreeEntry, Violation

LONGEST_UNREAD_S = 86_400.0
"""A webhook that has come to nothing after a day is as good as lost, whatever it waits for."""
CLAIMS = frozenset({"Claimed", "ClaimedForDelivery"})
MOST_CREATED = 5
"""How many things a run may create on the forge without a person asking again."""
MOST_COMMENT, MOST_CALLBACK, MOST_WEBHOOK = 65_536, 256 * 1024, 25 * 1024**2 + 64 * 1024
GITLINK, SYMLINK = "160000", "120000"


def no_event_lost(facts: Facts) -> Iterator[Violation]:
    """I01: what the forge was told is kept is kept, and every kept webhook comes to something, with a reason."""
    kept = {(row.event, row.delivery) for row in facts.inbox}
    for sent in facts.forge.sent if facts.forge else ():
        if sent.status == 202 and (sent.event, sent.delivery) not in kept:
            yield Violation("I01", sent.delivery, f"a {sent.event} was answered {sent.status} and is not in the inbox")
    for row in facts.inbox:
        if row.state == "pending" and row.received_at + LONGEST_UNREAD_S < facts.now:
            yield Violation("I01", row.delivery, f"it waits since {facts.now - row.received_at:.0f} s")
        if row.state in {"ignored", "dead"} and not row.reason:
            yield Violation("I01", row.delivery, f"it is {row.state} and nothing says why")


def nothing_unsigned(facts: Facts) -> Iterator[Violation]:
    """I02: each webhook names the secret that signed it, or that we fetched it from the forge ourselves."""
    for row in facts.inbox:
        how, _, which = row.verified_by.partition(":")
        if how not in {"secret", "app_api"} or (how == "secret" and not which.isdigit()):
            yield Violation("I02", row.delivery, f"it was taken in, verified by {row.verified_by!r}")


def closed_in_doubt(facts: Facts) -> Iterator[Violation]:
    """I19: nothing was claimed while the store was known to be in doubt."""
    for event in facts.events:
        if event.type in CLAIMS and any(since <= event.at <= until for since, until in facts.doubted):
            yield Violation("I19", event.run_id, f"it was claimed (event {event.seq}) while the store was in doubt")


def disposable_bell(facts: Facts) -> Iterator[Violation]:
    """I22: what was asked for came to the same as where nobody disturbed Redis."""
    came = {f"{run.scope}#{run.number}": run.state.value for run in facts.runs}
    for item, state in (facts.undisturbed or {}).items():
        if came.get(item) != state:
            yield Violation("I22", item, f"it came to {came.get(item, 'nothing')}, and to {state} with a Redis that nobody disturbed")


def one_of_each(facts: Facts) -> Iterator[Violation]:
    """I04: one pull request a run, one status comment, one check run for a commit; nothing without a run."""
    forge = facts.forge
    if forge is None:
        return
    states = {run.id: run.state for run in facts.runs}
    seen = [
        *((pull.run_id, "pull requests") for pull in forge.pulls),
        *((comment.run_id, "status comments") for comment in forge.comments if comment.run_id),
        *((check.run_id, f"check runs on {check.sha}") for check in forge.checks),
    ]
    for (run_id, what), count in Counter(seen).items():
        if count > 1:
            yield Violation("I04", run_id or "", f"it has {count} {what}")
    for run_id in sorted({run_id or "" for run_id, _ in seen} - states.keys()):
        yield Violation("I04", run_id, "it is named on the forge and not in the store")
    for check in forge.checks:
        if not check.completed and states.get(check.run_id) in FINAL:
            yield Violation("I04", check.run_id, f"it is {states[check.run_id]} and its check on {check.sha} is still in progress")


def one_sha(facts: Facts) -> Iterator[Violation]:
    """I08: the verified commit, the pull request's head and the check's commit are one, for what succeeded."""
    heads = {pull.run_id: pull.head_sha for pull in facts.forge.pulls if pull.open} if facts.forge else {}
    checked = {(check.run_id, check.sha) for check in facts.forge.checks} if facts.forge else set()
    for run in facts.runs:
        sha = run.stands_for
        if sha and run.id in heads and heads[run.id] != sha:
            yield Violation("I08", run.id, f"{sha} was delivered, its pull request stands at {heads[run.id]}")
        if sha and checked and run.id in {one for one, _ in checked} and (run.id, sha) not in checked:
            yield Violation("I08", run.id, f"{sha} was delivered, its check runs are on other commits")


def secrets_stay_in(facts: Facts) -> Iterator[Violation]:
    """I11: no secret was seen where it does not belong."""
    for seen in facts.exposed:
        yield Violation("I11", seen.what, f"it was seen in {seen.where}")


def nothing_survives(facts: Facts) -> Iterator[Violation]:
    """I12: no directory and no process of a run that is over."""
    if facts.machine is None:
        return
    over = {run.id: run.state for run in facts.runs if run.state in FINAL}
    for run_id in facts.machine.directories:
        if run_id in over:
            yield Violation("I12", run_id, f"it is {over[run_id]} and its checkout is still there")
    for run_id, pid in facts.machine.processes:
        if run_id in over:
            yield Violation("I12", run_id, f"it is {over[run_id]} and process {pid} of it lives")


def nothing_escaped(facts: Facts) -> Iterator[Violation]:
    """I13: nothing an agent wrote ran where we do."""
    for seen in facts.escaped:
        yield Violation("I13", seen.what, f"it ran outside: {seen.where}")


def polite(facts: Facts) -> Iterator[Violation]:
    """I14: no call while told to wait, and no more creations a run than it needs."""
    forge = facts.forge
    if forge is None:
        return
    for call in forge.impolite:
        yield Violation("I14", call, "it was called while we were told to wait")
    made = [*(pull.run_id for pull in forge.pulls), *(one.run_id for one in forge.comments), *(check.run_id for check in forge.checks)]
    for run_id, count in Counter(one for one in made if one).items():
        if count > MOST_CREATED:
            yield Violation("I14", run_id, f"it created {count} things on the forge")


def nothing_of_our_own(facts: Facts) -> Iterator[Violation]:
    """I18: behind no run stands the App itself."""
    for run in facts.runs if facts.forge else ():
        if facts.forge and run.actor == facts.forge.own_id:
            yield Violation("I18", run.id, "our own App asked for it")


def bounded(facts: Facts) -> Iterator[Violation]:
    """I20: nothing that is kept or said is larger than it may be."""
    for row in facts.inbox:
        if row.size > MOST_WEBHOOK:
            yield Violation("I20", row.delivery, f"its body has {row.size} bytes")
    for callback in facts.callbacks:
        if callback.size > MOST_CALLBACK:
            yield Violation("I20", callback.id, f"its body has {callback.size} bytes")
    for comment in facts.forge.comments if facts.forge else ():
        if comment.size > MOST_COMMENT:
            yield Violation("I20", f"comment {comment.id}", f"it has {comment.size} characters")


def tenants_apart(facts: Facts) -> Iterator[Violation]:
    """I21: whatever belongs to a run belongs to the run's repository and installation, exactly."""
    scopes = {run.id: run.scope for run in facts.runs}
    rows = [
        *((f"event {event.seq}", event.run_id, event.scope) for event in facts.events),
        *((f"effect {effect.kind} {effect.key}", effect.run_id, effect.scope) for effect in facts.effects),
        *((f"callback {callback.id}", callback.run_id, callback.scope) for callback in facts.callbacks),
        *((f"webhook {row.delivery}", row.run_id, row.scope) for row in facts.inbox if row.scope and row.run_id),
    ]
    for what, run_id, scope in rows:
        if run_id in scopes and scope and scope != scopes[run_id]:
            yield Violation("I21", run_id or "", f"{what} is of {scope}, the run of {scopes[run_id]}")


def clean_tree(facts: Facts) -> Iterator[Violation]:
    """I24: no delivered commit has a nested repository, a submodule or a link that leads out."""
    for entry in facts.forge.trees if facts.forge else ():
        wrong = _wrong(entry)
        if wrong:
            yield Violation("I24", entry.sha, f"{entry.path} {wrong}")


def _wrong(entry: TreeEntry) -> str:
    if entry.mode == GITLINK:
        return "is a submodule"
    if any(part.lower() == ".git" for part in PurePosixPath(entry.path).parts):
        return "is inside a git directory"
    if entry.mode == SYMLINK and _leaves(entry):
        return f"leads out, to {entry.target}"
    return ""


def _leaves(entry: TreeEntry) -> bool:
    """Whether a link's target is outside of the tree, by its words alone."""
    depth = len(PurePosixPath(entry.path).parts) - 1
    for part in PurePosixPath(entry.target).parts:
        depth += -1 if part == ".." else 0 if part == "." else 1
        if depth < 0:
            return True
    return entry.target.startswith("/")
