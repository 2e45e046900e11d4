"""Everything this machine keeps of one repository."""

from infra.git import Git, Sources
from infra.workspaces.layout import Layout
from infra.workspaces.mirror import Bare, Mirror
from infra.workspaces.template import Templates
from jobs.errors import Fault
from jobs.model import ItemKind, Repository, Run


class Depot:
    """The mirror, the control directory and the templates of a repository."""

    def __init__(self, git: Git, layout: Layout, sources: Sources, repository: Repository) -> None:
        self._sources = sources
        self.repository = repository
        self.mirror = Mirror(git, layout.mirror(repository))
        self.control = Bare(git, layout.control(repository))
        self.templates = Templates(git, layout.templates(repository), self.control.path)

    def tip(self, branch: str) -> str:
        """The commit a branch stands at now. Raises Fault."""
        return self.mirror.tip(self._sources.source(self.repository), branch)

    def have(self, run: Run, commit: str) -> None:
        """Have the commit a run is based on in both directories. Raises Fault."""
        origin = run.request.source
        number = origin.number if origin.item is ItemKind.PULL else None
        self.mirror.ensure()
        self.control.ensure(borrowing=self.mirror.path)
        if self.mirror.pinned(run.id, commit):
            return
        self.mirror.commit(self._sources.source(self.repository), commit, number)
        if not self.mirror.pinned(run.id, commit):
            raise Fault("checkout_failed", f"The commit {commit} was fetched and cannot be kept.")
