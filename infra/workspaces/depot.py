"""Everything this machine keeps of one repository."""

from infra.git import Git, Input, Sources, failure
from infra.workspaces.layout import Layout, locked
from infra.workspaces.mirror import Bare, Mirror
from infra.workspaces.removal import remove
from infra.workspaces.template import Templates
from jobs.errors import Fault
from jobs.model import ItemKind, Repository, Run
from jobs.ports import Artifacts

FEW = 20
"""Packs a git directory may have before they are made into one."""


class Depot:
    """The mirror, the control directory and the templates of a repository; snapshots travel between machines as `artifacts`."""

    def __init__(self, git: Git, layout: Layout, sources: Sources, repository: Repository, artifacts: Artifacts | None = None) -> None:
        self._git = git
        self._sources = sources
        self._artifacts = artifacts
        self.repository = repository
        self.mirror = Mirror(git, layout.mirror(repository))
        self.control = Bare(git, layout.control(repository))
        self.templates = Templates(git, layout.templates(repository), self.control.path)
        self._all = (self.mirror.path, self.control.path, layout.templates(repository), layout.setup(repository))

    def ready(self) -> None:
        """Have both directories, empty where they are new. Raises Fault."""
        self.mirror.ensure()
        self.control.ensure(borrowing=self.mirror.path)

    def tip(self, branch: str) -> str:
        """The commit a branch stands at now; fetched, unless that is where it stood when it was fetched last. Raises Fault."""
        stands = self._sources.tip(self.repository, branch)
        return stands if stands and stands == self.mirror.kept(branch) else self.fetched(branch)

    def fetched(self, branch: str) -> str:
        """As `tip`, without asking before."""
        return self.mirror.tip(self._sources.source(self.repository), branch)

    def have(self, run: Run, commit: str) -> None:
        """Have the commit a run is based on in both directories. Raises Fault."""
        origin = run.request.source
        number = origin.number if origin.item is ItemKind.PULL else None
        self.ready()
        if self.mirror.pinned(run.id, commit):
            return
        self.mirror.commit(self._sources.source(self.repository), commit, number)
        if not self.mirror.pinned(run.id, commit):
            raise Fault("checkout_failed", f"The commit {commit} was fetched and cannot be kept.")

    def share(self, run: Run, commit: str, base: str) -> None:
        """Leave a snapshot where other machines find it."""
        if self._artifacts is None:
            return
        given = Input(f"{commit}\n^{base}\n".encode())
        packed = self._git.run("pack-objects", "--quiet", "--revs", "--thin", "--stdout", at=self.control.place, given=given)
        if not packed.ok:
            raise failure("Packing the snapshot for other machines did not succeed", packed, "checkout_failed")
        self._artifacts.put(run.id, _name(commit), packed.stdout.data)

    def hold(self, run: Run, commit: str) -> None:
        """Have a snapshot here, made on this machine or on another one. Raises Fault(`checkout_failed`)."""
        self.ready()
        if self.control.has(commit):
            return
        if run.base_sha:
            self.have(run, run.base_sha)
        try:
            data = self._artifacts.get(run.id, _name(commit)) if self._artifacts else b""
        except KeyError:
            data = b""
        taken = self._git.run("index-pack", "--strict", "--fix-thin", "--stdin", at=self.control.place, given=Input(data))
        if not taken.ok or not self.control.has(commit):
            text = f"The snapshot {commit} was made on another machine and has not come here: let all workers share the artifacts."
            raise Fault("checkout_failed", text, evidence=taken.stderr.output().text)
        self.control.pinned(f"{run.id}.shared", commit)

    def tidy(self) -> None:
        """Make one pack of many. Nothing is lost: checkouts and snapshots borrow objects that no branch names any more."""
        for bare in (self.mirror, self.control):
            packs = len(list((bare.path / "objects" / "pack").glob("*.pack")))
            if packs > FEW:
                with locked(bare.path.with_suffix(".lock")):
                    self._git.ask("repack", "-a", "-d", "-l", "-q", "--keep-unreachable", at=bare.place)

    def remove(self) -> None:
        """Remove everything, for a repository that is not ours to keep any more."""
        with locked(self.mirror.path.with_suffix(".lock")):
            for path in self._all:
                remove(path)


def _name(commit: str) -> str:
    return f"snapshot-{commit}.pack"
