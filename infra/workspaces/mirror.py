"""What is fetched of a repository: one bare directory for each, kept small, which agents see read-only."""

import hashlib
import uuid
from pathlib import Path

from infra.git import Git, Place, Source, failure, sha_of
from infra.process import Captured
from infra.workspaces.layout import locked
from infra.workspaces.removal import remove
from jobs.errors import Fault, Refused

UNREACHABLE = (
    "repository not found",
    "does not appear to be a git repository",
    "does not exist",
    "not found",
    "authentication failed",
    "could not read username",
    "returned error: 401",
    "returned error: 403",
    "returned error: 404",
    "access denied",
)
MISSING = ("couldn't find remote ref", "not our ref", "unadvertised object", "remote did not send")


class Bare:
    """A bare git directory of ours."""

    def __init__(self, git: Git, path: Path) -> None:
        self.git = git
        self.path = path
        self.place = Place(path)

    def ensure(self, *, borrowing: Path | None = None) -> None:
        """Make it if it is not there, whole or not at all; `borrowing` names a repository whose objects it may use."""
        if (self.path / "HEAD").exists():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_name(f".new-{uuid.uuid4().hex}")
        self.git.ask("init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(new), at=None)
        if borrowing is not None:
            (new / "objects" / "info").mkdir(exist_ok=True)
            (new / "objects" / "info" / "alternates").write_text(f"{borrowing / 'objects'}\n")
        try:
            new.rename(self.path)
        except OSError:
            remove(new)
            if not (self.path / "HEAD").exists():
                raise

    def has(self, commit: str) -> bool:
        """Whether the commit is here."""
        return self.git.run("cat-file", "-e", f"{sha_of(commit)}^{{commit}}", at=self.place).ok

    def pinned(self, name: str, commit: str) -> bool:
        """Keep the commit from being collected. False when it is not here."""
        pin = self.path / "refs" / "pins" / name
        if pin.is_file() and pin.read_text().strip() == commit:
            return True
        return self.git.run("update-ref", f"refs/pins/{name}", sha_of(commit), at=self.place).ok

    def parsed(self, revision: str) -> str | None:
        """The id of what `revision` (made by us) names, or None."""
        captured = self.git.run("rev-parse", "--quiet", "--verify", "--end-of-options", revision, at=self.place)
        return sha_of(captured.stdout.text.strip()) if captured.ok else None


class Mirror(Bare):
    """The bare directory of what was fetched. One fetch at a time."""

    def tip(self, source: Source, branch: str) -> str:
        """The commit a branch of the remote stands at now, fetched. Raises Fault as `_explained`."""
        theirs = self.git.checked_ref(f"refs/heads/{branch}")
        self._fetch(source, f"+{theirs}:{_ours(branch)}", f"the branch {branch!r}")
        found = self.kept(branch)
        if found is None:
            raise Refused("base_missing", f"The branch {branch!r} does not point at a commit.")
        return found

    def kept(self, branch: str) -> str | None:
        """The commit a branch stood at when it was fetched last, which is here whole; None for one that never was."""
        return self.parsed(f"{_ours(branch)}^{{commit}}") if (self.path / "HEAD").exists() else None

    def commit(self, source: Source, sha: str, number: int | None) -> None:
        """Have the commit here. For a pull request the forge's own ref of it is asked first: a fork's commit is on no branch."""
        if self.has(sha):
            return
        kept = f"refs/kept/{sha_of(sha)}"
        try:
            self._fetch(source, f"+{sha}:{kept}", f"the commit {sha}")
        except Refused as refused:
            if number is None or refused.reason.code != "base_missing":
                raise
            self._fetch(source, f"+refs/pull/{int(number)}/head:{kept}", f"the head of pull request {number}")
        if not self.has(sha):
            raise Refused("base_missing", f"The commit {sha} is not in the repository any more: somebody may have pushed over it.")

    def _fetch(self, source: Source, refspec: str, what: str) -> None:
        with locked(self.path.with_suffix(".lock")):
            self.ensure()
            words = (
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-recurse-submodules",
                "--force",
                "--",
                source.url,
                refspec,
            )
            captured = self.git.run(*words, at=self.place, source=source, timeout_s=self.git.patience.fetch_s)
        if not captured.ok:
            raise _explained(captured, what)


def _ours(branch: str) -> str:
    """Where a branch of the remote is kept, whatever it is called."""
    return f"refs/base/{hashlib.sha256(f'refs/heads/{branch}'.encode()).hexdigest()[:32]}"


def _explained(captured: Captured, what: str) -> Fault:
    """A failed fetch as `base_missing` or `repository_unreachable`, which stay, or `fetch_failed`, which may pass."""
    said = captured.stderr.output().text
    low = said.lower()
    if any(words in low for words in MISSING):
        return Refused("base_missing", f"The repository has no such thing as {what}: was it renamed or deleted?", evidence=said)
    if any(words in low for words in UNREACHABLE):
        text = "The repository cannot be read: it is gone, or this installation may not read it. Check the App's access to it."
        return Refused("repository_unreachable", text, evidence=said)
    return failure(f"Fetching {what} did not succeed", captured, "fetch_failed")
