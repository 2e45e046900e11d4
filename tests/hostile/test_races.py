"""Reading while somebody swaps what is read: nothing from outside ever comes along."""

import contextlib
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.git import Git, Place
from infra.workspaces.before import Under
from infra.workspaces.ignores import GitIgnores, WorkTree
from infra.workspaces.reading import Found, Reader
from infra.workspaces.walk import Walk
from jobs.errors import Refused

CANARY = b"CANARY-outside"
ROUNDS = 10_000


def swapping(tree: str, outside: str) -> None:
    """For ever: a directory becomes a link to the outside, a file too, and back."""
    os.chdir(tree)
    while True:
        with contextlib.suppress(OSError):
            for name in ("dir", "file"):
                Path(name).rename("away")
                Path(name).symlink_to(outside if name == "dir" else f"{outside}/file")
                Path(name).unlink()
                Path("away").rename(name)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for place, text in ((inside / "dir" / "deep", b"inside"), (outside / "deep", CANARY)):
        place.mkdir(parents=True)
        (place / "file").write_bytes(text)
        (place.parent / "file").write_bytes(text)
    (inside / "file").write_bytes(b"inside")
    swapper = multiprocessing.get_context("spawn").Process(target=swapping, args=(str(inside), str(outside)), daemon=True)
    swapper.start()
    yield inside
    swapper.kill()
    swapper.join()
    swapper.close()


@pytest.mark.slow
def test_ten_thousand_reads_under_a_swapper_never_leave_the_tree(tree: Path) -> None:
    """Proves: F57, G18, T27, 002-07."""
    read = {b"": 0}
    with Reader(tree) as reader:
        for _ in range(ROUNDS):
            for path in (b"file", b"dir/file", b"dir/deep/file"):
                with contextlib.suppress(OSError), reader.file(path) as descriptor:
                    text = os.read(descriptor, 100)
                    read[text] = read.get(text, 0) + 1
    assert CANARY not in read
    assert read[b"inside"] > ROUNDS // 10


def test_a_thousand_walks_under_a_swapper_end_in_an_error_or_inside(tree: Path, tmp_path: Path) -> None:
    """Proves: F57, T27."""
    (tmp_path / "template").mkdir()
    git = Git(tmp_path / "home")
    git.ask("init", "-q", "--bare", str(tmp_path / "x.git"), at=None)
    for number in range(1_000):
        ignores = GitIgnores(git, tmp_path / "x.git", WorkTree(tmp_path / f"stage{number}"))
        with contextlib.suppress(OSError, Refused), Reader(tree) as reader, Reader(tmp_path / "template") as below:
            changes = Walk(reader, Under(below), ignores, frozenset(), layered=True).run()
            for found in changes.written:
                with contextlib.suppress(OSError):
                    assert CANARY not in content(reader, found)


def content(reader: Reader, found: Found) -> bytes:
    if found.is_link:
        return b""
    with reader.file(found.path) as descriptor:
        return os.read(descriptor, 100)


def test_a_walk_has_an_end(tmp_path: Path) -> None:
    """Proves: F52, I20."""
    for name in ("tree", "template"):
        (tmp_path / name).mkdir()
    for number in range(60):
        (tmp_path / "tree" / str(number)).touch()
    git = Git(tmp_path / "home")
    ignores = GitIgnores(git, Place(tmp_path).git_dir, WorkTree(tmp_path / "stage"))
    with Reader(tmp_path / "tree") as reader, Reader(tmp_path / "template") as below:
        assert len(Walk(reader, Under(below), ignores, frozenset(), layered=True, most=60).run().written) == 60
        with pytest.raises(Refused, match="more than 59") as raised:
            Walk(reader, Under(below), ignores, frozenset(), layered=True, most=59).run()
    assert raised.value.reason.code == "too_many_files"
