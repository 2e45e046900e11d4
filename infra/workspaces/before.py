"""What was in a checkout when the agent got it, to tell what is new, changed or gone."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from infra.workspaces.reading import Found, Reader

MOST_IGNORE = 1 << 20


class Before(Protocol):
    """The files of the commit a checkout started from. A path that is not among them is new."""

    def tracked(self, path: bytes) -> bool:
        """Whether a file or link of the commit is at `path`."""
        ...

    def directory(self, path: bytes) -> bool:
        """Whether a directory is there that was not made by the agent."""
        ...

    def same(self, found: Found) -> bool:
        """Whether an entry is as the agent got it."""
        ...

    def gone(self, seen: set[bytes]) -> Iterable[bytes]:
        """The files of the commit that should have been seen and were not."""
        ...

    def text(self, path: bytes) -> bytes | None:
        """What is in a (small) file of the commit, where the checkout shows it only through a layer."""
        ...


class Under:
    """`Before` where the commit lies as a layer under what the agent wrote: whatever is in the upper layer has changed."""

    def __init__(self, template: Reader) -> None:
        self._template = template

    def tracked(self, path: bytes) -> bool:
        """Whether a file or link of the commit is at `path`."""
        found = self._template.status(path)
        return found is not None and not found.is_directory

    def directory(self, path: bytes) -> bool:
        """Whether a directory is there that was not made by the agent."""
        found = self._template.status(path)
        return found is not None and found.is_directory

    def same(self, found: Found) -> bool:
        """Never: it would not be in the upper layer."""
        return False

    def gone(self, seen: set[bytes]) -> Iterable[bytes]:
        """None: what is gone left a mark in the upper layer."""
        return ()

    def text(self, path: bytes) -> bytes | None:
        """What is in a file of the commit."""
        found = self._template.status(path)
        if found is None or not found.is_file:
            return None
        with self._template.file(path) as descriptor:
            return os.read(descriptor, MOST_IGNORE)


class Noted:
    """`Before` where the agent works in a plain copy: every entry was noted down when it was made."""

    def __init__(self, stamps: Mapping[bytes, tuple[int, ...]], tracked: frozenset[bytes]) -> None:
        self._stamps = stamps
        self._tracked = tracked
        self._directories = {directory for path in stamps for directory in _directories(path)}

    def tracked(self, path: bytes) -> bool:
        """Whether a file or link of the commit is at `path`."""
        return path in self._tracked

    def directory(self, path: bytes) -> bool:
        """Whether a directory is there that was not made by the agent."""
        return path in self._directories

    def same(self, found: Found) -> bool:
        """Whether an entry is as the agent got it: the change time cannot be set back."""
        return self._stamps.get(found.path) == _stamp(found)

    def gone(self, seen: set[bytes]) -> Iterable[bytes]:
        """The files of the commit that should have been seen and were not."""
        return self._tracked - seen

    def text(self, path: bytes) -> bytes | None:
        """Nothing: all there is, is in the checkout itself."""
        return None


def note(tree: Path, file: Path) -> None:
    """Write down everything in `tree` to `file`."""
    with Reader(tree) as reader:
        stamps = {os.fsdecode(found.path): _stamp(found) for found in reader.below(b"") if not found.path.startswith(b".git/")}
    file.write_text(json.dumps(stamps))


def noted(file: Path, tracked: frozenset[bytes]) -> Noted:
    """What `note` wrote."""
    stamps = {os.fsencode(path): tuple(stamp) for path, stamp in json.loads(file.read_text()).items()}
    return Noted(stamps, tracked)


def _stamp(found: Found) -> tuple[int, ...]:
    return (found.mode, found.size, *found.stamp)


def _directories(path: bytes) -> Iterator[bytes]:
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        yield path
