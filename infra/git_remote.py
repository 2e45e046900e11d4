"""`delivery.manager.Remote` on git: pushes that say what they expect to find, from our control directory."""

from dataclasses import dataclass
from pathlib import Path

from delivery.manager import Left
from infra.git import Git, Input, Place, Source, Sources, failure, sha_of
from infra.process import Captured
from infra.workspaces.depot import Depot
from infra.workspaces.layout import Layout
from jobs.errors import Fault, Refused
from jobs.model import Run
from jobs.ports import Artifacts
from jobs.text import cut

MOST_TOLD = 400
RECORD = "record.json"
NOBODY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "slipway"), ("EMAIL", "slipway@noreply.invalid"))
}
MOVED = ("stale info", "fetch first", "non-fast-forward", "already exists", "needs force", "reference already exists")
CHECKED_OUT = "currently checked out"
FORBIDDEN = ("returned error: 403", "permission denied", "permission to", "write access", "read-only file system", "unable to create")
UNAUTHORISED = ("returned error: 401", "authentication failed", "could not read username")
GONE = ("not found", "returned error: 404", "does not appear to be a git repository", "does not exist")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the remote said about one ref: git's flag (`*` new, `=` as it was, `!` refused, …) and its words."""

    ref: str
    flag: str
    words: str

    @property
    def refused(self) -> bool:
        """Whether the ref was not changed although it should have been."""
        return self.flag == "!"


class GitRemote:
    """`Remote` for repositories whose commits are in the control directories below `root`."""

    def __init__(self, root: Path, git: Git, sources: Sources, artifacts: Artifacts | None = None) -> None:
        self._layout = Layout(root)
        self._git = git
        self._sources = sources
        self._artifacts = artifacts

    def push(self, run: Run, ref: str, commit: str, *, expect: str | None) -> None:
        """Make `ref` point at `commit`, only while it stands at `expect` (None: only if it does not exist).

        A repeat with the same commit is fine. Raises Refused(`head_moved` | `push_refused`) with the remote's words as
        evidence, Fault(`github_unavailable`) when the outcome is unknown.
        """
        lease = f"--force-with-lease={self._git.checked_ref(ref)}:{sha_of(expect) if expect else ''}"
        source = self._sources.source(run.repository, write=True)
        self._hold(run, commit)
        captured = self._push(run, source, lease, refspecs=(f"{sha_of(commit)}:{ref}",))
        # A connection cut after the push is tried again by git's own HTTP client, which then meets its own first try.
        if any(verdict.refused for verdict in verdicts(captured)) and self._refs(source, ref).get(ref) == commit:
            return
        _judge(captured, "github_unavailable")

    def delete(self, run: Run, ref: str, *, only_at: str) -> None:
        """Remove `ref` if it still stands at `only_at`; otherwise leave it. Raises Fault when nobody knows which it was."""
        lease = f"--force-with-lease={self._git.checked_ref(ref)}:{sha_of(only_at)}"
        source = self._sources.source(run.repository, write=True)
        self._depot(run).ready()
        captured = self._push(run, source, lease, refspecs=(f":{ref}",))
        if not captured.ok and not any(verdict.refused for verdict in verdicts(captured)):
            _judge(captured, "github_unavailable")

    def delete_record(self, run: Run, ref: str, record_ref: str, *, only_at: str, to: str) -> None:
        """In one atomic push to the local repository `to`: remove both, if `ref` still stands at `only_at`; otherwise neither.

        Raises Refused(`repository_gone` | `push_refused`), or Fault when nobody knows which it was.
        """
        names = (self._git.checked_ref(ref), self._git.checked_ref(record_ref))
        self._depot(run).ready()
        stand = self._git.run("ls-remote", "--", to, *names, at=None, source=Source(to))
        _judge(stand, "delivery_failed")
        found = _listed(stand)
        if found.get(ref) != only_at:
            return
        leases = tuple(f"--force-with-lease={name}:{found[name]}" for name in names if name in found)
        captured = self._push(run, Source(to), "--atomic", *leases, refspecs=tuple(f":{name}" for name in names if name in found))
        if not any("stale info" in verdict.words for verdict in verdicts(captured)):
            _judge(captured, "delivery_failed")

    def left(self, run: Run, ref: str, record_ref: str, *, to: str) -> Left | None:
        """What an earlier delivery of the run left in the local repository `to`; None unless branch and record stand as it left them.

        The record is known by its commit, which was made in our own control directory, upon that of the branch.
        """
        self._depot(run).ready()
        found = self._refs(Source(to), ref, record_ref)
        if ref not in found or record_ref not in found:
            return None
        upon = self._git.run("rev-parse", "--verify", "--quiet", f"{sha_of(found[record_ref])}^", at=self._place(run))
        return Left(found[ref], found[record_ref]) if upon.ok and upon.stdout.text.strip() == found[ref] else None

    def push_record(self, run: Run, ref: str, commit: str, record_ref: str, record: str, *, to: str, over: Left | None = None) -> None:
        """In one atomic push to the local repository `to`: `ref` at `commit` and `record_ref` at a commit holding `record`.

        Neither or both; a repeat finds both as they are. Raises Refused(`push_refused` | `branch_checked_out` | `head_moved`)
        or Fault(`delivery_failed`).
        """
        if not Path(to).is_absolute():
            raise Refused("push_refused", f"{to!r} is no absolute path of a repository on this machine.")
        self._hold(run, commit)
        kept = self._recorded(run, sha_of(commit), record)
        stands = {ref: sha_of(over.branch), record_ref: sha_of(over.record)} if over else {ref: "", record_ref: ""}
        leases = tuple(f"--force-with-lease={self._git.checked_ref(name)}:{sha}" for name, sha in stands.items())
        captured = self._push(run, Source(to), "--atomic", *leases, refspecs=(f"{commit}:{ref}", f"{kept}:{record_ref}"))
        if not captured.ok and self._done_before(to, ref, commit, record_ref):
            return
        _judge(captured, "delivery_failed")

    def _hold(self, run: Run, commit: str) -> None:
        """Have the commit here, though another machine may have made it."""
        self._depot(run).hold(run, sha_of(commit))

    def _depot(self, run: Run) -> Depot:
        return Depot(self._git, self._layout, self._sources, run.repository, self._artifacts)

    def _recorded(self, run: Run, commit: str, record: str) -> str:
        """A commit after `commit` with nothing but the record in it; the same record gives the same commit."""
        at = self._place(run)
        blob = self._git.ask("hash-object", "-w", "--stdin", at=at, given=Input(record.encode(errors="replace"))).strip()
        tree = self._git.ask("mktree", "-z", at=at, given=Input(f"100644 blob {blob}\t{RECORD}\0".encode())).strip()
        date = self._git.ask("show", "--no-patch", "--format=%ct +0000", commit, at=at).strip()
        env = {**NOBODY, "GIT_AUTHOR_DATE": f"@{date}", "GIT_COMMITTER_DATE": f"@{date}"}
        given = Input(f"Record of run {run.id}\n".encode(), env=env)
        return self._git.ask("commit-tree", "-p", commit, "-F", "-", tree, at=at, given=given).strip()

    def _done_before(self, to: str, ref: str, commit: str, record_ref: str) -> bool:
        """Whether an earlier try of ours got through: its record may say a little more or less than this one."""
        found = self._refs(Source(to), ref, record_ref)
        return found.get(ref) == commit and record_ref in found

    def _refs(self, source: Source, *names: str) -> dict[str, str]:
        """Where these refs of the remote stand; without an answer, nowhere."""
        return _listed(self._git.run("ls-remote", "--", source.url, *names, at=None, source=source))

    def _push(self, run: Run, source: Source, *words: str, refspecs: tuple[str, ...]) -> Captured:
        plain = ("push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-recurse-submodules", *words)
        return self._git.run(*plain, "--", source.url, *refspecs, at=self._place(run), source=source, timeout_s=self._git.patience.push_s)

    def _place(self, run: Run) -> Place:
        return Place(self._layout.control(run.repository))


def _listed(captured: Captured) -> dict[str, str]:
    lines = (line.partition("\t") for line in captured.stdout.text.splitlines())
    return {name: sha for sha, _, name in lines}


def verdicts(captured: Captured) -> list[Verdict]:
    """What `git push --porcelain` says about each ref."""
    found = []
    for line in captured.stdout.text.splitlines():
        flag, tab, rest = line.partition("\t")
        if tab and len(flag) == 1:
            names, _, words = rest.partition("\t")
            found.append(Verdict(names.rpartition(":")[2], flag, words))
    return found


def _judge(captured: Captured, unknown: str) -> None:
    """Nothing when every ref is where it should be. Raises Refused for a definite no, Fault(`unknown`) for silence."""
    if captured.ok:
        return
    refused = [verdict for verdict in verdicts(captured) if verdict.refused]
    said = captured.stderr.output().text
    evidence = "\n".join([*(f"{verdict.ref}: {verdict.words}" for verdict in refused), said]).strip()
    words = " ".join(verdict.words.lower() for verdict in refused)
    low = said.lower()
    if CHECKED_OUT in words:
        raise Refused("branch_checked_out", "The branch is checked out over there: switch to another one, then retry.", evidence=evidence)
    if any(word in words for word in MOVED):
        raise Refused(
            "head_moved", "The branch is not where it was expected: somebody else pushed to it. Start a new run.", evidence=evidence
        )
    if refused or any(word in low for word in FORBIDDEN):
        raise Refused("push_refused", f"The repository refused the push{_because(refused)}{_told(said)}.", evidence=evidence)
    if any(word in low for word in UNAUTHORISED):
        raise Fault(
            "github_auth", "The repository did not accept our credential for the push: check the App's installation.", evidence=evidence
        )
    if any(word in low for word in GONE):
        raise Refused("repository_gone", "The repository to push to is not there any more.", evidence=evidence)
    raise failure("The push came to no known end", captured, unknown)


def _because(refused: list[Verdict]) -> str:
    """Git's own words for it: `[remote rejected] (protected branch hook declined)`."""
    said = (verdict.words.removeprefix("[remote rejected] ").strip("()") for verdict in refused if "atomic" not in verdict.words)
    words = "; ".join(dict.fromkeys(said))
    return f" ({words})" if words else ""


def _told(said: str) -> str:
    """What the remote itself says about it, on one line: `remote: error: GH006: Protected branch update failed for …`."""
    lines = (line.removeprefix("remote:").strip().removeprefix("error: ") for line in said.splitlines() if line.startswith("remote:"))
    lines = (line for line in lines if not line.startswith("hook declined"))
    told = cut(" ".join(" ".join(lines).split()), MOST_TOLD).rstrip(".")
    return f": {told}" if told else ""
