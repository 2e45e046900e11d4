"""What is in files of a commit, by one call of git for all of them."""

from collections.abc import Iterator, Sequence

from infra.git import Git, Input, Place


def texts(git: Git, at: Place, commit: str, paths: Sequence[str]) -> dict[str, str]:
    """The text of each of these files (or links) that the commit has. No path may have a line break in it."""
    asked = "".join(f"{commit}:{path}\n" for path in paths).encode()
    said = git.run("cat-file", "--batch=%(objecttype) %(objectsize)", at=at, given=Input(asked))
    found = zip(paths, _answers(said.stdout.data), strict=False)  # one that git does not even look up ends its answers
    return {path: data.decode(errors="replace") for path, data in found if data is not None}


def _answers(said: bytes) -> Iterator[bytes | None]:
    """What is in each object that was asked for: None for one that is missing or no file."""
    while said:
        told, _, said = said.partition(b"\n")
        kind, _, size = told.partition(b" ")
        if not size.isdigit():
            yield None
            continue
        data, said = said[: int(size)], said[int(size) + 1 :]
        yield data if kind == b"blob" else None
