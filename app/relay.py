"""What committed runs have to say to the outside: their status on the forge, and their callbacks. At least once, so repeatable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from structlog.contextvars import bound_contextvars

from app.showing import Showing
from delivery import progress, schedule
from delivery.manager import Board, DeliveryManager
from delivery.marks import marker
from delivery.plan import Page
from delivery.progress import Around
from infra.addresses import Forbidden
from infra.courier import Answer, Undelivered
from infra.receivers import veiled
from infra.store.outbox import OutboxRow
from jobs.errors import Fault, Refused
from jobs.evidence import Turn
from jobs.model import Run, RunState
from jobs.phases.deliver import kind
from jobs.ports import Clock, Effects

log = structlog.get_logger("slipway.callbacks")
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

    def turns(self, run: Run) -> Sequence[Turn]:
        """What came of each turn of the run's loop, oldest first."""
        ...


class Runs(Protocol):
    """What a status tells beside the run itself."""

    def position(self, run: Run) -> int:
        """Its place in the line; 1 is next."""
        ...

    def latest_on(self, repository_id: int, number: int) -> Run | None:
        """The newest run on an item."""
        ...

    def paused(self, scope: str) -> str | None:
        """Why nothing of the scope begins; None when it does."""
        ...


@dataclass(frozen=True, slots=True)
class Relay:
    """Makes the item show what the run is. What it shows already costs no call."""

    announcements: Announcements
    runs: Runs
    board: Board
    effects: Effects
    key: bytes
    page: Page
    clock: Clock
    deliveries: Mapping[str, DeliveryManager] = field(default_factory=dict)

    def announce(self, run_id: str) -> None:
        """Bring comment, labels and checks up to the run as it stands; after a fault, later again.

        A run of a local repository has no forge to show itself on. What a run that ended without a delivery has left
        outside is taken back afterwards: that may take long, and nobody should have to wait for the word that it has ended.
        """
        run = self.announcements.claim(run_id)
        if run is None:
            return
        try:
            with bound_contextvars(run=run.id, attempt=run.attempt, delivery=run.request.source.delivery):
                if run.repository.installation:
                    self._show(run)
                self._retract(run)
        except Fault as fault:
            self.announcements.later(run, fault.retry_after or FIRST_S, most=max(fault.retry_after or 0.0, MOST_S))
            return
        self.announcements.done(run, run.version)

    def _retract(self, run: Run) -> None:
        manager = self.deliveries.get(kind(run))
        delivered = run.receipt and run.receipt.kind != "none" and (run.snapshot is None or run.receipt.sha == run.snapshot.commit)
        if manager is None or delivered or not run.is_final:
            return
        try:
            manager.retract(run)
        except Refused as refused:
            log.warning("what a delivery left cannot be taken back", reason=refused.reason.code, text=refused.reason.text)

    def _show(self, run: Run) -> None:
        known = {(effect.kind, effect.key): effect for effect in self.effects.of(run.id)}
        started = [key for (kind, key), effect in known.items() if kind == "check" and effect.done]
        mark = marker(run, self.key)
        status = progress.status(run, mark, self._around(run, started))
        showing = Showing(self.board, self.effects, run, mark, known, self.clock)
        for check in status.checks:
            showing.check(check, self.page(run.id))
        showing.comment(status)
        showing.labels(status)

    def _around(self, run: Run, started: Sequence[str]) -> Around:
        number = run.request.source.number
        newest = self.runs.latest_on(run.repository.id, number) if number else None
        waiting = run.state is RunState.QUEUED and not run.attempt
        return Around(
            page=self.page(run.id),
            position=self.runs.position(run) if waiting else None,
            paused=self.runs.paused(run.repository.scope) if run.state is RunState.QUEUED else None,
            newest=newest is None or newest.id == run.id,
            started=tuple(started),
            turns=tuple(self.announcements.turns(run)),
        )


class Outbox(Protocol):
    """Callbacks that wait to be sent."""

    def claim(self, row_id: str) -> OutboxRow | None:
        """The callback, if it is to be sent now and nobody else is sending it."""
        ...

    def sent(self, row: OutboxRow, status: int) -> None:
        """The receiver took it."""
        ...

    def failed(self, row: OutboxRow, status: int | None, error: str, next_at: float | None) -> bool:
        """It did not arrive: again at `next_at`, or never. Whether its receiver is asked no more from now on."""
        ...

    def slow_down(self, url: str, until: float) -> None:
        """Nothing goes to the receiver before `until`."""
        ...

    def disable(self, url: str, why: str) -> int:
        """Nothing goes to the receiver any more."""
        ...


class Post(Protocol):
    """Carries one callback."""

    def post(self, message_id: str, url: str, body: bytes) -> Answer:
        """The receiver's answer. Raises Undelivered, or Forbidden for a receiver nothing may go to."""
        ...


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends callbacks: the same id and bytes at every try, until one arrives or the schedule is over."""

    outbox: Outbox
    courier: Post
    clock: Clock

    def send(self, row_id: str) -> None:
        """One try of one callback, and what follows from it."""
        row = self.outbox.claim(row_id)
        if row is None:
            return
        with bound_contextvars(callback=row.id, run=row.run_id, tries=row.tries):
            self._try(row)

    def _try(self, row: OutboxRow) -> None:
        try:
            answer = self.courier.post(row.id, row.url, row.body)
        except Forbidden as forbidden:
            self.outbox.failed(row, None, str(forbidden), None)
        except Undelivered as undelivered:
            self._again(row, None, str(undelivered))
        else:
            self._answered(row, answer)

    def _answered(self, row: OutboxRow, answer: Answer) -> None:
        if schedule.arrived(answer.status):
            self.outbox.sent(row, answer.status)
        else:
            self._again(row, answer, f"The receiver answered {answer.status}. {veiled(answer.said, row.url)}".strip())

    def _again(self, row: OutboxRow, answer: Answer | None, error: str) -> None:
        status, asked = (answer.status, answer.retry_after) if answer else (None, None)
        follows = schedule.after(row.id, row.tries, self.clock.now(), status=status, retry_after=asked)
        closed = self.outbox.failed(row, status, error, follows.at)
        if follows.gone:
            self.outbox.disable(row.url, "The receiver said that it is gone (410). Take it out of the configuration.")
        elif follows.quiet_until:
            self.outbox.slow_down(row.url, follows.quiet_until)
        if closed or follows.gone:
            log.warning("the receiver of this callback is switched off", why=error)
