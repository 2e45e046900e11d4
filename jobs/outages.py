"""One outage is one outage: what every run of an installation needs and does not get is tried by one of them, while the others wait. Pure.

A dependency is the model provider behind an agent, or the forge. When different runs fail at it one after the other and none gets through,
the breaker opens: nobody tries it for a while. Then it is half open: one run, the probe, may try. Its success lets everybody go on, its
failure opens the breaker for twice as long. Each installation has its own, so that nobody can stop another's runs by failing.
"""

from dataclasses import dataclass, replace

from jobs import events as e
from jobs.errors import REASONS, Class, Reason
from jobs.model import Phase, Run

OPENS_AFTER = 3
FIRST_S, MOST_S = 60.0, 1800.0
"""How long it stays open: at first, and at most."""
PROBE_S = 900.0
"""How long the others wait for a probe that neither succeeds nor fails."""
FORGE = "github"
OUTAGES = frozenset({"provider_overloaded", "provider_rate_limited", "provider_budget", "github_unavailable"})
"""What is not one run's own mistake. A key that is refused may be: a configuration can name a model that the key may not use."""
ANSWERED = (e.Built, e.Planned, e.ReviewApproved, e.ReviewRejected)
LEFT = (e.Delivered, e.ChecksAwaited)


@dataclass(frozen=True, slots=True)
class Outage:
    """What is known of a dependency that failed and has not answered since. `last` is the run that failed last, times are epoch seconds."""

    dependency: str
    code: str
    last: str
    failures: int
    since: float
    openings: int = 0
    open_until: float = 0.0
    probe: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether the breaker has opened; until `open_until` it lets nobody through, then one at a time."""
        return self.failures >= OPENS_AFTER


@dataclass(frozen=True, slots=True)
class Sign:
    """What an event says of a dependency: it failed with `code`, or it answered (None)."""

    dependency: str
    code: str | None = None


def dependencies(run: Run) -> tuple[str, ...]:
    """What the run cannot do without from here on."""
    forge = (_forge(run),) if run.repository.installation else ()
    return forge if run.phase is Phase.DELIVER else (_agent(run), *forge)


def signs(run: Run, event: e.Event) -> tuple[Sign, ...]:
    """What `event`, which happened to `run` as it stood before, says of its dependencies."""
    match event:
        case e.Parked(reason=reason) if reason.code in OUTAGES and run.claimed_at is not None:
            return (Sign(_agent(run) if REASONS[reason.code] is Class.PROVIDER else _forge(run), reason.code),)
        case e.Prepared() if run.base_sha is None:
            return (Sign(_forge(run)),)
    if isinstance(event, ANSWERED):
        return (Sign(_agent(run)),)
    return (Sign(_forge(run)),) if isinstance(event, LEFT) else ()


def failed(before: Outage | None, sign: Sign, run_id: str, at: float) -> Outage:
    """The outage after another failure. What a run failed twice in a row is known already; only a probe's opens it for longer."""
    if before is None:
        return Outage(sign.dependency, sign.code or "", run_id, 1, at)
    known = before.last == run_id and before.probe != run_id
    after = replace(before, code=sign.code or before.code, last=run_id, failures=before.failures + (not known))
    opens = after.is_open and (before.probe == run_id or not before.is_open)
    if not opens:
        return after
    wait = min(MOST_S, FIRST_S * 2.0**before.openings)
    return replace(after, openings=before.openings + 1, open_until=at + wait, probe=None)


def asked(outage: Outage, run_id: str, at: float) -> Outage | e.Parked:
    """What an outage means for a run that is about to be claimed: it is the probe now, or it waits like the others."""
    if at >= outage.open_until:
        return replace(outage, probe=run_id, open_until=at + PROBE_S)
    return e.Parked(Reason(outage.code, TEXTS[REASONS[outage.code]]), outage.open_until)


def told(outage: Outage) -> str:
    """An outage in a sentence, for the operator."""
    installation, _, name = outage.dependency.partition(":")
    what = "GitHub fails" if name == FORGE else f"The model provider behind {name} fails"
    whom = f"installation {installation}" if installation != "0" else "this machine's repositories"
    return f"{what} for every run of {whom} ({outage.code}): they wait, and one tries it now and then. See to its status and its key."


def codes(dependency: str) -> tuple[str, ...]:
    """The reasons with which runs wait for a dependency."""
    kind = Class.GITHUB if dependency.endswith(f":{FORGE}") else Class.PROVIDER
    return tuple(sorted(code for code in OUTAGES if REASONS[code] is kind))


TEXTS = {
    Class.PROVIDER: "The model provider fails for every run at the moment. This one waits with the others; one of them tries it now and "
    "then, and when it answers they all go on by themselves.",
    Class.GITHUB: "GitHub does not answer at the moment. This run waits with the others; one of them tries it now and then, and when it "
    "answers they all go on by themselves.",
}


def _agent(run: Run) -> str:
    return f"{run.repository.installation}:{run.rules.agent_of(run.current, run.request.agent).name}"


def _forge(run: Run) -> str:
    return f"{run.repository.installation}:{FORGE}"
