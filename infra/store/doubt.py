"""The questions a store has to answer before it is opened: a plain open would paper over what is wrong.

SQLite makes a new, empty database where the file is missing, says that it is fine, and removes the left-over WAL when it is
closed. So the files are looked at first, and nothing is created where a store has been before.
"""

from collections.abc import Mapping
from pathlib import Path

from jobs.errors import Fault

APPLICATION_ID = 0x534C5057  # "SLPW", in the header of every database of ours
MAGIC = b"SQLite format 3\x00"
RESTORE = "Stop every Slipway process, then `slipway restore FILE` with the newest backup."
FREE = "Free some room on its disk: Slipway goes on by itself then."
REMEDIES: Mapping[str, str] = {
    "malformed": RESTORE,
    "not a database": RESTORE,
    "database or disk is full": FREE,
    "readonly database": "Let Slipway's user write to the data directory, and mount its disk for writing: Slipway goes on by itself then.",
    "disk i/o error": f"See whether its disk is full, or fails: with a good one Slipway goes on by itself. If it is lost: {RESTORE}",
    "unable to open database": f"See that its folder is there, and open to Slipway's user. If the database itself is lost: {RESTORE}",
    "no space left on device": "Free some room on the disk of PostgreSQL: Slipway goes on by itself then.",
    "read-only transaction": "Point SLIPWAY_DATABASE_URL at the server that takes writes, or make this one take them.",
    "invalid page": "Stop every Slipway process, then restore the newest backup of PostgreSQL (`pg_restore`).",
}
"""What the database says when nobody can work with it, and what a person can do about each."""


class StoreInDoubt(Fault):
    """Nobody may work on this store before a person has looked at it; the text says how to recover."""

    def __init__(self, text: str) -> None:
        super().__init__("store_doubt", text)


class StoreAway(StoreInDoubt):
    """The store was locked or not to be reached through every try: no page of it is in doubt, and it may come back by itself."""


def existing(base: Path, instance: Path) -> bool:
    """Whether there is a database at `base` to be opened; False: a first start may make one. Raises StoreInDoubt."""
    known = read_instance(instance)
    left = [side.name for side in (base.with_name(base.name + end) for end in ("-wal", "-shm")) if side.exists()]
    if not base.exists():
        return _absent(base, instance, left, known)
    with base.open("rb") as file:
        header = file.read(100)
    if not header and not left and known is None:
        return False
    if header[:16] != MAGIC:
        raise StoreInDoubt(f"{base} is not a database. {RESTORE}")
    found = int.from_bytes(header[68:72])
    if found != APPLICATION_ID and not (found == 0 and known is None):
        other = f"{base} belongs to another program (application id {found:#x})."
        raise StoreInDoubt(f"{other} Point SLIPWAY_DATA_DIR elsewhere, or: {RESTORE}")
    return True


def _absent(base: Path, instance: Path, left: list[str], known: str | None) -> bool:
    if left:
        raise StoreInDoubt(
            f"{base.name} is gone, but {' and '.join(left)} is there: the database was moved or deleted. Put it back, or: {RESTORE}"
        )
    if known:
        raise StoreInDoubt(
            f"{instance} says that a store was here, and {base} is gone. Put it back, or: {RESTORE} To begin anew, remove {instance}."
        )
    return False


def read_instance(instance: Path) -> str | None:
    """The id of the store this data directory belongs to; None before the first start. Raises StoreInDoubt."""
    if not instance.exists():
        return None
    text = instance.read_text().strip()
    if not text:
        raise StoreInDoubt(f"{instance} is empty. Write the store's id into it, or remove it if no store was ever here.")
    return text


def same_instance(instance: Path, stored: str | None) -> None:
    """Raises StoreInDoubt when the database is not the one this data directory belongs to."""
    known = read_instance(instance)
    if known and stored and known != stored:
        differ = f"The database is of instance {stored}, this data directory of {known}."
        raise StoreInDoubt(f"{differ} Use the database that belongs here, or remove {instance} if the change is meant.")
    if known and not stored:
        raise StoreInDoubt(f"The database is empty, and {instance} says that a store was here. {RESTORE} To begin anew, remove {instance}.")
