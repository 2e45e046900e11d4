"""Carries intents out, in one exhaustive match. Each is repeatable: the same one again changes nothing and says nothing twice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, assert_never

from app.acting import Acting, Asking, Came
from handlers import intents as i
from handlers import words
from jobs import messages
from jobs.errors import Fault, Refused, UserError
from jobs.model import Repository, Run

Page = Callable[[str], str | None]


class Ci(Protocol):
    """Whoever lets a run go on by its checks."""

    def look(self, run: Run) -> None:
        """Look at the checks of the run's delivered commit."""
        ...


class Voice(Protocol):
    """Speaks on issues and pull requests. Raises Refused where it may not, Fault where it could not."""

    def say(self, repository: Repository, number: int, text: str, key: str, *, thread: int | None = None) -> None:
        """Say it once for the key, in the thread beside a line where one is given."""
        ...

    def answered(self, repository: Repository, number: int, delivery: str) -> bool:
        """Whether the status of a run stands there that comes from this webhook."""
        ...

    def react(self, repository: Repository, number: int, comment: int | None, content: str, *, beside: bool = False) -> None:
        """React with it; `beside` says that the comment is beside a line."""
        ...


class Mirrors(Protocol):
    """What this machine keeps of repositories."""

    def fetch_ahead(self, repository: Repository, branch: str) -> bool:
        """Have the tip of a branch here; False where nothing of the repository is kept. Raises Fault."""
        ...


class Shared(Protocol):
    """What owners have for all of their repositories."""

    def forget(self, installation: int) -> None:
        """It is read again when it is next needed."""
        ...


class NoShared:
    """Without an App nothing of owners is known."""

    def forget(self, installation: int) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class Perform:
    """Does what handlers decided."""

    acting: Acting
    voice: Voice
    ci: Ci
    page: Page
    mirrors: Mirrors
    shared: Shared

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
            self._say(i.Reply(asking.repository, asking.number, text, f"{asking.key}:no", asking.thread))
        elif how == "react" and asking.unheard:
            self._react(asking.unheard)

    def _do(self, intent: i.Intent, asking: Asking) -> Came:  # noqa: C901, PLR0911, PLR0912 - one case a kind of intent, and no more than that
        match intent:
            case i.StartRun(request):
                return self.acting.start(request, asking)
            case i.RejectRun():
                return self.acting.reject(intent, asking)
            case i.StopRun():
                return self.acting.stop_on_item(intent)
            case i.StopById():
                return self.acting.stop_by_id(intent)
            case i.RetryRun():
                return self.acting.retry_on_item(intent, asking)
            case i.RetryById():
                return self.acting.retry_by_id(intent, asking)
            case i.RetryByCommit():
                return self.acting.retry_by_commit(intent, asking)
            case i.ShowAgain(run_id):
                return self.acting.show_again(run_id)
            case i.FixById():
                return self.acting.fix(intent, asking)
            case i.ApproveRun():
                return self.acting.approve(intent)
            case i.Steer():
                return self.acting.steer(intent, asking)
            case i.Pause() | i.Resume():
                return self.acting.switch(intent)
            case i.Report():
                return self._say(i.Reply(intent.repository, intent.number, self._report(intent, asking), intent.key, intent.thread))
            case i.Reply():
                return self._say(intent)
            case i.React():
                return self._react(intent)
            case i.CiMoved():
                return self._ci_moved(intent)
            case i.InstallationChanged():
                return self.acting.installation(intent)
            case i.ForgetShared(installation):
                self.shared.forget(installation)
                return Came("the owner's configuration is read again", idle=True)
            case i.FetchAhead(repository, branch):
                return self._fetch(repository, branch)
            case i.Ignore(reason):
                return Came(reason, idle=True)
            case _:
                assert_never(intent)

    # speaking

    def _say(self, reply: i.Reply) -> Came:
        try:
            self.voice.say(reply.repository, reply.number, reply.text, reply.key, thread=reply.thread)
        except Refused as refused:  # a locked item: what was done stays done
            return Came(f"could not answer: {refused.reason.text}")
        return Came("answered")

    def _react(self, react: i.React) -> Came:
        try:
            self.voice.react(react.repository, react.number, react.comment, react.content, beside=react.beside)
        except Refused as refused:
            return Came(f"could not react: {refused.reason.text}", idle=True)
        return Came("reacted", idle=True)

    def _report(self, report: i.Report, asking: Asking) -> str:
        if report.what == "config":
            return words.config_in_use(asking.rules) if asking.rules else words.config_mistakes(asking.mistakes)
        run = self.acting.runs.latest_on(report.repository.id, report.number)
        if run is None:
            raise UserError(words.nothing_here("yet"))
        if report.what == "logs":
            return words.logs(run, self.page(run.id))
        paused = self.acting.runs.paused(run.repository.scope)
        return messages.status(run, position=self.acting.runs.position(run) or None, page=self.page(run.id), marker="", paused=paused)

    # the world

    def _ci_moved(self, intent: i.CiMoved) -> Came:
        waiting = self.acting.runs.waiting_for(intent.repository.id, intent.sha)
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
