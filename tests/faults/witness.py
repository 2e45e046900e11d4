"""What others saw of an installation, for the invariants: the fake GitHub, the launcher, the machine, whoever looks for secrets."""

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from handlers import routes
from infra.agents.launches import LaunchLog
from infra.github.strays import SUPERSEDED
from infra.store.snapshot import facts as stored
from jobs.invariants import violations
from jobs.record import CheckSeen, CommentSeen, Facts, Forge, Launch, Machine, PullSeen, Sent, Sighting, TreeEntry, Violation
from tests.fakes.github import FakeGitHub
from tests.fakes.github.gitside import git
from tests.fakes.github.state import CheckRun, Repository

MARK = re.compile(r"<!-- slipway:run=([0-9a-f]{32}):")
TREES = re.compile(r"^(\d+) (\w+) ([0-9a-f]+)\t(.*)$", re.MULTILINE)
LOOKED_THROUGH = 32 * 1024**2


def wrong(engine: sa.Engine, data: Path, github: FakeGitHub | None = None, secrets: Sequence[str] = ()) -> list[Violation]:
    """Every violation there is, by everybody who saw something."""
    return violations(facts(engine, data, github, secrets))


def facts(engine: sa.Engine, data: Path, github: FakeGitHub | None = None, secrets: Sequence[str] = ()) -> Facts:
    """The store, with its witnesses beside it."""
    lines = LaunchLog(data / "launches.log").lines()
    found = stored(engine, [Launch(line.run, line.attempt, line.step, line.iteration) for line in lines])
    exposed = [*in_files(data, secrets), *(_on_forge(github, secrets) if github else ())]
    return replace(found, forge=forge(github) if github else None, machine=machine(data), exposed=exposed)


def forge(github: FakeGitHub) -> Forge:
    """What the fake GitHub saw of the App."""
    own, repositories = github.bot_id, list(github.hub.repositories.values())
    return Forge(
        own_id=own,
        sent=[
            Sent(one.guid, one.event, one.status_code)
            for one in github.deliveries
            if one.sent and routes.handles(one.event, one.action) and one.status_code
        ],
        pulls=[pull for where in repositories for pull in _pulls(github, where)],
        comments=[
            CommentSeen(one.id, one.number, _run(one.body), len(one.body))
            for where in repositories
            for one in where.comments.values()
            if one.user.id == own
        ],
        checks=[
            CheckSeen(one.id, one.external_id, one.head_sha, one.status == "completed")
            for where in repositories
            for one in github.checks(repo=where)
            if not superseded(one)
        ],
        trees=[entry for where in repositories for pull in _pulls(github, where) for entry in tree(where.path, pull.head_sha)],
        impolite=[f"{entry.method} {entry.path}" for entry in github.ledger if entry.during_hold],
    )


def superseded(check: CheckRun) -> bool:
    """Whether it was taken out of its run's name and concluded: GitHub has no way to delete a check run, and shows the newest of a name."""
    return check.external_id.endswith(SUPERSEDED) and (check.status, check.conclusion) == ("completed", "neutral")


def _pulls(github: FakeGitHub, where: Repository) -> Iterator[PullSeen]:
    for pull in github.pulls(repo=where):
        if pull.author == github.hub.app.bot.login:
            yield PullSeen(pull.number, _run(pull.body) or "", pull.sha, pull.state == "open")


def _run(body: str) -> str | None:
    found = MARK.search(body)
    return found[1] if found else None


def tree(repository: Path, sha: str) -> Iterator[TreeEntry]:
    """The entries of a commit."""
    for mode, kind, name, path in TREES.findall(git(repository, "ls-tree", "-r", "-t", sha) + "\n"):
        yield TreeEntry(sha, mode, path, git(repository, "cat-file", "blob", name) if (mode, kind) == ("120000", "blob") else "")


def machine(data: Path) -> Machine:
    """Checkouts that are there, and the processes whose command names one."""
    work = data / "work"
    runs = sorted(path.name for path in work.glob("*") if path.is_dir() and re.fullmatch(r"[0-9a-f]{32}", path.name))
    living = [(run, int(at.name)) for at in Path("/proc").glob("[0-9]*") for run in _named(at, str(work))]
    return Machine(runs, living)


def _named(process: Path, work: str) -> set[str]:
    try:
        words = (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return set()
    return set(re.findall(rf"{re.escape(work)}/([0-9a-f]{{32}})", words))


def in_files(data: Path, secrets: Sequence[str]) -> Iterator[Sighting]:
    """The files of a data directory in which a secret stands, plain or in a usual disguise. Its own `credentials` is where they may be."""
    forms = {form: secret for secret in secrets for form in disguises(secret)}
    for path in (path for path in data.rglob("*") if forms and path.is_file() and path.name != "credentials"):
        content = path.read_bytes()[:LOOKED_THROUGH]
        yield from (Sighting(_hint(secret), str(path.relative_to(data))) for form, secret in forms.items() if form in content)


def _on_forge(github: FakeGitHub, secrets: Sequence[str]) -> Iterator[Sighting]:
    for where in github.hub.repositories.values():
        said = [comment.body for comment in where.comments.values()] + [item.body for item in where.items.values()]
        checks = [f"{check.title} {check.summary} {check.text}" for check in where.checks.values()]
        for text in [*said, *checks]:
            yield from (Sighting(_hint(secret), "a text on the forge") for secret in secrets if secret in text)


def disguises(secret: str) -> set[bytes]:
    """A secret as it may be found: plain, base64, hexadecimal, backwards."""
    plain = secret.encode()
    return {plain, base64.b64encode(plain).rstrip(b"="), plain.hex().encode(), plain[::-1]}


def _hint(secret: str) -> str:
    return f"a secret beginning with {secret[:4]}"
