"""Looks into directories an agent could write, by descriptors: no link is followed on any part of a path."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
OPAQUE = "user.overlay.opaque"


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
            self._root = os.open(root, DIRECTORY)
        except PermissionError:
            _make_readable(None, os.fsencode(root), 0o755)
            self._root = os.open(root, DIRECTORY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._root)

    def entries(self, directory: bytes) -> list[Found]:
        """What is in a directory, sorted; links are entries like others. Raises OSError when it is none."""
        with self._opened(directory) as descriptor, os.scandir(descriptor) as listed:
            names = sorted(os.fsencode(entry.name) for entry in listed)
            return [self._found(descriptor, directory, name) for name in names]

    def status(self, path: bytes) -> Found | None:
        """The entry at `path`; None when there is none, or when a link or file stands in the way."""
        directory, _, name = path.rpartition(b"/")
        try:
            with self._opened(directory) as descriptor:
                return self._found(descriptor, directory, name)
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
        with self._opened(directory) as descriptor, contextlib.suppress(OSError):
            return os.getxattr(descriptor, OPAQUE) == b"y"
        return False

    def link(self, path: bytes) -> bytes:
        """Where a symbolic link points."""
        with self._parent(path) as (descriptor, name):
            return os.readlink(name, dir_fd=descriptor)

    @contextlib.contextmanager
    def file(self, path: bytes) -> Iterator[int]:
        """A regular file, open for reading. Raises OSError for anything else."""
        with self._parent(path) as (parent, name):
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

    @contextlib.contextmanager
    def _parent(self, path: bytes) -> Iterator[tuple[int, bytes]]:
        directory, _, name = path.rpartition(b"/")
        with self._opened(directory) as descriptor:
            yield descriptor, name

    @contextlib.contextmanager
    def _opened(self, directory: bytes) -> Iterator[int]:
        """The directory, reached part by part: a link in the middle is as wrong as one at the end."""
        descriptor = os.dup(self._root)
        try:
            for part in directory.split(b"/") if directory else ():
                try:
                    below = os.open(part, DIRECTORY, dir_fd=descriptor)
                except PermissionError:
                    _make_readable(descriptor, part, 0o700)
                    below = os.open(part, DIRECTORY, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
            yield descriptor
        finally:
            os.close(descriptor)


def _make_readable(parent: int | None, name: bytes, mode: int) -> None:
    """A mode of 000 does not hide anything from its owner."""
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        if not stat.S_ISLNK(os.fstat(handle).st_mode):
            Path(f"/proc/self/fd/{handle}").chmod(mode)
    finally:
        os.close(handle)
