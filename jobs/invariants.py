"""What must hold of the store at any moment, as pure checks over one consistent view of it; nothing is changed by looking."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from jobs import witnesses
from jobs.errors import REASONS
from jobs.events import BY_NAME
from jobs.machine import PHASES, RUN
from jobs.model import FINAL, HELD, Phase, RunState
from jobs.record import EventFacts, Facts, RunFacts, Violation

GRACE_S = 60.0
"""How long a run may stand under a dead lease: two rounds of the duty that takes it back."""
PEOPLE = frozenset({"label", "command", "rerequest"})
"""The triggers behind which there is a person, whose permission was asked for."""


RESULTS = frozenset({"planned", "build_failed", "approved", "rejected", "no_change", "refused", "passed"})
"""What an iteration comes to once its agent's result is known."""
FINISHES = frozenset({"Snapshotted", "Planned", "ReviewApproved", "ReviewRejected", "BuildFailed", "NothingChanged", "SnapshotRefused"})
BEGINS = frozenset({"Retried", "StepStarted"})
EVIDENCE = "report it, with what `slipway show RUN --evidence DIR` writes"
Check = Callable[[Facts], Iterator[Violation]]


@dataclass(frozen=True, slots=True)
class Invariant:
    """A promise, its check over facts, and what a person can do once it is broken."""

    promise: str
    check: Check
    remedy: str


T = TypeVar("T")


def violations(facts: Facts) -> list[Violation]:
    """Everything that is wrong, by invariant; empty is well."""
    return [found for kept in INVARIANTS.values() for found in kept.check(facts)]


def remedy(found: Violation) -> str:
    """What a person can do about it."""
    return INVARIANTS[found.invariant].remedy


def one_intent_one_run(facts: Facts) -> Iterator[Violation]:
    """I03: no intent has two runs, and no item two at work."""
    for key, count in Counter(run.intent_key for run in facts.runs).items():
        if count > 1:
            yield Violation("I03", key, f"{count} runs have this intent key")
    at_work = Counter((run.scope, run.number) for run in facts.runs if run.state in HELD and run.number is not None)
    for (scope, number), count in at_work.items():
        if count > 1:
            yield Violation("I03", f"{scope}#{number}", f"{count} runs are at work on this item")


def no_orphans(facts: Facts) -> Iterator[Violation]:
    """I05: a run is at work exactly when somebody's lease on it lives."""
    held = {run.id for run in facts.runs if run.state in HELD}
    for run in facts.runs:
        if run.id in held and run.lease_until + GRACE_S < facts.now:
            yield Violation("I05", run.id, f"it is {run.state} and its lease ended {facts.now - run.lease_until:.0f} s ago")
        if run.id not in held and run.lease_owner is not None:
            yield Violation("I05", run.id, f"it is {run.state} and {run.lease_owner} still has a lease on it")
    for attempt in facts.attempts:
        if not attempt.ended and attempt.run_id not in held:
            yield Violation("I05", attempt.run_id, f"attempt {attempt.n} is open, and nobody is at work on the run")


def counted_once(facts: Facts) -> Iterator[Violation]:
    """I06: an attempt counts when it launched something; nothing finished is launched again; the launcher agrees."""
    launched = {(turn.run_id, turn.attempt) for turn in facts.iterations}
    for attempt in facts.attempts:
        if attempt.launched != ((attempt.run_id, attempt.n) in launched):
            yield Violation(
                "I06", attempt.run_id, f"attempt {attempt.n} counts as launched: {attempt.launched}, its iterations say otherwise"
            )
    limits = {run.id: run.most_iterations for run in facts.runs}
    for turn in facts.iterations:
        if turn.n > limits.get(turn.run_id, turn.n):
            yield Violation("I06", turn.run_id, f"iteration {turn.n} of {turn.step} is over the limit of {limits[turn.run_id]}")
    yield from _relaunched(facts)
    yield from _launcher_agrees(facts)


def _relaunched(facts: Facts) -> Iterator[Violation]:
    for run_id, events in _by_run(facts.events, lambda event: event.run_id).items():
        last: tuple[str | None, int | None] | None = None
        finished = False
        for event in events:
            if event.type == "Launched":
                if finished and (event.step, event.iteration) == last:
                    yield Violation(
                        "I06", run_id, f"iteration {event.iteration} of {event.step} was finished and launched again (event {event.seq})"
                    )
                last, finished = (event.step, event.iteration), False
            elif event.type in FINISHES | BEGINS:
                finished = event.type in FINISHES


def _launcher_agrees(facts: Facts) -> Iterator[Violation]:
    """Every process that was started has its iteration; every iteration with a result had its process.

    An iteration without a result may have had none: its worker was lost between writing it down and starting it.
    """
    if facts.launches is None:
        return
    known = {run.id for run in facts.runs}
    stored = Counter((turn.run_id, turn.attempt, turn.step, turn.n) for turn in facts.iterations)
    finished = Counter((turn.run_id, turn.attempt, turn.step, turn.n) for turn in facts.iterations if turn.result)
    started = Counter((line.run_id, line.attempt, line.step, line.iteration) for line in facts.launches if line.run_id in known)
    for key in stored.keys() | started.keys():
        if not finished[key] <= started[key] <= stored[key]:
            run_id, attempt, step, n = key
            told = f"attempt {attempt}, {step} {n}: {started[key]} processes were started, {stored[key]} launches are stored"
            yield Violation("I06", run_id, f"{told}, {finished[key]} of them with a result")


def fenced(facts: Facts) -> Iterator[Violation]:
    """I07: only listed transitions, each from where the last one led; no older token after a newer one; final is final."""
    events = _by_run(facts.events, lambda event: event.run_id)
    for run in facts.runs:
        yield from _walked(run, events.get(run.id, []))
    tokens = Counter((attempt.run_id, attempt.token) for attempt in facts.attempts)
    for (run_id, token), count in tokens.items():
        if count > 1:
            yield Violation("I07", run_id, f"{count} attempts have the lease token {token}")


def _walked(run: RunFacts, events: Sequence[EventFacts]) -> Iterator[Violation]:
    state, phase, token = RunState.QUEUED, Phase.PREPARE, 0
    for event in events:
        kind = BY_NAME.get(event.type)
        allowed = (RUN[state].moves.get(kind), PHASES[phase].moves.get(kind)) if kind else (None, None)
        if allowed != (event.state, event.phase):
            yield Violation("I07", run.id, f"event {event.seq} ({event.type}) led from {state}/{phase} to {event.state}/{event.phase}")
        if event.token and event.token < token:
            yield Violation("I07", run.id, f"event {event.seq} ({event.type}) was written with token {event.token} after {token}")
        state, phase, token = event.state, event.phase, max(token, event.token)
    if (state, phase) != (run.state, run.phase):
        yield Violation("I07", run.id, f"it stands at {run.state}/{run.phase}, its events lead to {state}/{phase}")
    if run.version != (events[-1].seq if events else 0):
        yield Violation("I07", run.id, f"its version is {run.version}, its last event {events[-1].seq if events else 'none'}")
    if run.lease_token < token:
        yield Violation("I07", run.id, f"its lease token {run.lease_token} is below {token}, which an event was written with")


def no_silent_end(facts: Facts) -> Iterator[Violation]:
    """I09: whatever is over or put aside says why, and what was tried left its evidence."""
    for run in facts.runs:
        if run.state not in FINAL | {RunState.PARKED}:
            continue
        if run.reason_code not in REASONS:
            yield Violation("I09", run.id, f"it is {run.state} with the reason {run.reason_code!r}")
        if not (run.reason_text or "").strip():
            yield Violation("I09", run.id, f"it is {run.state} and no sentence says why")
    yield from _unexplained(facts)


def _unexplained(facts: Facts) -> Iterator[Violation]:
    for turn in facts.iterations:
        where = f"iteration {turn.n} of {turn.step} in attempt {turn.attempt}"
        if turn.ended and turn.decision is None:
            yield Violation("I09", turn.run_id, f"{where} ended and nothing says with what")
        if turn.decision in RESULTS and not turn.result:
            yield Violation("I09", turn.run_id, f"{where} was {turn.decision} and no result of its agent is stored")
        if turn.decision == "passed" and not turn.report:
            yield Violation("I09", turn.run_id, f"{where} passed and no report of its gates is stored")


def callbacks_kept(facts: Facts) -> Iterator[Violation]:
    """I10: whoever is to be told of an end has a callback: sent, pending or a dead letter."""
    told = {(callback.run_id, callback.url, callback.type) for callback in facts.callbacks}
    for run in facts.runs:
        missing = [url for url in sorted(run.receivers) if (run.id, url, f"run.{run.state}") not in told]
        if run.state in FINAL and missing:
            yield Violation("I10", run.id, f"{len(missing)} receiver(s) of run.{run.state} have no callback")
    for callback in facts.callbacks:
        if callback.state not in {"pending", "sent", "dead"}:
            yield Violation("I10", callback.id, f"its state is {callback.state!r}")


def one_authority(facts: Facts) -> Iterator[Violation]:
    """I15: each slot of each duty was taken once."""
    for (duty, slot), count in Counter(facts.ticks).items():
        if count > 1:
            yield Violation("I15", f"{duty}@{slot}", f"it was taken {count} times")


def budget_holds(facts: Facts) -> Iterator[Violation]:
    """I16: nothing was set aside that was not there; what is set aside belongs to runs that are held, and adds up."""
    held = {run.id for run in facts.runs if run.state in HELD}
    aside: Counter[tuple[str, str, int]] = Counter()
    for kept in facts.reservations:
        aside[kept.subject, kept.unit, kept.day] += kept.amount
        if kept.run_id not in held:
            yield Violation(
                "I16", kept.run_id, f"{kept.amount} {kept.unit} of {kept.subject} are set aside, and nobody is at work on the run"
            )
    for budget in facts.budgets:
        where = f"{budget.subject} on day {budget.day}"
        if budget.spent - budget.overrun + budget.reserved > budget.most:
            yield Violation("I16", where, f"{budget.spent} spent and {budget.reserved} set aside of {budget.most} {budget.unit}")
        if budget.reserved != aside[budget.subject, budget.unit, budget.day]:
            yield Violation("I16", where, f"{budget.reserved} {budget.unit} are set aside, and not by the runs that are held")


def authorised(facts: Facts) -> Iterator[Violation]:
    """I17: behind each run a person asked for stands who that was and what they may do; what left is what was verified."""
    for run in facts.runs:
        if run.trigger in PEOPLE and (run.actor is None or run.permission in {None, "", "none"}):
            yield Violation("I17", run.id, f"it was asked for by {run.trigger}, and whoever asked has the permission {run.permission!r}")
        if run.stands_for and run.stands_for != run.snapshot_sha:
            yield Violation("I17", run.id, f"{run.stands_for} was delivered, {run.snapshot_sha} is its snapshot")
        if run.stands_for and run.verified_tree != run.snapshot_tree:
            yield Violation("I17", run.id, f"tree {run.verified_tree} was verified, {run.snapshot_tree} was delivered")


def traceable(facts: Facts) -> Iterator[Violation]:
    """I23: every event and callback belongs to a run, and carries the webhook it comes from."""
    runs = {run.id: run for run in facts.runs}
    for event in facts.events:
        run = runs.get(event.run_id)
        if run is None:
            yield Violation("I23", f"event {event.seq}", f"it is of run {event.run_id}, which does not exist")
        elif event.delivery != run.delivery:
            yield Violation("I23", run.id, f"event {event.seq} names the webhook {event.delivery}, the run {run.delivery}")
    for callback in facts.callbacks:
        if callback.run_id not in runs:
            yield Violation("I23", callback.id, f"it is of run {callback.run_id}, which does not exist")
    for run in facts.runs:
        if run.trigger in PEOPLE and run.number is None:
            yield Violation("I23", run.id, f"it was asked for by {run.trigger} and names no issue or pull request")


INVARIANTS: Mapping[str, Invariant] = {
    "I01": Invariant(
        "no event is lost", witnesses.no_event_lost, "`slipway inbox list` shows it, `slipway inbox replay ID` tries it again"
    ),
    "I02": Invariant(
        "nothing unsigned is kept", witnesses.nothing_unsigned, "stop web, change the webhook secret, and look what came of it"
    ),
    "I03": Invariant("one intent is one run", one_intent_one_run, "`slipway runs` shows both: `slipway stop` the younger one"),
    "I04": Invariant(
        "a run has one pull request, one status and one check of a commit",
        witnesses.one_of_each,
        "close what is too much of it on the forge; what is named and unknown is older than the backup that was restored",
    ),
    "I05": Invariant(
        "nothing runs without somebody who holds it",
        no_orphans,
        "a keeper takes such a run back within a minute: is one there (`slipway doctor`)? It helps to start one",
    ),
    "I06": Invariant("attempts are counted once", counted_once, EVIDENCE),
    "I07": Invariant("every write is fenced, every transition is listed", fenced, f"let nobody go on with it (`slipway stop`); {EVIDENCE}"),
    "I08": Invariant(
        "what was verified is what left", witnesses.one_sha, "do not merge it before a person has read the commit that is there"
    ),
    "I09": Invariant("nothing ends silently", no_silent_end, EVIDENCE),
    "I10": Invariant(
        "callbacks are kept until they arrive", callbacks_kept, "tell the receiver yourself; `slipway callbacks list` has the others"
    ),
    "I11": Invariant(
        "secrets stay in", witnesses.secrets_stay_in, "change that secret where it was made, then remove it where it was seen"
    ),
    "I12": Invariant(
        "nothing survives a run", witnesses.nothing_survives, "a keeper on that machine removes it within five minutes: is one there?"
    ),
    "I13": Invariant(
        "an agent's code never runs outside",
        witnesses.nothing_escaped,
        "`slipway pause`, take the machine off the network, and change every secret it had",
    ),
    "I14": Invariant("polite to the forge", witnesses.polite, f"`slipway pause --repo` until the forge has calmed down; {EVIDENCE}"),
    "I15": Invariant(
        "each slot of a duty is taken once", one_authority, "are two stores in use? `slipway doctor` on each machine names its own"
    ),
    "I16": Invariant(
        "the budget holds", budget_holds, "`slipway pause` until the next day if the money matters; what was spent is in `slipway stats`"
    ),
    "I17": Invariant("authorised from end to end", authorised, "do not merge what it delivered; ask who started it"),
    "I18": Invariant(
        "we start no runs ourselves", witnesses.nothing_of_our_own, "`slipway stop` it, and see that no other bot answers ours"
    ),
    "I19": Invariant(
        "closed while the store is in doubt", witnesses.closed_in_doubt, "`slipway pause`, then compare what it did with the forge"
    ),
    "I20": Invariant("bounded", witnesses.bounded, EVIDENCE),
    "I21": Invariant("tenants stay apart", witnesses.tenants_apart, f"`slipway pause`; tell both owners; {EVIDENCE}"),
    "I22": Invariant("Redis is disposable", witnesses.disposable_bell, EVIDENCE),
    "I23": Invariant("everything is traceable", traceable, EVIDENCE),
    "I24": Invariant("the delivered tree is clean", witnesses.clean_tree, "close the pull request without checking it out"),
}
"""Every promise of the service that must hold at any moment."""


def _by_run(rows: Iterable[T], of: Callable[[T], str]) -> Mapping[str, list[T]]:
    found: dict[str, list[T]] = defaultdict(list)
    for row in rows:
        found[of(row)].append(row)
    return found
