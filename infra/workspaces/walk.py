"""Finds what an agent changed: level by level, so that an ignored directory is never looked into."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from infra.workspaces import names
from infra.workspaces.before import Before
from infra.workspaces.reading import Found, Reader
from jobs.errors import Refused

MOST_ENTRIES = 200_000
MOST_BYTES = 200 * 1000**2
"""Of changed files, however small the difference: all of it is read, and kept for as long as the repository is."""
IGNORE = b".gitignore"


class Ignores(Protocol):
    """Knows what `.gitignore` files say."""

    def learn(self, path: bytes, text: bytes) -> None:
        """Take in the ignore file at `path`."""
        ...

    def ignored(self, entries: Iterable[Found]) -> set[bytes]:
        """Which of these entries the files learnt so far say to ignore."""
        ...


@dataclass
class Changes:
    """What differs: first `removed` went, directories whole and some paths that never were; then `written` came."""

    written: list[Found] = field(default_factory=list)
    removed: list[bytes] = field(default_factory=list)


class Walk:
    """One walk over what an agent wrote, in `reader`. `layered` says that a whiteout there stands for a removal."""

    def __init__(
        self,
        reader: Reader,
        before: Before,
        ignores: Ignores,
        foreign: frozenset[bytes],
        *,
        layered: bool,
        most: int = MOST_ENTRIES,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._reader = reader
        self._before = before
        self._ignores = ignores
        self._foreign = foreign
        self._layered = layered
        self._most = most
        self._most_bytes = most_bytes
        self._hidden: set[bytes] = set()
        self._seen: set[bytes] = set()
        self._count = 0
        self._bytes = 0
        self.changes = Changes()

    def run(self) -> Changes:
        """All changes. Raises Refused for what may not become part of a commit, and for far too much of it."""
        level = [b""]
        while level:
            for directory in level:
                self._learn(directory)
            found = [entry for directory in level for entry in self._entries(directory)]
            kept = self._admitted(found)
            level = [entry.path for entry in kept if entry.is_directory]
            for entry in kept:
                self._note(entry)
        self.changes.removed += self._before.gone(self._seen)
        return self.changes

    def _entries(self, directory: bytes) -> Iterable[Found]:
        """The entries of a directory that may have changed."""
        for entry in self._reader.entries(directory):
            self._count += 1
            if self._count > self._most:
                raise Refused(
                    "too_many_files", f"The checkout has more than {self._most} changed entries: remove or ignore what is generated."
                )
            self._seen.add(entry.path)
            if entry.path.lower() != b".git" and not self._before.same(entry):
                yield entry

    def _learn(self, directory: bytes) -> None:
        """The ignore file of a directory as the agent sees it, and whether the directory hides the layer below."""
        opaque = self._layered and self._reader.opaque(directory)
        if opaque or directory.rpartition(b"/")[0] in self._hidden:
            self._hidden.add(directory)
        if opaque:
            self.changes.removed.append(directory)
        path = directory + b"/" + IGNORE if directory else IGNORE
        own = self._reader.status(path)
        if own is not None and own.is_file:
            with self._reader.file(path) as descriptor, open(descriptor, "rb", closefd=False) as file:
                self._ignores.learn(path, file.read(1 << 20))
        elif own is None and directory not in self._hidden:
            text = self._before.text(path)
            if text is not None:
                self._ignores.learn(path, text)

    def _admitted(self, found: list[Found]) -> list[Found]:
        """Without what is ignored. Raises Refused for what may never be there."""
        new = [entry for entry in found if not entry.is_whiteout and not self._known(entry)]
        for entry in new:
            self._refuse_repository(entry)
        dropped = self._ignores.ignored(new) if new else set()
        return [entry for entry in found if entry.path not in dropped]

    def _known(self, entry: Found) -> bool:
        return self._before.directory(entry.path) if entry.is_directory else self._before.tracked(entry.path)

    def _refuse_repository(self, entry: Found) -> None:
        name = entry.path.rpartition(b"/")[2]
        inside = any(entry.path == foreign or entry.path.startswith(foreign + b"/") for foreign in self._foreign)
        if name.lower() == b".git" or inside:
            names.checked(entry.path)
            raise Refused(
                "nested_repository", f"{entry.path.decode(errors='replace')!r} belongs to a submodule, which cannot be changed here."
            )

    def _note(self, entry: Found) -> None:
        if self._layered and entry.is_whiteout:
            self.changes.removed.append(entry.path)
        elif entry.is_directory:
            if names.too_far(entry.path):
                names.checked(entry.path)
            if self._before.tracked(entry.path):
                self.changes.removed.append(entry.path)
        elif entry.is_file or entry.is_link:
            self._written(entry)
        else:
            raise Refused("special_file", f"{names.checked(entry.path)!r} is neither a file nor a link nor a directory: remove it.")

    def _written(self, entry: Found) -> None:
        names.checked(entry.path)
        if entry.is_link:
            names.checked_link(entry.path, self._reader.link(entry.path))
        self._bytes += entry.size
        if self._bytes > self._most_bytes:
            raise Refused("too_large", f"More than {self._most_bytes // 1000**2} MB have changed: remove or ignore what is generated.")
        self.changes.written.append(entry)
