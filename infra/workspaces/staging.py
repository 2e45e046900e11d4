"""A private work tree with nothing in it but copies of what changed, where git can look without meeting anything of an agent."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.git import Git, Input, Place, failure
from infra.workspaces.reading import Found, Reader
from infra.workspaces.removal import remove
from infra.workspaces.walk import Changes
from jobs.errors import Refused

CHUNK = 1 << 20
EXECUTABLE = 0o100


class Staging:
    """A work tree and an index of our own in `root`, gone at the end. `git_dir` takes the objects."""

    def __init__(self, git: Git, root: Path, git_dir: Path, index: Path) -> None:
        self._git = git
        self._root = root
        self._tree = root / "tree"
        self._made: set[bytes] = set()
        self._index = index
        self.place = Place(git_dir, root / "index", self._tree)

    def __enter__(self) -> Self:
        remove(self._root)
        self._tree.mkdir(parents=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        remove(self._root)

    def learn(self, path: bytes, text: bytes) -> None:
        """Take in the ignore file at `path`."""
        self._target(path).write_bytes(text)

    def ignored(self, entries: Iterable[Found]) -> set[bytes]:
        """Which of these entries the files learnt so far say to ignore."""
        paths = []
        for entry in entries:
            paths.append(entry.path)
            if entry.is_directory:
                self._target(entry.path + b"/x")
        given = Input(b"\0".join(paths) + b"\0")
        captured = self._git.run("check-ignore", "-z", "--no-index", "--stdin", at=self.place, given=given)
        if captured.exit_code not in (0, 1):
            raise failure("Asking what is ignored did not succeed", captured, "checkout_failed")
        return {path for path in captured.stdout.data.split(b"\0") if path}

    def write(self, reader: Reader, changes: Changes) -> None:
        """Copy what was written, through descriptors only; the index is the commit's."""
        shutil.copyfile(self._index, self._root / "index")
        for found in changes.written:
            target = self._target(found.path)
            target.unlink(missing_ok=True)
            if found.is_link:
                target.symlink_to(os.fsdecode(reader.link(found.path)))
            else:
                _copy(reader, found, target)

    def tree(self, changes: Changes) -> str:
        """The id of the tree that the changes make of the commit of the index, with line ends as git converts them."""
        written = {found.path for found in changes.written}
        self._update([path for path in changes.removed if path not in written], "--force-remove")
        self._update(sorted(written), "--add", "--replace")
        return self._git.ask("write-tree", at=self.place).strip()

    def refuse_stored_elsewhere(self, changes: Changes) -> None:
        """Refuse a change of a path whose content git would hand to a filter: we run none. Raises Refused(`lfs_changed`)."""
        given = Input(b"".join(found.path + b"\0" for found in changes.written))
        answer = self._git.run("check-attr", "-z", "--stdin", "filter", at=self.place, given=given)
        fields = answer.stdout.data.split(b"\0")
        for path, value in zip(fields[::3], fields[2::3], strict=False):
            if value not in (b"unspecified", b"unset", b"set"):
                name = path.decode(errors="replace")
                raise Refused(
                    "lfs_changed", f"{name!r} is kept by git's filter {value.decode()!r} (as Git LFS does) and cannot be changed here."
                )

    def _update(self, paths: list[bytes], *words: str) -> None:
        if not paths:
            return
        given = Input(b"".join(path + b"\0" for path in paths))
        captured = self._git.run("update-index", "-z", *words, "--stdin", at=self.place, given=given)
        if captured.ok:
            return
        if "Invalid path" in captured.stderr.text:
            raise Refused("invalid_name", "git does not accept a name: choose another one.", evidence=captured.stderr.output().text)
        raise failure("Taking the changes into the index did not succeed", captured, "checkout_failed")

    def _target(self, path: bytes) -> Path:
        """Where a path is in the work tree, with its directories made; what stands in their way was replaced by them."""
        directory = path.rpartition(b"/")[0]
        place = self._tree / os.fsdecode(directory)
        if directory not in self._made:
            place.mkdir(parents=True, exist_ok=True)
            self._made.add(directory)
        return place / os.fsdecode(path.rpartition(b"/")[2])


def _copy(reader: Reader, found: Found, target: Path) -> None:
    mode = 0o755 if found.mode & EXECUTABLE else 0o644
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with reader.file(found.path) as source:
        sink = os.open(target, flags, mode)
        try:
            while os.sendfile(sink, source, None, CHUNK):
                continue
        finally:
            os.close(sink)
