"""Carries intents out, in one exhaustive match. Each is repeatable: the same one again changes nothing and says nothing twice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, assert_never

from handlers import intents as i
from handlers import words
from handlers.requests import mending
from jobs import events as e
from jobs import evidence, messages
from jobs.config import Mistake
from jobs.errors import Fault, Reason, Refused, UserError
from jobs.model import FINAL, Repository, Run, RunRequest, Source
from jobs.rules import Rules

SUSPENDED = Reason("installation_suspended", "The App's installation is suspended on GitHub; the run goes on when it is not any more.")
Page = Callable[[str], str | None]


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


class Ci(Protocol):
    """Whoever lets a run go on by its checks."""

    def look(self, run: Run) -> None:
        """Look at the checks of the run's delivered commit."""
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


class Voice(Protocol):
    """Speaks on issues and pull requests. Raises Refused where it may not, Fault where it could not."""

    def say(self, repository: Repository, number: int, text: str, key: str) -> None:
        """Say it once for the key."""
        ...

    def react(self, repository: Repository, number: int, comment: int | None, content: str) -> None:
        """React with it."""
        ...


@dataclass(frozen=True, slots=True)
class Came:
    """What an intent came to: a word for the log and the inbox, and the run it was about. `idle` says that nothing was done."""

    text: str
    run: str | None = None
    idle: bool = False


@dataclass(frozen=True, slots=True)
class Asking:
    """What the intents answer: where a person who asked is told what the store says no to, and the rules there.

    `rules` is None where there are none, for the `mistakes` in the repository's file.
    """

    repository: Repository | None = None
    number: int = 0
    key: str = ""
    comment: int | None = None
    rules: Rules | None = None
    mistakes: tuple[Mistake, ...] = ()


class Mirrors(Protocol):
    """What this machine keeps of repositories."""

    def fetch_ahead(self, repository: Repository, branch: str) -> bool:
        """Have the tip of a branch here; False where nothing of the repository is kept. Raises Fault."""
        ...


@dataclass(frozen=True, slots=True)
class Perform:
    """Does what handlers decided."""

    runs: Runs
    finding: Finding
    voice: Voice
    bell: Bell
    ci: Ci
    review: Review
    page: Page
    mirrors: Mirrors

    def carry_out(self, intents: Sequence[i.Intent], asking: Asking) -> list[Came]:
        """Each in turn. What the store refuses is told to whoever asked; where nobody may speak, the reason is only kept."""
        return [self._heard(intent, asking) for intent in intents]

    def _heard(self, intent: i.Intent, asking: Asking) -> Came:
        try:
            return self._do(intent, asking)
        except UserError as no:
            self._answer(str(no), asking)
            return Came(str(no), idle=not asking.number)

    def _answer(self, text: str, asking: Asking) -> None:
        """Tell whoever asked, as the repository wants it."""
        if asking.repository is None or not asking.number:
            return
        how = asking.rules.answers if asking.rules else "reply"
        if how == "reply":
            self._say(i.Reply(asking.repository, asking.number, text, f"{asking.key}:no"))
        elif how == "react":
            self._react(i.React(asking.repository, asking.number, asking.comment, "confused"))

    def _do(self, intent: i.Intent, asking: Asking) -> Came:  # noqa: C901, PLR0911, PLR0912 - one case a kind of intent, and no more than that
        match intent:
            case i.StartRun(request):
                return self._start(request, asking)
            case i.RejectRun(request, reason, details, findings, commit):
                why = e.RejectedAtStart(reason, details, findings, commit)
                return self._told(self.runs.reject(request, asking.rules or Rules(), why)[0], f"rejected: {reason.code}")
            case i.StopRun():
                return self._stop_on_item(intent)
            case i.StopById():
                return self._stop(self._own(intent.run_id, intent.repository), intent.actor, intent.why)
            case i.RetryRun():
                return self._retry(self.runs.latest_on(intent.repository.id, intent.number), intent, asking)
            case i.RetryById():
                return self._retry(self._own(intent.run_id, intent.repository), intent, asking)
            case i.RetryByCommit():
                return self._retry(self.finding.on_commit(intent.repository.id, intent.sha), intent, asking)
            case i.FixById():
                return self._fix(intent, asking)
            case i.ApproveRun():
                return self._approve(intent)
            case i.Steer():
                return self._steer(intent, asking)
            case i.Pause() | i.Resume():
                return self._switch(intent)
            case i.Report():
                return self._say(i.Reply(intent.repository, intent.number, self._report(intent, asking), intent.key))
            case i.Reply():
                return self._say(intent)
            case i.React():
                return self._react(intent)
            case i.CiMoved():
                return self._ci_moved(intent)
            case i.InstallationChanged():
                return self._installation(intent)
            case i.FetchAhead(repository, branch):
                return self._fetch(repository, branch)
            case i.Ignore(reason):
                return Came(reason, idle=True)
            case _:
                assert_never(intent)

    # runs

    def _start(self, request: RunRequest, asking: Asking) -> Came:
        rules, number = asking.rules or Rules(), request.source.number
        run, _ = self.runs.start(replace(request, remarks=self.review.remarks(request)), rules)
        older = self.runs.active_on(request.repository.id, number) if rules.replace and number else None
        if older and older.id != run.id and not older.stop_requested and not run.is_final:
            who = request.source.actor.login if request.source.actor else "somebody"
            self._told(self.runs.stop(older.id, who, f"A newer request by {who} replaces it."), "replaced")
        return self._rung(run, "started")

    def _stop_on_item(self, stop: i.StopRun) -> Came:
        """Everything there, but for what a later comment asked for: that may have been heard first."""
        there = self.finding.live(stop.repository.installation, (stop.repository.id,), stop.number)
        live = [run for run in there if not _asked_later(run, stop.comment)]
        if live:
            return [self._stop(run, stop.actor, stop.why) for run in live][-1]
        latest = self.runs.latest_on(stop.repository.id, stop.number)
        return self._stop(latest if latest and latest.is_final else None, stop.actor, stop.why)

    def _stop(self, run: Run | None, actor: str, why: str) -> Came:
        if run and run.is_final and run.reason and run.reason.text == why:
            return Came("stopped before", run.id, idle=True)  # by this very word, before a crash
        if run is None or run.is_final:
            raise UserError(words.nothing_here("to stop"))
        return self._told(self.runs.stop(run.id, actor, why), "stopped")

    def _retry(self, run: Run | None, intent: i.RetryRun | i.RetryById | i.RetryByCommit, asking: Asking) -> Came:
        if run is None:
            raise UserError(words.nothing_here("to try again"))
        item = replace(intent.source, item=run.request.source.item, number=run.request.source.number)
        again, _ = self.runs.retry(run.id, item, intent.intent_key, rules=asking.rules)
        return self._rung(again, "retried")

    def _fix(self, intent: i.FixById, asking: Asking) -> Came:
        run = self._own(intent.run_id, intent.repository)
        if run is None:
            raise UserError(words.nothing_here("to fix"))
        fixing = mending(run, intent.source, intent.intent_key, intent.sha)
        return self._start(fixing, replace(asking, rules=asking.rules or run.rules))

    def _approve(self, intent: i.ApproveRun) -> Came:
        run = self.runs.active_on(intent.repository.id, intent.number)
        if run is None:
            raise UserError(words.nothing_here("that waits for approval"))
        return self._rung(self.runs.approve(run.id, intent.actor, intent.text), "approved")

    def _steer(self, intent: i.Steer, asking: Asking) -> Came:
        run = self.runs.active_on(intent.repository.id, intent.number)
        if run is None and intent.otherwise is not None:
            return self._start(intent.otherwise, asking)
        if run is None:
            return Came("the run ended before the message reached it", idle=True)
        return Came("said to the agent", self.runs.say(run.id, intent.actor, intent.text, intent.comment).id)

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

    # switches

    def _switch(self, intent: i.Pause | i.Resume) -> Came:
        scope = intent.repository.scope if intent.repository else "*"
        if isinstance(intent, i.Pause):
            self.runs.pause(scope, intent.actor, f"{intent.actor} asked for it with `/slipway pause`.")
            return Came("paused")
        return Came("resumed", idle=not self.runs.resume(scope))

    # speaking

    def _say(self, reply: i.Reply) -> Came:
        try:
            self.voice.say(reply.repository, reply.number, reply.text, reply.key)
        except Refused as refused:  # a locked item: what was done stays done
            return Came(f"could not answer: {refused.reason.text}")
        return Came("answered")

    def _react(self, react: i.React) -> Came:
        try:
            self.voice.react(react.repository, react.number, react.comment, react.content)
        except Refused as refused:
            return Came(f"could not react: {refused.reason.text}", idle=True)
        return Came("reacted", idle=True)

    def _report(self, report: i.Report, asking: Asking) -> str:
        if report.what == "config":
            return words.config_in_use(asking.rules) if asking.rules else words.config_mistakes(asking.mistakes)
        run = self.runs.latest_on(report.repository.id, report.number)
        if run is None:
            raise UserError(words.nothing_here("yet"))
        if report.what == "logs":
            return words.logs(run, self.page(run.id))
        paused = self.runs.paused(run.repository.scope)
        return messages.status(run, position=self.runs.position(run) or None, page=self.page(run.id), marker="", paused=paused)

    # the world

    def _ci_moved(self, intent: i.CiMoved) -> Came:
        waiting = self.runs.waiting_for(intent.repository.id, intent.sha)
        for run in waiting:
            self.ci.look(run)
        return Came("looked at the checks", waiting[0].id) if waiting else Came("nobody waits for this commit", idle=True)

    def _fetch(self, repository: Repository, branch: str) -> Came:
        """A convenience: a run fetches by itself what is not here, so nothing is tried again."""
        try:
            fetched = self.mirrors.fetch_ahead(repository, branch)
        except Fault as fault:
            return Came(f"not fetched ahead: {fault.reason.text}", idle=True)
        return Came("fetched ahead" if fetched else "nothing of this repository is kept here", idle=not fetched)

    def _installation(self, change: i.InstallationChanged) -> Came:
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
