"""The fake as tests hold it: people's actions, what the service left behind, faults, and the server's life."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.fakes.github import gitside
from tests.fakes.github.edge import Server
from tests.fakes.github.faults import SECONDARY, Trouble
from tests.fakes.github.gate import Gate
from tests.fakes.github.hooks import Hooks
from tests.fakes.github.hub import Now, WallClock, build
from tests.fakes.github.people import People
from tests.fakes.github.shapes import Shapes, head_sha
from tests.fakes.github.smart import SmartGit
from tests.fakes.github.state import CheckRun, Comment, Delivery, Entry, Issue, Repository, ReviewComment

SECRET = "a webhook secret of more than thirty-two bytes"


@dataclass(frozen=True)
class PullRequest:
    """A pull request as a test compares it: head and draft; the rest is for reading."""

    head: str
    draft: bool
    number: int = field(default=0, compare=False)
    base: str = field(default="main", compare=False)
    title: str = field(default="", compare=False)
    body: str = field(default="", compare=False)
    sha: str = field(default="", compare=False)
    state: str = field(default="open", compare=False)
    author: str = field(default="", compare=False)
    labels: tuple[str, ...] = field(default=(), compare=False)


class FakeGitHub(People):
    """See the package. Use as a context manager, or call `start` and `stop`."""

    def __init__(
        self,
        root: Path,
        *,
        clock: Now | None = None,
        slug: str = "slipway",
        webhook_secret: str = SECRET,
        port: int = 0,
        token_form: str = "new",
    ) -> None:
        root.mkdir(parents=True, exist_ok=True)
        super().__init__(build(root, clock or WallClock(), slug=slug, hook_secret=webhook_secret))
        self.hub.tokens.form = token_form
        self.webhook_secret = webhook_secret
        self._server = Server(Gate(self.hub), SmartGit(self.hub), port)
        self.url = self._server.url
        self.hub.shapes = Shapes(self.url, self.url)

    # life

    def start(self) -> Self:
        """Listen."""
        self._server.start()
        return self

    def stop(self) -> None:
        """End; the state can still be read."""
        self._server.stop()
        self.hub.hooks.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    # what the service is configured with

    @property
    def app_id(self) -> str:
        """The App's id."""
        return str(self.hub.app.id)

    @property
    def private_key(self) -> str:
        """The App's private key, as PEM."""
        return self.hub.private_key

    @property
    def bot_id(self) -> int:
        """The user id the App's own writes carry."""
        return self.hub.app.bot.id

    @property
    def hooks(self) -> Hooks:
        """Where webhooks go (`hooks.url`) and what became of them."""
        return self.hub.hooks

    # what the service left behind

    @property
    def ledger(self) -> list[Entry]:
        """Every call, in order."""
        return self.hub.ledger

    @property
    def violations(self) -> list[str]:
        """Calls GitHub does not know. A test ends with none (`check`)."""
        return self.hub.violations

    def check(self) -> None:
        """Raises AssertionError when the service called what GitHub does not have, or called while it was told to wait."""
        assert not self.violations, self.violations
        impolite = [entry for entry in self.ledger if entry.during_hold]
        assert not impolite, f"called while told to wait: {impolite}"

    def calls(self, method: str, template: str) -> list[Entry]:
        """The calls of one route."""
        return [entry for entry in self.ledger if (entry.method, entry.template) == (method, template)]

    def writes(self) -> list[Entry]:
        """Every API call that is not a read or a token."""
        return [e for e in self.ledger if e.method not in ("GET", "GIT") and not e.template.endswith("/access_tokens")]

    def issue(self, number: int, *, repo: Repository | str | None = None) -> Issue:
        """An issue or pull request as it stands."""
        return self.hub.item(self.repo(repo), number)

    def labels(self, number: int, *, repo: Repository | str | None = None) -> set[str]:
        """The labels of an item."""
        return {label.name for label in self.issue(number, repo=repo).labels}

    def comments(self, number: int, *, repo: Repository | str | None = None, mine: bool = True) -> list[Comment]:
        """The comments of an item, oldest first; the App's own unless `mine` is off."""
        rows = [comment for comment in self.repo(repo).comments.values() if comment.number == number]
        return [comment for comment in rows if not mine or comment.user.id == self.bot_id]

    def reactions(self, number: int, *, comment: int | None = None, repo: Repository | str | None = None) -> list[str]:
        """The App's reactions on an item, or on one of its comments."""
        where = self.repo(repo)
        rows = where.comments[comment].reactions if comment else self.issue(number, repo=where).reactions
        return [reaction.content for reaction in rows if reaction.user.id == self.bot_id]

    def beside(self, number: int, *, repo: Repository | str | None = None) -> list[ReviewComment]:
        """The App's answers beside lines of a pull request, oldest first."""
        return [one for one in self.repo(repo).review if one.number == number and one.user.id == self.bot_id]

    def checks(self, sha: str | None = None, *, repo: Repository | str | None = None) -> list[CheckRun]:
        """The App's check runs, oldest first."""
        rows = [check for check in self.repo(repo).checks.values() if check.app.id == self.hub.app.id]
        return [check for check in rows if sha in (None, check.head_sha)]

    def pulls(self, *, repo: Repository | str | None = None) -> list[PullRequest]:
        """Every pull request, oldest first."""
        return [self._pull(item) for item in self.repo(repo).items.values() if item.pull]

    def pulls_for(self, issue: int, *, repo: Repository | str | None = None) -> list[PullRequest]:
        """The App's pull requests that name the issue."""
        named = re.compile(rf"#{issue}\b")
        return [pull for pull in self.pulls(repo=repo) if pull.author == self.hub.app.bot.login and named.search(pull.body)]

    def sha(self, branch: str | None = None, *, repo: Repository | str | None = None) -> str | None:
        """Where a branch (the default one) stands; None when there is none."""
        where = self.repo(repo)
        return gitside.tip(where.path, branch or where.default_branch)

    def branches(self, *, repo: Repository | str | None = None) -> set[str]:
        """The names of all branches."""
        return {ref.removeprefix("refs/heads/") for ref in gitside.refs(self.repo(repo).path) if ref.startswith("refs/heads/")}

    def file(self, branch: str, path: str, *, repo: Repository | str | None = None) -> str | None:
        """A file's text on a branch; None when it is not there."""
        found = gitside.blob(self.repo(repo).path, f"refs/heads/{branch}", path)
        return found[1].decode() if found else None

    @property
    def deliveries(self) -> list[Delivery]:
        """Every webhook, oldest first."""
        return self.hub.hooks.deliveries

    def settle(self) -> None:
        """Return when the webhooks caused by the App's own calls have been sent."""
        self.hub.hooks.settle()

    # troubles

    def fail(self, method: str, template: str, kind: str = "status", **more: Any) -> None:
        """Plan a fault: see `Trouble`. `*` stands for any method or template; git's methods are GIT and GIT-REFS."""
        self.hub.faults.plan(Trouble(method, template, kind, **more))

    def secondary_limit(self, method: str, template: str, *, retry_after: int | None = None, status: int = 403) -> None:
        """The next call of the route meets the secondary limit; calls too soon after it (a minute unless told) are impolite."""
        headers = {"retry-after": str(retry_after)} if retry_after is not None else {}
        hold = retry_after if retry_after is not None else 60
        self.fail(method, template, status=status, headers=headers, message=SECONDARY, hold_s=hold)

    def exhaust(self, *, left: int = 0, reset_in: float = 600, repo: Repository | str | None = None) -> None:
        """Use up the installation's hourly limit, but for the calls that are `left`."""
        installation = self.installation(repo)
        installation.remaining, installation.reset_at = left, self.hub.now() + reset_in

    def lag(self, reads: int) -> None:
        """Hide what is created from now on from its first `reads` list reads."""
        self.hub.lag_reads = reads

    def revoke_tokens(self) -> None:
        """Make every token that was minted bad."""
        for token in self.hub.tokens.minted.values():
            token.revoked = True

    def _pull(self, item: Issue) -> PullRequest:
        assert item.pull
        return PullRequest(
            head=item.pull.head_ref,
            draft=item.pull.draft,
            number=item.number,
            base=item.pull.base_ref,
            title=item.title,
            body=item.body,
            sha=head_sha(item, self.hub.head_repository(item)),
            state="merged" if item.pull.merged_at else item.state,
            author=item.user.login,
            labels=tuple(label.name for label in item.labels),
        )
