"""Looks into directories an agent could write, by descriptors: no link is followed on any part of a path."""

import contextlib
import errno
import os
import stat
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
OPAQUE = "user.overlay.opaque"
MOST_OPEN = 64


@dataclass(frozen=True, slots=True)
class Found:
    """An entry of a directory, as it was when looked at."""

    path: bytes
    mode: int
    size: int
    device: int
    stamp: tuple[int, int, int] = (0, 0, 0)

    @property
    def is_directory(self) -> bool:
        """A directory."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        """A regular file."""
        return stat.S_ISREG(self.mode)

    @property
    def is_link(self) -> bool:
        """A symbolic link."""
        return stat.S_ISLNK(self.mode)

    @property
    def is_whiteout(self) -> bool:
        """Whether it stands for something removed from a layer below."""
        return stat.S_ISCHR(self.mode) and self.device == 0


class Reader:
    """Reads below one directory."""

    def __init__(self, root: Path) -> None:
        try:
            descriptor = os.open(root, DIRECTORY)
        except PermissionError:
            _make_readable(None, os.fsencode(root), 0o755)
            descriptor = os.open(root, DIRECTORY)
        self._root = descriptor
        self._open: OrderedDict[bytes, int] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in (self._root, *self._open.values()):
            os.close(descriptor)

    def entries(self, directory: bytes) -> list[Found]:
        """What is in a directory, sorted; links are entries like others. Raises OSError when it is none."""
        descriptor = self._opened(directory)
        with os.scandir(descriptor) as listed:
            names = sorted(os.fsencode(entry.name) for entry in listed)
        return [self._found(descriptor, directory, name) for name in names]

    def status(self, path: bytes) -> Found | None:
        """The entry at `path`; None when there is none, or when a link or file stands in the way."""
        directory, _, name = path.rpartition(b"/")
        try:
            return self._found(self._opened(directory), directory, name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                return None
            raise

    def below(self, directory: bytes) -> Iterator[Found]:
        """Everything below a directory that is no directory itself."""
        for entry in self.entries(directory):
            if entry.is_directory:
                yield from self.below(entry.path)
            else:
                yield entry

    def opaque(self, directory: bytes) -> bool:
        """Whether nothing of the layers below shows through."""
        with contextlib.suppress(OSError):
            return os.getxattr(self._opened(directory), OPAQUE) == b"y"
        return False

    def link(self, path: bytes) -> bytes:
        """Where a symbolic link points."""
        directory, _, name = path.rpartition(b"/")
        return os.readlink(name, dir_fd=self._opened(directory))

    @contextlib.contextmanager
    def file(self, path: bytes) -> Iterator[int]:
        """A regular file, open for reading. Raises OSError for anything else."""
        directory, _, name = path.rpartition(b"/")
        parent = self._opened(directory)
        try:
            descriptor = os.open(name, FILE, dir_fd=parent)
        except PermissionError:
            _make_readable(parent, name, 0o600)
            descriptor = os.open(name, FILE, dir_fd=parent)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(f"{path!r} is not a regular file")
            yield descriptor
        finally:
            os.close(descriptor)

    def _found(self, descriptor: int, directory: bytes, name: bytes) -> Found:
        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        path = directory + b"/" + name if directory else name
        stamp = (status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        return Found(path, status.st_mode, status.st_size, status.st_rdev, stamp)

    def _opened(self, directory: bytes) -> int:
        """The directory, reached part by part: a link in the middle is as wrong as one at the end.

        Those reached last stay open, so that the next is one step away however deep it lies.
        """
        start = directory
        while start and start not in self._open:
            start = start.rpartition(b"/")[0]
        descriptor = self._root
        if start:
            descriptor = self._open[start]
            self._open.move_to_end(start)
        for part in directory[len(start) :].lstrip(b"/").split(b"/") if directory != start else ():
            start = start + b"/" + part if start else part
            descriptor = self._open[start] = _directory(descriptor, part)
        while len(self._open) > MOST_OPEN:
            _, oldest = self._open.popitem(last=False)
            os.close(oldest)
        return descriptor


def _directory(parent: int, name: bytes) -> int:
    try:
        return os.open(name, DIRECTORY, dir_fd=parent)
    except PermissionError:
        _make_readable(parent, name, 0o700)
        return os.open(name, DIRECTORY, dir_fd=parent)


def _make_readable(parent: int | None, name: bytes, mode: int) -> None:
    """A mode of 000 does not hide anything from its owner."""
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        if not stat.S_ISLNK(os.fstat(handle).st_mode):
            Path(f"/proc/self/fd/{handle}").chmod(mode)
    finally:
        os.close(handle)
