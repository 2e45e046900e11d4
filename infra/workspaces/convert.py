"""Files whose attributes say that git stores them otherwise than they lie on disk: line ends, encodings, and refused filters."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from infra.git import Git, Input, Place, failure
from infra.workspaces.ignores import WorkTree
from infra.workspaces.listing import ATTRIBUTES, LINE
from infra.workspaces.reading import Found, Reader
from jobs.errors import Refused

CONVERTING = {b"text", b"eol", b"crlf", b"ident", b"working-tree-encoding"}
IDLE = {b"unset", b"unspecified"}


class Converter:
    """Converts files of one harvest, from `reader`; `start` is the commit they are compared with, `lines` its attributes files."""

    def __init__(self, git: Git, control: Path, tree: WorkTree, start: str, lines: tuple[str, ...]) -> None:
        self._git = git
        self._tree = tree
        self._start = start
        self._lines = lines
        self._place = Place(control, tree.root.with_name("index"), tree.root)

    def blobs(self, reader: Reader, written: Iterable[Found]) -> dict[bytes, str]:
        """The ids of the files that had to be converted. Raises Refused(`lfs_changed`) for what a filter would take."""
        files = [found for found in written if found.is_file]
        changed = [found for found in files if found.path.rpartition(b"/")[2] == ATTRIBUTES]
        if not files or not (self._lines or changed):
            return {}
        self._tree.directory(b"")
        for found in changed:
            self._copy(reader, found)
        self._index("\0".join(self._lines))
        asked = self._converting(files)
        special = [found for found in files if found.path in asked and _matters(reader, found, asked[found.path])]
        return self._converted(reader, special) if special else {}

    def _converting(self, files: list[Found]) -> dict[bytes, set[bytes]]:
        """The attributes of each file that let git convert it."""
        given = Input(b"".join(found.path + b"\0" for found in files))
        captured = self._git.run("check-attr", "-z", "--stdin", "--all", at=self._place, given=given)
        if not captured.ok:
            raise failure("Asking for attributes did not succeed", captured, "checkout_failed")
        fields = captured.stdout.data.split(b"\0")
        found: dict[bytes, set[bytes]] = {}
        for path, name, value in zip(fields[::3], fields[1::3], fields[2::3], strict=False):
            if name == b"filter" and value not in IDLE:
                text = f"{path.decode(errors='replace')!r} is kept by git's filter {value.decode(errors='replace')!r} (as Git LFS does)"
                raise Refused("lfs_changed", f"{text} and cannot be changed here.")
            if name in CONVERTING and value not in IDLE:
                found.setdefault(path, set()).add(name)
        return found

    def _converted(self, reader: Reader, files: list[Found]) -> dict[bytes, str]:
        """Let git itself take the files in, knowing how they were before: that decides about line ends too."""
        for found in files:
            self._copy(reader, found)
        paths = b"".join(found.path + b"\0" for found in files)
        names = Input("".join(f"{self._start}:{os.fsdecode(found.path)}\n" for found in files).encode(errors="surrogateescape"))
        known = self._git.ask("cat-file", "--batch-check=%(objecttype) %(objectname)", at=self._place, given=names).splitlines()
        before = [
            f"100644 {line.split()[1]} 0\t{os.fsdecode(found.path)}"
            for line, found in zip(known, files, strict=True)
            if line.startswith("blob ")
        ]
        self._index("\0".join(before))
        taken = self._git.run("update-index", "-z", "--add", "--replace", "--stdin", at=self._place, given=Input(paths))
        if not taken.ok:
            said = taken.stderr.output().text
            raise Refused("special_file", "A file cannot be stored in the encoding that `.gitattributes` names for it.", evidence=said)
        listed = self._git.run("ls-files", "-z", "--stage", at=self._place).stdout.data
        wanted = {found.path for found in files}
        return {path: sha.decode() for _, sha, path in LINE.findall(listed) if path in wanted}

    def _index(self, lines: str) -> None:
        given = Input(lines.encode(errors="surrogateescape") + b"\0")
        if lines:
            self._git.ask("update-index", "-z", "--index-info", at=self._place, given=given)

    def _copy(self, reader: Reader, found: Found) -> None:
        with reader.file(found.path) as source, open(source, "rb", closefd=False) as text, self._tree.file(found.path).open("wb") as copy:
            shutil.copyfileobj(text, copy)


def _matters(reader: Reader, found: Found, attributes: set[bytes]) -> bool:
    """Whether there is anything in the file that its attributes let git convert."""
    if attributes & {b"ident", b"working-tree-encoding"}:
        return True
    with reader.file(found.path) as descriptor, open(descriptor, "rb", closefd=False) as file:
        return any(b"\r" in piece for piece in iter(lambda: file.read(1 << 20), b""))
