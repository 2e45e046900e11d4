"""What may stand twice on a forge is looked for again, and all but one of it is taken back.

GitHub takes any number of comments and check runs. A process that was stopped exactly between its last look at its lease and the send
sends when it wakes, when another has long sent the same. Whoever began an effect that somebody else had left unfinished left a doubt in
its row; here each doubt is looked into for a day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from delivery.marks import marker
from infra.store.effects import Doubt
from jobs.errors import Fault, Refused
from jobs.model import Repository, Run
from jobs.ports import Clock, Effect

log = structlog.get_logger("slipway.doubles")
LOOKS_S = (30.0, 300.0, 3600.0, 86_400.0)
"""How long after the doubt arose it is looked into: whoever slept may sleep on."""
KINDS = ("comment", "check")
MOST = 50


class Doubts(Protocol):
    """Effects that were perhaps tried by two."""

    def doubted(self, kinds: Sequence[str], limit: int) -> Sequence[Doubt]:
        """Those whose next look is due."""
        ...

    def looked(self, effect: Effect, again_at: float | None) -> None:
        """When to look again; None: never."""
        ...

    def corrected(self, effect: Effect, number: int) -> None:
        """The forge's `number` is the one that is kept: what it shows is to be written anew."""
        ...


class Runs(Protocol):
    """The runs."""

    def load(self, run_id: str) -> Run:
        """Raises KeyError."""
        ...


class Strays(Protocol):
    """Finds and takes back what is too many."""

    def comments(self, repository: Repository, number: int, marker: str) -> int | None:
        """The id of the one comment of ours with the marker that is left; None where there is none."""
        ...

    def checks(self, repository: Repository, sha: str, external_id: str) -> int | None:
        """The id of the one check run of ours with that `external_id` that is left; None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Doubles:
    """A duty of the keeper."""

    doubts: Doubts
    runs: Runs
    strays: Strays
    key: bytes
    clock: Clock

    def __call__(self) -> list[str]:
        """Look into every doubt that is due; the effects of which another than the known one was kept."""
        return [f"{doubt.effect.kind} of {doubt.effect.run_id}" for doubt in self.doubts.doubted(KINDS, MOST) if self._corrected(doubt)]

    def _corrected(self, doubt: Doubt) -> bool:
        effect, again_at = doubt.effect, after(doubt.since, self.clock.now())
        try:
            kept = self._kept(effect)
        except Refused as refused:  # the repository is gone, or not ours any more
            log.info("a doubt is left", run=effect.run_id, kind=effect.kind, reason=refused.reason.code)
            kept, again_at = None, None
        except Fault as fault:
            log.warning("a doubt could not be looked into", run=effect.run_id, kind=effect.kind, reason=fault.reason.code)
            kept, again_at = None, again_at or self.clock.now() + LOOKS_S[1]
        wrong = kept is not None and kept != effect.external.get("id")
        if kept is not None and wrong:
            self.doubts.corrected(effect, kept)
        self.doubts.looked(effect, again_at)
        return wrong

    def _kept(self, effect: Effect) -> int | None:
        run = self.runs.load(effect.run_id)
        if effect.kind == "check":
            return self.strays.checks(run.repository, effect.key, run.id)
        number = run.request.source.number
        return self.strays.comments(run.repository, number, marker(run, self.key)) if number else None


def after(since: float, now: float) -> float | None:
    """When a doubt that arose at `since` is looked into next; None when that is over."""
    return next((since + age for age in LOOKS_S if since + age > now), None)
