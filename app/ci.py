"""Waiting for the repository's own CI on what was delivered: looked at when GitHub tells of it, and now and then by the keeper."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from jobs import ci
from jobs.errors import Fault, UserError
from jobs.events import Event
from jobs.evidence import Finding
from jobs.model import Repository, Run, RunState
from jobs.ports import Clock

C = TypeVar("C", bound=ci.Check)
EVERY_S = 60.0


class Checks(Protocol[C]):
    """The checks of a commit that are not ours."""

    def checks(self, repository: Repository, sha: str) -> Sequence[C]:
        """Every one, the newest of each name. Raises Fault when nobody can tell."""
        ...

    def findings(self, repository: Repository, check: C) -> Sequence[Finding]:
        """What a failed one complains about."""
        ...


class Waiting(Protocol):
    """The runs that wait for checks."""

    def awaiting_ci(self) -> Sequence[Run]:
        """All of them, oldest first."""
        ...

    def waits_since(self, run: Run) -> float:
        """When the run began to wait (epoch seconds)."""
        ...


class Runs(Protocol):
    """Moves a run that nobody holds."""

    def happened(self, run_id: str, event: Event) -> Run:
        """Store what the world did to it. Raises UserError when that cannot happen to it any more."""
        ...


class Bell(Protocol):
    """Wakes workers."""

    def ring(self, function: str, row: str | int, queue: str | None = None) -> None:
        """Ask for a function to look at a row."""
        ...


@dataclass(frozen=True, slots=True)
class Ci(Generic[C]):
    """Lets a run go on by the checks of its delivered commit."""

    checks: Checks[C]
    waiting: Waiting
    runs: Runs
    bell: Bell
    clock: Clock

    def look(self, run: Run) -> None:
        """Look at the checks of the run's delivered commit. Raises Fault when nobody can tell how they stand."""
        if run.receipt is None or run.state is not RunState.AWAITING_CI:
            return
        seen = self.checks.checks(run.repository, run.receipt.sha)
        found = ci.outcome(seen, self._waited(run))
        if found:
            self._moved(run, ci.event(run, found, self._findings(run, seen) if found == ci.FAILED else ()))

    def rounds(self) -> int:
        """Look at everybody who waits and whose turn it is; a webhook may never have come. How many were looked at."""
        turn = [run for run in self.waiting.awaiting_ci() if ci.due(self._waited(run), EVERY_S)]
        refused: list[Fault] = []
        for run in turn:
            try:
                self.look(run)
            except Fault as fault:  # one repository that cannot be asked keeps no other from it
                refused.append(fault)
        if refused and len(refused) == len(turn):
            raise refused[0]
        return len(turn)

    def _findings(self, run: Run, seen: Sequence[C]) -> list[Finding]:
        failed = (check for check in seen if check.state == ci.FAILED)
        return [finding for check in failed for finding in self.checks.findings(run.repository, check)]

    def _moved(self, run: Run, event: Event) -> None:
        try:
            after = self.runs.happened(run.id, event)
        except UserError:  # somebody else was there first
            return
        self.bell.ring("relay", after.id)
        if after.state is RunState.QUEUED:
            self.bell.ring("advance", after.id, after.request.queue)

    def _waited(self, run: Run) -> float:
        return self.clock.now() - self.waiting.waits_since(run)


class NoCi:
    """Without an App no run waits for checks."""

    def look(self, run: Run) -> None:
        """Nothing."""
