"""Removes what an agent may have left: of any depth and any mode, following no link, crossing into no other file system."""

import os
import stat
import uuid
from pathlib import Path

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
DEEP = 64


def remove(path: Path) -> None:
    """Remove `path` and all below it. Harmless when it is not there. Raises OSError when something cannot be removed."""
    try:
        parent = os.open(path.parent, DIRECTORY)
    except FileNotFoundError:
        return
    try:
        status = os.stat(path.name, dir_fd=parent, follow_symlinks=False)
        _Removal(parent, status.st_dev).all_of(path.name)
    except FileNotFoundError:
        return
    finally:
        os.close(parent)


class _Removal:
    """The removal of one entry of the directory `top`, on one device.

    What lies too deep is moved up beside the entry and removed later: a path may be longer than any stack.
    """

    def __init__(self, top: int, device: int) -> None:
        self._top = top
        self._device = device
        self._moved: list[str] = []

    def all_of(self, name: str) -> None:
        """Remove the entry and everything that was moved up from below it."""
        self._moved.append(name)
        while self._moved:
            self._entry(self._top, self._moved.pop(), 0)

    def _entry(self, parent: int, name: str, depth: int) -> None:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            os.unlink(name, dir_fd=parent)
            return
        if status.st_dev != self._device:
            raise OSError(f"{name!r} is on another file system and is left alone")
        _own(parent, name)
        if depth >= DEEP:
            self._moved.append(f".removing-{uuid.uuid4().hex}")
            os.rename(name, self._moved[-1], src_dir_fd=parent, dst_dir_fd=self._top)
            return
        self._children(parent, name, depth)
        os.rmdir(name, dir_fd=parent)

    def _children(self, parent: int, name: str, depth: int) -> None:
        descriptor = os.open(name, DIRECTORY, dir_fd=parent)
        try:
            with os.scandir(descriptor) as entries:
                names = [entry.name for entry in entries]
            for child in names:
                self._entry(descriptor, child, depth + 1)
        finally:
            os.close(descriptor)


def _own(parent: int, name: str) -> None:
    """Make a directory ours to change: a mode of 000 is no obstacle to its owner."""
    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        if os.fstat(handle).st_mode & 0o700 != 0o700:
            Path(f"/proc/self/fd/{handle}").chmod(0o700)
    finally:
        os.close(handle)
