"""What is written down about a checkout beside it, where no agent can reach it."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from infra.sandbox import CHECKOUT, Bind, Mount, Overlay

NAME = "checkout.json"
OBJECTS = "/run/slipway/objects"
"""Where the mirror's objects are seen inside."""


@dataclass(frozen=True, slots=True)
class Record:
    """A checkout: of which repository, run and commit. It is whole if and only if its record is there."""

    repository: str
    run: str
    attempt: int
    base: str
    start: str
    overlay: bool
    setup: str | None = None


ADAPTER = TypeAdapter(Record)


def written(place: Path, record: Record) -> None:
    """Write the record, whole or not at all."""
    new = place / f"{NAME}.new"
    new.write_bytes(ADAPTER.dump_json(record))
    new.rename(place / NAME)


def read(place: Path) -> Record | None:
    """The record of a whole checkout at `place`."""
    file = place / NAME
    return ADAPTER.validate_json(file.read_bytes()) if file.exists() else None


def files(place: Path, record: Record) -> Path:
    """The directory the agent writes to."""
    return place / ("upper" if record.overlay else "tree")


def mounts(place: Path, lowers: tuple[Path, ...], *, overlay: bool, objects: Path) -> tuple[Mount, ...]:
    """How a checkout (or a throw-away one) is seen inside: layers or a plain directory, and the mirror's objects."""
    tree: Mount = Bind(place / "tree", CHECKOUT, writable=True)
    if overlay:
        tree = Overlay(lowers, CHECKOUT, place / "upper", place / "work")
    return (tree, Bind(objects, OBJECTS))
