"""Trees of commits on disk, to lie read-only under checkouts. One that is in use is never changed, only replaced."""

import uuid
from dataclasses import dataclass
from pathlib import Path

from infra.git import Git, Place, sha_of
from infra.workspaces import listing
from infra.workspaces.layout import held, idle, locked, released
from infra.workspaces.removal import remove

KEPT = 3
"""How many trees nobody uses stay for the next commit to be reached from."""
ATTRIBUTES = (":(glob)**/.gitattributes",)


@dataclass(frozen=True, slots=True)
class Template:
    """The tree of `commit` as files, and the index that describes them. Both read-only."""

    path: Path
    commit: str

    @property
    def tree(self) -> Path:
        """The files."""
        return self.path / "tree"

    @property
    def index(self) -> Path:
        """The index git keeps of them."""
        return self.path / "index"


class Templates:
    """The templates of one repository, in `root`. `git_dir` holds the commits."""

    def __init__(self, git: Git, root: Path, git_dir: Path) -> None:
        self._git = git
        self._root = root
        self._git_dir = git_dir

    def hold(self, commit: str, user: str) -> Template:
        """The template of `commit`, which stays as it is until `user` releases it. The same again for the same user."""
        with locked(self._root / "lock"):
            template = Template(self._root / sha_of(commit), commit)
            if not template.index.exists():
                self._make(template)
            held(template.path, user)
            return template

    def release(self, commit: str, user: str) -> None:
        """`user` is done with it. Harmless when it never held it."""
        released(self._root / sha_of(commit), user)
        with locked(self._root / "lock"):
            for old in idle(self._root)[KEPT:]:
                remove(old)

    def _make(self, template: Template) -> None:
        """Move an idle tree on to the commit, or write a new one. A crash leaves a `.making-…`, which is swept by the next."""
        for left in self._root.glob(".making-*"):
            remove(left)
        remove(template.path)
        making = Template(self._root / f".making-{uuid.uuid4().hex}", template.commit)
        old = next(iter(idle(self._root)), None)
        if old is not None and self._same_attributes(old.name, template.commit):
            old.rename(making.path)
            (making.path / listing.NAME).unlink(missing_ok=True)
            self._read_tree(making, "-m", "-u", old.name, template.commit)
        else:
            making.tree.mkdir(parents=True)
            self._read_tree(making, "-m", "-u", template.commit)
        making.path.rename(template.path)

    def _read_tree(self, template: Template, *words: str) -> None:
        self._git.ask("read-tree", *words, at=Place(self._git_dir, template.index, template.tree))

    def _same_attributes(self, old: str, new: str) -> bool:
        """Whether a file that did not change is also written the same: line ends depend on attributes."""
        return self._git.run("diff-tree", "-r", "--quiet", old, new, "--", *ATTRIBUTES, at=Place(self._git_dir)).ok
