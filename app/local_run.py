"""One run on a repository of this machine, in this process: no GitHub, no Redis, beside a running service or not."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from app.interrupting import Interrupting
from app.lease import Hold
from app.lease import Ledger as HoldLedger
from jobs.errors import Interrupted, Reason, UserError
from jobs.events import Cancelled, Released
from jobs.model import Actor, Repository, Run, RunRequest, Source
from jobs.ports import Ports
from jobs.rules import Rules
from jobs.runner import over, walk

QUEUE = "local"


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """What was asked for on the command line. `to` is a bare repository; None delivers into `repo` itself, as a new branch."""

    repo: Path
    title: str
    body: str = ""
    flow: str = "implement"
    agent: str | None = None
    base: str | None = None
    to: Path | None = None


class Runs(Protocol):
    """Where runs are recorded."""

    def start(self, request: RunRequest, rules: Rules) -> tuple[Run, bool]:
        """Record and queue."""
        ...


class Heads(Protocol):
    """The git side that is needed before there is a run."""

    def root(self, path: Path) -> Path:
        """The repository that `path` is in. Raises UserError when there is none."""
        ...

    def branch(self, repository: Path) -> str:
        """The branch that is checked out, or a bare repository's own. Raises UserError for a detached head."""
        ...

    def checked(self, repository: Path, branch: str) -> str:
        """The branch, if there is a commit on it. Raises UserError."""
        ...


class Ledger(HoldLedger, Protocol):
    """The ledger of a process that works for one run only."""

    def claim(self, queue: str, worker: str, run_id: str | None = None, *, only: bool = False) -> Run | None:
        """The run, held; None when it may not be taken now."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """What walking a run takes."""

    name: str
    ledger: Ledger
    ports: Ports


class Catalogue(Protocol):
    """The rules of a repository."""

    def rules(self, repository: Repository) -> Rules:
        """Its configuration within this server's policy. Raises UserError with every mistake."""
        ...

    def admit(self, rules: Rules, agent: str | None) -> None:
        """Return when a request may name the agent. Raises UserError that names those it may."""
        ...


def begin(options: LocalOptions, *, heads: Heads, catalogue: Catalogue, runs: Runs, actor: str) -> Run:
    """Record the run. Raises UserError when it cannot be asked for like this."""
    repository = local_repository(heads.root(options.repo), heads, options.base)
    rules = catalogue.rules(repository)
    catalogue.admit(rules, options.agent)
    request = RunRequest(
        intent_key=f"cli:{secrets.token_hex(16)}",
        repository=repository,
        source=Source("cli", actor=Actor(id=0, login=actor, permission="admin")),
        title=options.title.strip(),
        body=options.body,
        flow=_flow(options.flow, rules),
        agent=options.agent,
        base=repository.default_branch,
        deliver="local",
        deliver_to=str(options.to.resolve() if options.to else repository.path),
    )
    return runs.start(request, rules)[0]


def walked(run: Run, work: Work, told: Callable[[str], None]) -> Run:
    """Work on the run in this thread until it is final or waits; `told` hears of every event stored.

    Raises UserError when it cannot be taken up now. Ctrl-C stops it, and it ends as cancelled.
    """
    held = work.ledger.claim(QUEUE, work.name, run.id, only=True)
    if held is None:
        raise UserError("The run cannot start now: everything is paused, or the limits of the server file are used up. See `slipway runs`.")
    told(run.id)
    hold = Hold(work.ledger, held, work.ports.clock, told=told, leaving=lambda: False)
    with hold, Interrupting(hold, lambda: over(hold.run, work.ports)):
        try:
            walk(held, replace(work.ports, ledger=hold))
        except Interrupted:
            hold.store(hold.run, over(hold.run, work.ports) or Released())
        except KeyboardInterrupt:
            if hold.held:
                hold.store(hold.run, Cancelled(Reason("stopped", "It was interrupted at the terminal.")))
    return hold.run


def local_repository(path: Path, heads: Heads, base: str | None = None) -> Repository:
    """A repository that no server file names: its id comes from where it lies."""
    number = int.from_bytes(hashlib.sha256(str(path).encode()).digest()[:6])
    branch = heads.checked(path, base) if base else heads.branch(path)
    return Repository(number, f"local/{path.name}", 0, branch, str(path))


def _flow(name: str, rules: Rules) -> str:
    try:
        rules.flow(name)
    except KeyError:
        raise UserError(f"There is no flow {name!r}. Name one of: {', '.join(rules.flow_names)}.") from None
    return name
