"""What is written down about a checkout beside it, where no agent can reach it."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

NAME = "checkout.json"


@dataclass(frozen=True, slots=True)
class Record:
    """A checkout: of which repository, run and commit, and on what. It is whole if and only if its record is there."""

    repository: str
    run: str
    attempt: int
    base: str
    start: str
    overlay: bool
    setup: str | None = None


ADAPTER = TypeAdapter(Record)


def written(path: Path, record: Record) -> None:
    """Write the record, whole or not at all."""
    new = path / f"{NAME}.new"
    new.write_bytes(ADAPTER.dump_json(record))
    new.rename(path / NAME)


def read(path: Path) -> Record | None:
    """The record of a whole checkout at `path`."""
    file = path / NAME
    return ADAPTER.validate_json(file.read_bytes()) if file.exists() else None
