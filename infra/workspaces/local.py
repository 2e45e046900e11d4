"""`jobs.ports.Workspaces` in the data directory of this machine."""

import contextlib
import errno
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.git import Git, Place, Sources
from infra.sandbox import Mount, Sandbox
from infra.workspaces import agent_git, before, harvest, record
from infra.workspaces.depot import Depot
from infra.workspaces.harvest import Author, Commit, Grounds
from infra.workspaces.layout import Layout, key
from infra.workspaces.reading import Reader
from infra.workspaces.record import Record
from infra.workspaces.removal import remove
from infra.workspaces.template import Template, listing
from jobs.errors import Fault
from jobs.evidence import Snapshot
from jobs.messages import commit_message
from jobs.model import Run
from jobs.ports import Checkout, Clock


@dataclass(frozen=True, slots=True)
class View:
    """A tree as a gate sees it: the mounts to give a `Confinement`. What is written there is thrown away."""

    mounts: tuple[Mount, ...]
    written: Path

    def read(self, path: str, most: int) -> bytes | None:
        """A file that was written there, up to `most` bytes; None when there is none. Only when the sandbox is dead."""
        name = path.encode(errors="replace")
        with (
            Reader(self.written) as reader,
            contextlib.suppress(OSError),
            reader.file(name) as file,
            open(file, "rb", closefd=False) as text,
        ):
            return text.read(most)
        return None


class LocalWorkspaces:
    """Mirrors, templates and checkouts below one directory. Any number of processes may use it at the same time."""

    def __init__(self, root: Path, git: Git, sources: Sources, sandbox: Sandbox, clock: Clock, author: Author | None = None) -> None:
        self._layout = Layout(root)
        self._git = git
        self._sources = sources
        self._sandbox = sandbox
        self._clock = clock
        self._author = author or Author()

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
        place = self._layout.attempt(run.id, run.attempt)
        with _told():
            found = record.read(place) or self._made(run, place, base)
        if (found.repository, found.run, found.attempt, found.base) != (key(run.repository), run.id, run.attempt, base):
            raise Fault("checkout_failed", f"The checkout at {place} belongs to other work: it is left alone, remove it by hand.")
        return Checkout(run.id, run.attempt, record.files(place, found), found.base)

    def mounts(self, run: Run) -> tuple[Mount, ...]:
        """How the prepared checkout of the run is mounted, for a `Confinement`."""
        place = self._layout.attempt(run.id, run.attempt)
        found = record.read(place)
        if found is None:
            raise Fault("checkout_failed", "There is no checkout of this attempt.")
        template = Template(self._layout.templates(run.repository) / found.start, found.start)
        return self._mounted(run, place, template, overlay=found.overlay)

    @contextlib.contextmanager
    def tree_at(self, run: Run, commit: str) -> Iterator[View]:
        """The files of a commit of ours, to run gates on: what they write is gone afterwards. Raises Fault."""
        user = f"{run.id}-{uuid.uuid4().hex[:12]}"
        place = self._layout.run(run.id) / user.rpartition("-")[2]
        depot = self._depot(run)
        with _told():
            overlay = self._sandbox.overlays
            template = depot.templates.hold(commit, user)
            self._fill(depot, place, template, overlay=overlay)
        try:
            yield View(self._mounted(run, place, template, overlay=overlay), place / ("upper" if overlay else "tree"))
        finally:
            remove(place)
            depot.templates.release(commit, user)

    def harvest(self, run: Run, checkout: Checkout) -> Snapshot | None:
        """The agent's files as a commit of ours on the recorded base; None when nothing differs from the last snapshot or base.

        To be called only when no process of the sandbox lives. Raises Refused with a snapshot-class reason.
        """
        place = self._layout.attempt(checkout.run_id, checkout.attempt)
        depot = self._depot(run)
        control = depot.control.place
        with _told():
            found = record.read(place)
            if found is None:
                raise Fault("checkout_lost", "The checkout of this attempt is not there any more; a new attempt begins with a fresh one.")
            tree = harvest.tree_of(self._git, control, self._grounds(run, place, found))
            before = run.snapshot.tree if run.snapshot else depot.control.parsed(f"{found.base}^{{tree}}")
            if tree == before:
                return None
            commit = Commit(found.base, commit_message(run), self._author, self._clock.now())
            made = harvest.committed(self._git, control, tree, commit)
            depot.control.pin(run.id, made)
            return harvest.snapshot(self._git, control, made, tree, found.base)

    def patch(self, run: Run, snapshot: Snapshot) -> str:
        """The unified diff from base to snapshot, at most `limits.patch_bytes` × 2 characters."""
        return harvest.patch(self._git, self._depot(run).control.place, snapshot, run.rules.limits.patch_bytes * 2)

    def file(self, run: Run, path: str) -> str | None:
        """A file's text at the run's base commit; None when it is not there."""
        depot = self._depot(run)
        base = run.base_sha or self.base_of(run)
        with _told():
            depot.have(run, base)
        captured = self._git.run("cat-file", "blob", f"{base}:{path}", at=depot.control.place)
        return captured.stdout.text if captured.ok else None

    def dispose(self, run: Run) -> None:
        """Remove every checkout of the run. Never raises for what is already gone."""
        self.discard(run.id)

    def leftovers(self) -> tuple[str, ...]:
        """The ids of all runs that have something on disk, alive or dead."""
        return tuple(sorted(path.name for path in self._layout.work.glob("*") if path.is_dir()))

    def discard(self, run_id: str) -> None:
        """Remove what a run left on disk, by its id alone."""
        with _told():
            remove(self._layout.run(run_id))
            for root in self._layout.root.glob("templates/*"):
                for commit, user in Template.held(root):
                    if user.startswith(f"{run_id}-"):
                        (root / commit / "users" / user).unlink(missing_ok=True)
            for pin in (*self._layout.root.glob(f"mirrors/*/refs/pins/{run_id}"), *self._layout.root.glob(f"control/*/refs/pins/{run_id}")):
                pin.unlink(missing_ok=True)

    def _depot(self, run: Run) -> Depot:
        return Depot(self._git, self._layout, self._sources, run.repository)

    def _made(self, run: Run, place: Path, base: str) -> Record:
        """A new checkout at `place`; what a crash left there is removed first."""
        remove(place)
        depot = self._depot(run)
        depot.have(run, base)
        start = run.snapshot.commit if run.snapshot else base
        overlay = self._sandbox.overlays
        template = depot.templates.hold(start, f"{run.id}-{run.attempt}")
        self._fill(depot, place, template, overlay=overlay)
        made = Record(key(run.repository), run.id, run.attempt, base, start, overlay)
        git_dir = record.files(place, made) / ".git"
        agent_git.write(git_dir, start, template.index, self._objects(depot))
        if start != base:
            agent_git.lend(self._git, depot.control.place, git_dir, start, base)
        record.written(place, made)
        return made

    def _fill(self, depot: Depot, place: Path, template: Template, *, overlay: bool) -> None:
        """The directories of a checkout of `template`, as layers or as a plain copy with a note of every file."""
        place.mkdir(parents=True, mode=0o700)
        if overlay:
            (place / "upper").mkdir()
            (place / "work").mkdir()
            return
        (place / "tree").mkdir()
        at = Place(depot.control.path, place / "index", place / "tree")
        self._git.ask("read-tree", "-m", "-u", template.commit, at=at)
        before.note(place / "tree", place / "notes.json")

    def _grounds(self, run: Run, place: Path, found: Record) -> Grounds:
        template = Template(self._layout.templates(run.repository) / found.start, found.start)
        index = template.index if found.overlay else place / "index"
        listed = listing(self._git, index, self._layout.control(run.repository))
        files, scratch = record.files(place, found), place / "stage"
        if found.overlay:
            return Grounds(files, index, listed, scratch, template=template.tree)
        return Grounds(files, index, listed, scratch, notes=place / "notes.json")

    def _mounted(self, run: Run, place: Path, template: Template, *, overlay: bool) -> tuple[Mount, ...]:
        objects = self._layout.mirror(run.repository) / "objects"
        return record.mounts(place, (template.tree,), overlay=overlay, objects=objects)

    def _objects(self, depot: Depot) -> str:
        """Where the agent finds the mirror's objects."""
        return record.OBJECTS if self._sandbox.confines else str(depot.mirror.path / "objects")


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What the file system refuses, as a fault."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Fault("disk_full", "There is no room left on the disk for checkouts: free some, or lower retention.") from error
        raise Fault("checkout_failed", f"The checkout cannot be made or read: {error.strerror} ({error.filename}).") from error
