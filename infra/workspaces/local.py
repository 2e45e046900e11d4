"""`jobs.ports.Workspaces` in the data directory of this machine."""

import contextlib
import errno
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from infra.git import Git, Place, Sources
from infra.sandbox import Mount, Sandbox
from infra.workspaces import agent_files, agent_git, contents, harvest, place, record
from infra.workspaces.agent_files import AgentFiles
from infra.workspaces.depot import Depot
from infra.workspaces.harvest import Grounds
from infra.workspaces.layout import Layout, key, user
from infra.workspaces.place import Ground
from infra.workspaces.record import Record
from infra.workspaces.removal import remove
from infra.workspaces.setup import Networks, Setups
from infra.workspaces.signing import Signer, signed
from infra.workspaces.stream import Author, Commit, Made
from infra.workspaces.template import Template
from jobs.errors import Fault, Refused
from jobs.evidence import Snapshot
from jobs.messages import commit_message
from jobs.model import Repository, Run
from jobs.ports import Artifacts, Checkout, Clock

ATTEMPT = re.compile(r"[0-9]+|[0-9a-f]{12}")
"""What the directories of a run are called: those of attempts by number, those of gates by chance."""
LOST = "The checkout of this attempt is not there any more; a new attempt begins with a fresh one."


@dataclass(frozen=True, slots=True)
class View:
    """A tree as a gate sees it: the mounts to give a `Confinement`. What is put into `written` there is thrown away."""

    mounts: tuple[Mount, ...]
    written: Path


@dataclass(frozen=True, slots=True)
class Tools:
    """What workspaces work with. `artifacts` is given where other machines may go on with a run."""

    git: Git
    sources: Sources
    sandbox: Sandbox
    networks: Networks
    clock: Clock
    author: Author = field(default_factory=Author)
    signer: Signer | None = None
    artifacts: Artifacts | None = None


class LocalWorkspaces:
    """Mirrors, templates and checkouts below `root`. Any number of processes may use it at the same time."""

    def __init__(self, root: Path, tools: Tools) -> None:
        self._layout = Layout(root)
        self._tools = tools
        self._setups = Setups(tools.git, tools.sandbox, tools.networks, tools.clock)

    def base_of(self, run: Run) -> str:
        """The commit the run works from: the authorised head, or the tip of its base branch. Raises Fault as `prepare`."""
        with _told():
            if run.request.head_sha:
                self._depot(run).have(run, run.request.head_sha)
                return run.request.head_sha
            return self._depot(run).tip(run.request.base or run.repository.default_branch)

    def prepare(self, run: Run) -> Checkout:
        """A clean checkout of the run's last snapshot, else of its base; the same one again within an attempt. Raises Fault."""
        base = run.base_sha or self.base_of(run)
        path = self._layout.attempt(run.id, run.attempt)
        with _told():
            found = record.read(path) or self._made(run, path, base)
        if (found.repository, found.run, found.attempt, found.base) != (key(run.repository), run.id, run.attempt, base):
            raise Fault("checkout_failed", f"The checkout at {path} belongs to other work: it is left alone, remove it by hand.")
        return Checkout(run.id, run.attempt, place.files(path, overlay=found.overlay), found.base)

    def mounts(self, run: Run, checkout: Checkout) -> tuple[Mount, ...]:
        """How a prepared checkout is mounted, for a `Confinement`. Raises Refused(`checkout_lost`)."""
        path, found = self._found(checkout)
        return place.mounts(path, self._ground(self._depot(run), path, found))

    @contextlib.contextmanager
    def tree_at(self, run: Run, commit: str) -> Iterator[View]:
        """The files of a commit of ours, to run gates on: what they write is gone afterwards. Raises Fault."""
        tag = uuid.uuid4().hex[:12]
        holder, path = user(run.id, tag), self._layout.run(run.id) / tag
        depot = self._depot(run)
        try:
            with _told():
                depot.hold(run, commit)
                ground = self._laid(run, depot, run.base_sha or commit, commit, holder)
                place.fill(self._tools.git, depot.control.path, path, ground)
            yield View(place.mounts(path, ground), place.files(path, overlay=ground.overlay))
        finally:
            remove(path)
            depot.templates.release(commit, holder)

    def harvest(self, run: Run, checkout: Checkout) -> Snapshot | None:
        """The agent's files as a commit of ours on the recorded base; None when nothing differs from the last snapshot or base.

        To be called only when no process of the sandbox lives. Raises Refused with a snapshot-class reason.
        """
        git, depot = self._tools.git, self._depot(run)
        control = depot.control.place
        with _told():
            path, found = self._found(checkout)
            ground = place.grounds(git, control.git_dir, path, self._ground(depot, path, found))
            made = self._made_commit(control, ground, self._commit(run, depot, found))
            if made.tree == (run.snapshot.tree if run.snapshot else made.before):
                return None
            depot.share(run, made.commit, found.base)
            return harvest.snapshot(git, control, made, found.base)

    def _made_commit(self, control: Place, ground: Grounds, wanted: Commit) -> Made:
        """The commit, signed where this service signs. It is made once: what is stored with the run is pushed, whoever tries again."""
        made = harvest.commit(self._tools.git, control, ground, wanted)
        if self._tools.signer is None:
            return made
        return replace(made, commit=signed(self._tools.git, control, made.commit, wanted.ref, self._tools.signer))

    def _commit(self, run: Run, depot: Depot, found: Record) -> Commit:
        """The commit to make, under a name of its own: an earlier snapshot of the run stays too."""
        ref = f"refs/pins/{user(run.id, uuid.uuid4().hex)}"
        tree = depot.control.parsed(f"{found.start}^{{tree}}") if found.start != found.base else None
        return Commit(found.base, found.start, commit_message(run), self._tools.author, self._tools.clock.now(), ref, tree)

    def patch(self, run: Run, snapshot: Snapshot) -> str:
        """The unified diff from base to snapshot, at most `limits.patch_bytes` × 2 characters."""
        depot = self._depot(run)
        with _told():
            depot.hold(run, snapshot.commit)
            return harvest.patch(self._tools.git, depot.control.place, snapshot, run.rules.limits.patch_bytes * 2)

    def texts(self, run: Run, paths: Sequence[str]) -> Mapping[str, str]:
        """What is in those of these files that are there at the run's base commit. Raises Fault."""
        depot = self._depot(run)
        base = run.base_sha or self.base_of(run)
        with _told():
            depot.have(run, base)
        return contents.texts(self._tools.git, depot.control.place, base, paths)

    def dispose(self, run: Run) -> None:
        """Remove every checkout of the run. Never raises for what is already gone."""
        self.discard(run.id)

    def fetch_ahead(self, repository: Repository, branch: str) -> bool:
        """Have the tip of a branch here before a run asks for it; False where nothing of the repository is kept. Raises Fault."""
        if not self._layout.mirror(repository).exists():
            return False
        with _told():
            self._depot_of(repository).fetched(branch)
        return True

    def tidy(self, repository: Repository) -> None:
        """Put what was fetched and made of a repository in order; nothing is lost. Raises Fault."""
        with _told():
            self._depot_of(repository).tidy()

    def forget(self, repository: Repository) -> None:
        """Remove everything kept of a repository that is not ours to keep any more; its checkouts are their runs' to dispose of."""
        with _told():
            self._depot_of(repository).remove()

    def leftovers(self) -> tuple[str, ...]:
        """The ids of all runs that have a checkout on disk, alive or dead."""
        found = {path.parent.name for path in self._layout.work.glob("[!.]*/*") if ATTEMPT.fullmatch(path.name)}
        return tuple(sorted(found))

    def discard(self, run_id: str) -> None:
        """Remove what a run left on disk, by its id alone."""
        with _told():
            remove(self._layout.run(run_id))
            for mark in self._layout.holds(run_id):
                mark.unlink(missing_ok=True)

    def _depot(self, run: Run) -> Depot:
        return self._depot_of(run.repository)

    def _depot_of(self, repository: Repository) -> Depot:
        tools = self._tools
        self._layout.ensure()
        return Depot(tools.git, self._layout, tools.sources, repository, tools.artifacts)

    def _found(self, checkout: Checkout) -> tuple[Path, Record]:
        path = self._layout.attempt(checkout.run_id, checkout.attempt)
        found = record.read(path)
        if found is None:
            raise Refused("checkout_lost", LOST)
        return path, found

    def _made(self, run: Run, path: Path, base: str) -> Record:
        """A new checkout at `path`; what a crash left there is removed first."""
        remove(path)
        git, depot = self._tools.git, self._depot(run)
        depot.have(run, base)
        start = base
        if run.snapshot:
            start = run.snapshot.commit
            depot.hold(run, start)
        ground = self._laid(run, depot, base, start, user(run.id, run.attempt))
        files = self._agent_files(run, depot, ground.template)
        place.fill(git, depot.control.path, path, ground, files)
        if files is not None and ground.overlay:
            agent_files.laid(git, depot.control.path, path, files)
        git_dir = place.files(path, overlay=ground.overlay) / ".git"
        objects = place.OBJECTS if self._tools.sandbox.confines else str(ground.objects)
        agent_git.write(git_dir, start, ground.template.index, objects)
        if files is not None:
            agent_files.unseen(git, depot.control.path, git_dir, files)
        if start != base:
            agent_git.lend(git, depot.control.place, git_dir, start, base)
        setup = ground.setup.parent.name if ground.setup else None
        made = Record(key(run.repository), run.id, run.attempt, base, start, ground.overlay, setup)
        record.written(path, made)
        return made

    def _laid(self, run: Run, depot: Depot, base: str, commit: str, holder: str) -> Ground:
        """The ground of a checkout of `commit`, held for `holder`."""
        setup = self._setups.layer(run, depot, self._layout.setup(run.repository), base, holder)
        template = depot.templates.hold(commit, holder)
        return Ground(template, setup, depot.mirror.path / "objects", self._tools.sandbox.overlays)

    def _agent_files(self, run: Run, depot: Depot, template: Template) -> AgentFiles | None:
        """What of an agent's configuration is exchanged. Whoever opened a pull request may have written what is in it."""
        if run.request.head_sha is None:
            return agent_files.withheld(template.tree)
        return agent_files.chosen(self._tools.git, depot.control.path, template.index, depot.tip(run.repository.default_branch))

    def _ground(self, depot: Depot, path: Path, found: Record) -> Ground:
        """The ground of a checkout that was made before."""
        template = Template(self._layout.templates(depot.repository) / found.start, found.start)
        setup = self._layout.setup(depot.repository) / found.setup / "layer" if found.setup else None
        layer = path / agent_files.LAYER
        return Ground(template, setup, depot.mirror.path / "objects", found.overlay, layer if layer.is_dir() else None)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What the file system refuses, as a fault."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Fault("disk_full", "There is no room left on the disk for checkouts: free some, or lower retention.") from error
        raise Fault("checkout_failed", f"The checkout cannot be made or read: {error.strerror} ({error.filename}).") from error
