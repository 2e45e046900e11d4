"""The wall limit of a run. Only time under a worker counts; waiting for a person, a slot or GitHub does not."""

from jobs.errors import Reason
from jobs.events import StuckNoticed
from jobs.model import HELD, Run

STUCK_S = 600.0
"""Every phase ends with the wall limit, and some seconds later at most."""


def wall(run: Run) -> float:
    """The run's wall limit in seconds: what was asked for, never over the repository's."""
    return min(run.request.wall_s or run.rules.limits.wall, run.rules.limits.wall)


def left(run: Run, now: float) -> float:
    """Seconds of the wall limit that are left at `now` (epoch seconds)."""
    held = now - run.claimed_at if run.claimed_at else 0.0
    return wall(run) - run.active_s - held


def stuck(run: Run, now: float) -> StuckNoticed | None:
    """What is to be noticed of a held run whose worker keeps the lease and should have ended it long ago; None for any other."""
    over = -left(run, now)
    return StuckNoticed(round(over)) if run.state in HELD and over > STUCK_S else None


def passed(run: Run) -> Reason:
    """Why the run ends when nothing is left: the agent that used the time up, where it was that."""
    failure = run.last_result.failure if run.last_result else None
    if failure and failure.code == "agent_timeout":
        return Reason(failure.code, failure.text)
    used = f"The run used up its {wall(run):.0f} s and was in the phase `{run.phase.value}` then."
    return Reason("wall_timeout", f"{used} Raise `limits.wall`, or ask for less at once.")
