"""What orders do to runs: start, stop, retry and steer them, by the item, the id or the commit an order names."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from handlers import intents as i
from handlers import words
from handlers.requests import mending
from jobs import events as e
from jobs import evidence
from jobs.config import Mistake
from jobs.errors import Reason, UserError
from jobs.model import FINAL, Repository, Run, RunRequest, Source
from jobs.rules import Rules

SUSPENDED = Reason("installation_suspended", "The App's installation is suspended on GitHub; the run goes on when it is not any more.")


class Runs(Protocol):
    """The runs, as people may act on them. Raises UserError, whose text is the reply, when the state does not allow it."""

    def start(self, request: RunRequest, rules: Rules) -> tuple[Run, bool]:
        """Record and queue; the same intent key again is the same run."""
        ...

    def reject(self, request: RunRequest, rules: Rules, why: e.RejectedAtStart) -> tuple[Run, bool]:
        """Record a run that may not start."""
        ...

    def get(self, run_id: str) -> Run:
        """Raises KeyError."""
        ...

    def active_on(self, repository_id: int, number: int) -> Run | None:
        """The run that works or waits on an item."""
        ...

    def latest_on(self, repository_id: int, number: int) -> Run | None:
        """The newest run of an item."""
        ...

    def stop(self, run_id: str, actor: str, why: str) -> Run:
        """Cancel it, or ask its worker to stop."""
        ...

    def retry(self, run_id: str, source: Source, intent_key: str, *, rules: Rules | None = None) -> tuple[Run, bool]:
        """Queue it again, or start a final one anew."""
        ...

    def show_again(self, run_id: str) -> None:
        """Have its check written once more, whatever it shows."""
        ...

    def approve(self, run_id: str, actor: str, text: str = "") -> Run:
        """Let it go on."""
        ...

    def say(self, run_id: str, actor: str, text: str, comment: int | None = None) -> Run:
        """Give it a message; the same comment counts once."""
        ...

    def happened(self, run_id: str, event: e.Event) -> Run:
        """Store what the world did to a run nobody holds."""
        ...

    def waiting_for(self, repository_id: int, sha: str) -> list[Run]:
        """The runs that wait for the checks of a commit."""
        ...

    def pause(self, scope: str, actor: str, reason: str) -> None:
        """Let nothing of the scope be claimed."""
        ...

    def resume(self, scope: str) -> bool:
        """End a pause."""
        ...

    def paused(self, scope: str) -> str | None:
        """Why nothing of the scope begins; None when it does."""
        ...

    def position(self, run: Run) -> int:
        """Its place in the line; 0 when it does not wait."""
        ...


class Finding(Protocol):
    """Runs by what GitHub knows of them."""

    def on_commit(self, repository_id: int, sha: str) -> Run | None:
        """The newest run that delivered the commit or was authorised to work on it."""
        ...

    def live(self, installation: int, repositories: Sequence[int] = (), number: int | None = None) -> list[Run]:
        """The runs of an installation, or of some of its repositories, or on one item of them, that are not final."""
        ...


class Bell(Protocol):
    """Wakes workers; never raises."""

    def ring(self, function: str, row: str | int, queue: str | None = None) -> None:
        """Ask for a function to look at a row."""
        ...


class Review(Protocol):
    """What stands on pull requests."""

    def remarks(self, request: RunRequest) -> tuple[evidence.Finding, ...]:
        """What others wrote beside the lines of the request's pull request and what failed on its head. Raises Fault."""
        ...


class NoReview:
    """Without an App nothing is known of pull requests."""

    def remarks(self, request: RunRequest) -> tuple[evidence.Finding, ...]:
        """Nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class Came:
    """What an intent came to: a word for the log and the inbox, and the run it was about. `idle` says that nothing was done."""

    text: str
    run: str | None = None
    idle: bool = False


@dataclass(frozen=True, slots=True)
class Asking:
    """What the intents answer: where a person who asked is told what the store says no to, and the rules there.

    `unheard` is the reaction that says no, and `thread` where words about it go if not on the item itself.
    `rules` is None where there are none, for the `mistakes` in the repository's file.
    """

    repository: Repository | None = None
    number: int = 0
    key: str = ""
    unheard: i.React | None = None
    thread: int | None = None
    rules: Rules | None = None
    mistakes: tuple[Mistake, ...] = ()


@dataclass(frozen=True, slots=True)
class Acting:
    """Each order is repeatable. Raises UserError, whose text is for whoever asked, where the store says no."""

    runs: Runs
    finding: Finding
    bell: Bell
    review: Review

    def start(self, request: RunRequest, asking: Asking) -> Came:
        """Queue a run, with what stands on its pull request by now; where the rules say so, it replaces the one at work on the item."""
        rules, number = asking.rules or Rules(), request.source.number
        run, _ = self.runs.start(replace(request, remarks=self.review.remarks(request)), rules)
        older = self.runs.active_on(request.repository.id, number) if rules.replace and number else None
        if older and older.id != run.id and not older.stop_requested and not run.is_final:
            who = request.source.actor.login if request.source.actor else "somebody"
            self._told(self.runs.stop(older.id, who, f"A newer request by {who} replaces it."), "replaced")
        return self._rung(run, "started")

    def reject(self, reject: i.RejectRun, asking: Asking) -> Came:
        """Keep a request that may not start, with the reason."""
        why = e.RejectedAtStart(reject.reason, reject.details, reject.findings, reject.commit)
        run, _ = self.runs.reject(reject.request, asking.rules or Rules(), why)
        return self._told(run, f"rejected: {reject.reason.code}")

    def stop_on_item(self, stop: i.StopRun) -> Came:
        """Everything there, but for what a later comment asked for: that may have been heard first."""
        there = self.finding.live(stop.repository.installation, (stop.repository.id,), stop.number)
        live = [run for run in there if not _asked_later(run, stop.comment)]
        if live:
            return [self._stop(run, stop.actor, stop.why) for run in live][-1]
        latest = self.runs.latest_on(stop.repository.id, stop.number)
        return self._stop(latest if latest and latest.is_final else None, stop.actor, stop.why)

    def stop_by_id(self, stop: i.StopById) -> Came:
        """That very run, if it is the repository's."""
        return self._stop(self._own(stop.run_id, stop.repository), stop.actor, stop.why)

    def _stop(self, run: Run | None, actor: str, why: str) -> Came:
        if run and run.is_final and run.reason and run.reason.text == why:
            return Came("stopped before", run.id, idle=True)  # by this very word, before a crash
        if run is None or run.is_final:
            raise UserError(words.nothing_here("to stop"))
        return self._told(self.runs.stop(run.id, actor, why), "stopped")

    def retry_on_item(self, retry: i.RetryRun, asking: Asking) -> Came:
        """The newest run of the item, again."""
        return self._retry(self.runs.latest_on(retry.repository.id, retry.number), retry, asking)

    def retry_by_id(self, retry: i.RetryById, asking: Asking) -> Came:
        """That very run again, if it is the repository's."""
        return self._retry(self._own(retry.run_id, retry.repository), retry, asking)

    def retry_by_commit(self, retry: i.RetryByCommit, asking: Asking) -> Came:
        """The newest run of the commit, again."""
        return self._retry(self.finding.on_commit(retry.repository.id, retry.sha), retry, asking)

    def _retry(self, run: Run | None, intent: i.RetryRun | i.RetryById | i.RetryByCommit, asking: Asking) -> Came:
        if run is None:
            raise UserError(words.nothing_here("to try again"))
        item = replace(intent.source, item=run.request.source.item, number=run.request.source.number)
        again, _ = self.runs.retry(run.id, item, intent.intent_key, rules=asking.rules)
        return self._rung(again, "retried")

    def show_again(self, run_id: str) -> Came:
        """The run's check says once more how the run ended."""
        self.runs.show_again(run_id)
        self.bell.ring("relay", run_id)
        return Came("shown again", run_id, idle=True)

    def fix(self, intent: i.FixById, asking: Asking) -> Came:
        """A new run of the flow `fix`, on what that run delivered."""
        run = self._own(intent.run_id, intent.repository)
        if run is None:
            raise UserError(words.nothing_here("to fix"))
        fixing = mending(run, intent.source, intent.intent_key, intent.sha)
        return self.start(fixing, replace(asking, rules=asking.rules or run.rules))

    def approve(self, intent: i.ApproveRun) -> Came:
        """The item's waiting run goes on."""
        run = self.runs.active_on(intent.repository.id, intent.number)
        if run is None:
            raise UserError(words.nothing_here("that waits for approval"))
        return self._rung(self.runs.approve(run.id, intent.actor, intent.text), "approved")

    def steer(self, intent: i.Steer, asking: Asking) -> Came:
        """The agent at work on the item is told; without one, a run begins where the order has one to begin."""
        run = self.runs.active_on(intent.repository.id, intent.number)
        if run is None and intent.otherwise is not None:
            return self.start(intent.otherwise, asking)
        if run is None:
            return Came("the run ended before the message reached it", idle=True)
        return Came("said to the agent", self.runs.say(run.id, intent.actor, intent.text, intent.comment).id)

    def switch(self, intent: i.Pause | i.Resume) -> Came:
        """Whether anything begins in a repository, or anywhere."""
        scope = intent.repository.scope if intent.repository else "*"
        if isinstance(intent, i.Pause):
            self.runs.pause(scope, intent.actor, f"{intent.actor} asked for it with `/slipway pause`.")
            return Came("paused")
        return Came("resumed", idle=not self.runs.resume(scope))

    def installation(self, change: i.InstallationChanged) -> Came:
        """What became of an installation becomes of its runs: they wait, go on or end."""
        met = {"suspend": self._suspend, "unsuspend": self._resume, "deleted": self._remove, "removed": self._remove}
        live = self.finding.live(change.installation, change.repositories)
        touched = [came for run in live if (came := met[change.change](run, change))]
        return touched[0] if touched else Came(f"{change.change}: no run to touch", idle=True)

    def _suspend(self, run: Run, change: i.InstallationChanged) -> Came | None:
        return self._befall(run, e.Parked(SUSPENDED, 0.0))

    def _resume(self, run: Run, change: i.InstallationChanged) -> Came | None:
        if run.reason is None or run.reason.code != SUSPENDED.code:
            return None
        came = self._befall(run, e.Unparked())
        self.bell.ring("advance", run.id, run.request.queue)
        return came

    def _remove(self, run: Run, change: i.InstallationChanged) -> Came | None:
        why = "The App was uninstalled." if change.change == "deleted" else "The App was taken off this repository."
        return self._told(self.runs.stop(run.id, "GitHub", why), "stopped")

    def _own(self, run_id: str, repository: Repository) -> Run | None:
        """The run, if it is of that very repository: an id from outside opens no other's."""
        try:
            run = self.runs.get(run_id)
        except KeyError:
            return None
        return run if run.repository.scope == repository.scope else None

    def _rung(self, run: Run, text: str) -> Came:
        if run.state not in FINAL:
            self.bell.ring("advance", run.id, run.request.queue)
        return self._told(run, text)

    def _told(self, run: Run, text: str) -> Came:
        self.bell.ring("relay", run.id)
        return Came(text, run.id)

    def _befall(self, run: Run, event: e.Event) -> Came | None:
        """Let it happen, unless the run is in a state in which it notices by itself."""
        try:
            return self._told(self.runs.happened(run.id, event), type(event).__name__.lower())
        except UserError:
            return None


def _asked_later(run: Run, comment: int | None) -> bool:
    """Whether a comment after that one asked for the run."""
    own = run.request.source.comment
    return comment is not None and own is not None and own > comment
