"""Asks git what is ignored, in a work tree of our own with nothing in it but ignore files and empty directories."""

import os
from collections.abc import Iterable
from pathlib import Path

from infra.git import Git, Input, Place, failure
from infra.workspaces.reading import Found


class WorkTree:
    """A private work tree below `root`, made when it is first needed. What is put in it was read by descriptors."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._made: set[bytes] = set()

    def directory(self, path: bytes) -> Path:
        """A directory in it, made if need be."""
        place = self.root / os.fsdecode(path)
        if path not in self._made:
            place.mkdir(parents=True, exist_ok=True)
            self._made.add(path)
        return place

    def file(self, path: bytes) -> Path:
        """Where a file of that path belongs; its directory is there."""
        directory, _, name = path.rpartition(b"/")
        return self.directory(directory) / os.fsdecode(name)


class GitIgnores:
    """`Ignores` by git itself."""

    def __init__(self, git: Git, control: Path, tree: WorkTree) -> None:
        self._git = git
        self._tree = tree
        self._place = Place(control, work_tree=tree.root)
        self._knows = False

    def learn(self, path: bytes, text: bytes) -> None:
        """Take in the ignore file at `path`."""
        self._tree.file(path).write_bytes(text)
        self._knows = True

    def ignored(self, entries: Iterable[Found]) -> set[bytes]:
        """Which of these entries the files learnt so far say to ignore."""
        if not self._knows:
            return set()
        paths = []
        for entry in entries:
            paths.append(entry.path)
            if entry.is_directory:
                self._tree.directory(entry.path)  # `name/` in an ignore file means directories only
        given = Input(b"\0".join(paths) + b"\0")
        captured = self._git.run("check-ignore", "-z", "--no-index", "--stdin", at=self._place, given=given)
        if captured.exit_code not in (0, 1):
            raise failure("Asking what is ignored did not succeed", captured, "checkout_failed")
        return {path for path in captured.stdout.data.split(b"\0") if path}
