"""The wall limit of a run, and those of its phases. Only time under a worker counts; waiting for a person, a slot or GitHub does not."""

from math import inf

from jobs.errors import Reason
from jobs.events import StuckNoticed
from jobs.model import HELD, Phase, Run

STUCK_S = 600.0
"""Every phase ends with the wall limit, and some seconds later at most."""


def wall(run: Run) -> float:
    """The run's wall limit in seconds: what was asked for, never over the repository's."""
    return min(run.request.wall_s or run.rules.limits.wall, run.rules.limits.wall)


def left(run: Run, now: float) -> float:
    """Seconds that are left at `now` (epoch seconds): of the wall limit, or of that of the phase where that is less."""
    held = now - run.claimed_at if run.claimed_at else 0.0
    return min(wall(run) - run.active_s - held, _left_of_phase(run, now))


def phase_limit(run: Run) -> float | None:
    """How many seconds the phase at hand may take, where the repository says so."""
    limits = run.rules.limits
    bounded = {Phase.PREPARE: limits.prepare, Phase.BUILD: limits.build, Phase.VERIFY: limits.verify, Phase.DELIVER: limits.deliver}
    return bounded.get(run.phase)


def _left_of_phase(run: Run, now: float) -> float:
    most = phase_limit(run)
    return inf if most is None or run.phase_at is None else most - (now - run.phase_at)


def stuck(run: Run, now: float) -> StuckNoticed | None:
    """What is to be noticed of a held run whose worker keeps the lease and should have ended it long ago; None for any other."""
    over = -left(run, now)
    return StuckNoticed(round(over)) if run.state in HELD and over > STUCK_S else None


def passed(run: Run, now: float) -> Reason:
    """Why the run ends when nothing is left: its phase, or the agent that used the time up, where it was that."""
    if _left_of_phase(run, now) <= 0:
        name = run.phase.value
        return Reason(
            "phase_timeout", f"The phase `{name}` used up its {phase_limit(run):.0f} s. Raise `limits.{name}`, or find what it waited for."
        )
    failure = run.last_result.failure if run.last_result else None
    if failure and failure.code == "agent_timeout":
        return Reason(failure.code, failure.text)
    used = f"The run used up its {wall(run):.0f} s and was in the phase `{run.phase.value}` then."
    return Reason("wall_timeout", f"{used} Raise `limits.wall`, or ask for less at once.")
