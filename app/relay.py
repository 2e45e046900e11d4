"""What committed runs have to say to the outside: their status on the forge, and their callbacks. At least once, so repeatable."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from delivery import progress
from delivery.manager import Board
from delivery.marks import marker
from delivery.plan import Page
from delivery.progress import Check, Status
from jobs.errors import Fault, Refused
from jobs.model import Run, RunState
from jobs.ports import Effect, Effects

External = Mapping[str, object]
FIRST_S, MOST_S = 10.0, 900.0


class Announcements(Protocol):
    """Which runs have something to say."""

    def claim(self, run_id: str) -> Run | None:
        """The run, if it has something to say now and nobody else is saying it."""
        ...

    def done(self, run: Run, version: int) -> None:
        """Everything up to `version` is said."""
        ...

    def later(self, run: Run, delay: float, *, most: float) -> int:
        """It could not be said: again in `delay` seconds, doubled for each time before, up to `most`. How often that has been so."""
        ...


class Runs(Protocol):
    """What a status tells beside the run itself."""

    def position(self, run: Run) -> int:
        """Its place in the line; 1 is next."""
        ...

    def latest_on(self, repository_id: int, number: int) -> Run | None:
        """The newest run on an item."""
        ...


class Shown(Effects, Protocol):
    """Effects that can be looked over without writing."""

    def of(self, run_id: str) -> Sequence[Effect]:
        """Every effect of a run."""
        ...


@dataclass(frozen=True, slots=True)
class Relay:
    """Makes the item show what the run is. What it shows already costs no call."""

    announcements: Announcements
    runs: Runs
    board: Board
    effects: Shown
    key: bytes
    page: Page

    def announce(self, run_id: str) -> None:
        """Bring comment, labels and checks up to the run as it stands; after a fault, later again.

        A run of a local repository has no forge to show itself on.
        """
        run = self.announcements.claim(run_id)
        if run is None:
            return
        try:
            if run.repository.installation:
                self._show(run)
        except Fault as fault:
            self.announcements.later(run, fault.retry_after or FIRST_S, most=max(fault.retry_after or 0.0, MOST_S))
            return
        self.announcements.done(run, run.version)

    def _show(self, run: Run) -> None:
        known = {(effect.kind, effect.key): effect for effect in self.effects.of(run.id)}
        status = self._status(run, [key for (kind, key), effect in known.items() if kind == "check" and effect.done])
        showing = _Showing(self.board, self.effects, run, marker(run, self.key), known)
        for check in status.checks:
            showing.check(check, self.page(run.id))
        showing.comment(status)
        showing.labels(status)

    def _status(self, run: Run, started: Sequence[str]) -> Status:
        number = run.request.source.number
        newest = self.runs.latest_on(run.repository.id, number) if number else None
        waiting = run.state is RunState.QUEUED and not run.attempt
        return progress.status(
            run,
            marker=marker(run, self.key),
            page=self.page(run.id),
            position=self.runs.position(run) if waiting else None,
            newest=newest is None or newest.id == run.id,
            started=started,
        )


@dataclass(frozen=True, slots=True)
class _Showing:
    """The writes of one announcement; each remembers what it last showed in its effect."""

    board: Board
    effects: Effects
    run: Run
    mark: str
    known: Mapping[tuple[str, str], Effect]

    def comment(self, status: Status) -> None:
        body = status.comment
        if body:
            self._once("comment", "status", body, lambda before: self._comment(body, before))

    def labels(self, status: Status) -> None:
        number = self.run.request.source.number
        if not status.add or number is None:
            return

        def write(before: External) -> External:
            self.board.set_labels(self.run.repository, number, add=status.add, remove=status.remove)
            return {}

        self._once("labels", str(number), [*status.add, *status.remove], write)

    def check(self, check: Check, page: str | None) -> None:
        self._once("check", check.sha, asdict(check), lambda before: self._check(check, page, before))

    def _once(self, kind: str, key: str, shown: object, write: Callable[[External], External]) -> None:
        """Write unless the very same was written last. A refusal is kept in the effect, and it is not tried again for the same."""
        digest = hashlib.sha256(json.dumps(shown, sort_keys=True, default=str).encode()).hexdigest()[:32]
        last = self.known.get((kind, key))
        if last and last.done and last.external.get("shown") == digest:
            return
        effect = self.effects.intend(self.run, kind, key)
        try:
            now = write(effect.external)
        except Refused as refused:
            now = {**effect.external, "skipped": refused.reason.text}
        self.effects.done(self.run, effect, {**now, "shown": digest})

    def _comment(self, body: str, before: External) -> External:
        """Edit ours in place; make it where there is none; make it anew once when somebody deleted it, and then let it be."""
        at, number = self.run.repository, self.run.request.source.number or 0
        if before.get("gone"):
            return before
        known = _number(before.get("id")) or self.board.find_comment(at, number, self.mark)
        if known and self.board.edit_comment(at, known, body):
            return {"id": known, "again": bool(before.get("again"))}
        if known and before.get("again"):
            return {"gone": True}
        return {"id": self.board.comment(at, number, body), "again": bool(known)}

    def _check(self, check: Check, page: str | None, before: External) -> External:
        at = self.run.repository
        made = _number(before.get("id")) or self.board.find_check(at, check.sha, self.run.id)
        if made is None:
            if not check.begin:
                return before
            made = self.board.start_check(at, check.sha, self.run.id, page, check.text)
            if check.conclusion is None:
                return {"id": made}
        self.board.update_check(at, made, check.text, conclusion=check.conclusion)
        return {"id": made}


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
