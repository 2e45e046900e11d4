"""Writes a change as one stream for `git fast-import`, which makes blobs, trees and commit in one go: it reads only what changes."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from infra.git import Git, Input, Place, failure, sha_of
from infra.workspaces.reading import Found, Reader
from infra.workspaces.walk import Changes
from jobs.errors import Fault

EXECUTABLE = 0o100
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@dataclass(frozen=True, slots=True)
class Author:
    """In whose name the service commits. By default an address that is nobody's: no account is credited with the work."""

    name: str = "slipway"
    email: str = "slipway@noreply.invalid"


@dataclass(frozen=True, slots=True)
class Commit:
    """The commit to make: on `base`, with what is changed of `start`, kept from collection by `ref`.

    `tree` is that of `start` where it is not `base` itself.
    """

    base: str
    start: str
    message: str
    author: Author
    at: float
    ref: str
    tree: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A commit, its tree, and the tree it was compared with."""

    commit: str
    tree: str
    before: str


def commit(git: Git, control: Place, stream: Path) -> Made:
    """Let git make the commit that `stream` describes."""
    words = ("-c", "fastimport.unpackLimit=1", "fast-import", "--quiet", "--done", "--force")
    captured = git.run(*words, at=control, given=Input(file=stream))
    lines = captured.stdout.text.splitlines()
    if not captured.ok or len(lines) != 3:
        raise failure("Making the commit did not succeed", captured, "checkout_failed")
    before, made, tree = lines
    return Made(sha_of(made), _tree(tree), _tree(before))


def _tree(line: str) -> str:
    return sha_of(line.split("\t", maxsplit=1)[0].split(" ")[2]) if line.startswith("040000 tree ") else EMPTY_TREE


def write(path: Path, commit: Commit, reader: Reader, changes: Changes, blobs: Mapping[bytes, str]) -> None:
    """Write the stream to `path`. `blobs` are files git has taken in already."""
    with path.open("wb") as out:
        who = f"{commit.author.name} <{commit.author.email}> {int(commit.at)} +0000"
        message = commit.message.encode(errors="replace")
        out.write(f'ls {sha_of(commit.start)} ""\ncommit {commit.ref}\nmark :1\nauthor {who}\ncommitter {who}\n'.encode())
        out.write(f"data {len(message)}\n".encode() + message + f"\nfrom {sha_of(commit.base)}\n".encode())
        if commit.tree is not None:
            out.write(f'M 040000 {commit.tree} ""\n'.encode())
        for gone in changes.removed:
            out.write(b"D " + quoted(gone) + b"\n")
        for found in changes.written:
            _entry(out, reader, found, blobs.get(found.path))
        out.write(b'\nget-mark :1\nls :1 ""\ndone\n')


def _entry(out: BinaryIO, reader: Reader, found: Found, blob: str | None) -> None:
    mode = "120000" if found.is_link else "100755" if found.mode & EXECUTABLE else "100644"
    out.write(f"M {mode} {blob or 'inline'} ".encode() + quoted(found.path) + b"\n")
    if found.is_link:
        target = reader.link(found.path)
        out.write(f"data {len(target)}\n".encode() + target + b"\n")
    elif blob is None:
        _inline(out, reader, found)


def _inline(out: BinaryIO, reader: Reader, found: Found) -> None:
    with reader.file(found.path) as descriptor, open(descriptor, "rb", closefd=False) as file:
        size = os.fstat(descriptor).st_size
        out.write(f"data {size}\n".encode())
        begun = out.tell()
        shutil.copyfileobj(file, out)
        if out.tell() - begun != size:
            raise Fault("checkout_failed", "A file changed while it was read, although nothing of the agent should be alive.")
        out.write(b"\n")


def quoted(path: bytes) -> bytes:
    """A path as fast-import reads it without mistake."""
    return b'"' + path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'
