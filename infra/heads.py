"""Looks at repositories of this machine before there is a run for them."""

from pathlib import Path

from infra.git import Git, Place
from jobs.errors import UserError


class LocalHeads:
    """`app.local_run.Heads`. Reads a repository that belongs to whoever uses this process; nothing in it is run."""

    def __init__(self, git: Git) -> None:
        self._git = git

    def root(self, path: Path) -> Path:
        """The git directory's repository that `path` is in, by looking upwards. Raises UserError when there is none."""
        here = path.resolve()
        for directory in (here, *here.parents):
            if (directory / ".git").is_dir() or _bare(directory):
                return directory
        raise UserError(f"{path} is not in a git repository: name the directory of one with --repo.")

    def branch(self, repository: Path) -> str:
        """The branch its HEAD names. Raises UserError for a detached head or a repository without a commit."""
        head = self._git.run("symbolic-ref", "--quiet", "HEAD", at=_place(repository))
        name = head.stdout.text.strip()
        if not head.ok or not name.startswith("refs/heads/"):
            raise UserError(f"{repository} has no branch checked out: check one out, or name one with --base.")
        return self.checked(repository, name.removeprefix("refs/heads/"))

    def checked(self, repository: Path, branch: str) -> str:
        """`branch`, if there is a commit on it. Raises UserError."""
        if not self._git.run("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}", at=_place(repository)).ok:
            raise UserError(f"{repository} has no commit on a branch {branch!r}: make one first, or name another with --base.")
        return branch


def _place(repository: Path) -> Place:
    return Place(repository if _bare(repository) else repository / ".git")


def _bare(directory: Path) -> bool:
    return (directory / "HEAD").is_file() and (directory / "objects").is_dir() and (directory / "refs").is_dir()
