"""Reads single files that an untrusted program was to leave behind, once it is dead."""

import os
from pathlib import Path

from infra.workspaces.reading import Reader


class Unusable(ValueError):
    """What lies there cannot be read; the text says why and fits into a sentence."""


def read_left(root: Path, relative: str, most: int) -> bytes | None:
    """The file at `relative` below `root`, None when there is none. No link is followed on any part of the way. Raises Unusable."""
    name = os.fsencode(relative)
    with Reader(root) as reader:
        found = reader.status(name)
        if found is None or found.is_whiteout:
            return None
        if not found.is_file:
            raise Unusable("it is not a regular file")
        if found.size > most:
            raise Unusable(f"it is larger than {most} bytes")
        with reader.file(name) as descriptor, open(descriptor, "rb", closefd=False) as file:
            return file.read(most)


def stamp_of(root: Path, relative: str) -> tuple[int, ...] | None:
    """What changes when the file at `relative` is written anew; None when there is none."""
    with Reader(root) as reader:
        found = reader.status(os.fsencode(relative))
    return (found.mode, found.size, *found.stamp) if found else None
