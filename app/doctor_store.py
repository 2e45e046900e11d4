"""What `slipway doctor` says of the disk and the store, and of the way on: which backup is the newest that can be trusted."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.examined import TRIED_BYTES, Found, store
from app.housekeeping import kept_in, made_in
from app.settings import Settings
from infra.artifact_room import shown
from infra.clock import SystemClock
from infra.store import safekeeping
from infra.store.doubt import StoreAway, StoreInDoubt
from infra.store.engine import database
from infra.store.outages import standing
from infra.store.pulse import beat
from infra.store.work import read
from jobs.errors import Fault, UserError
from jobs.outages import told

SCARCE_BYTES = 1024**3


def disk_takes_files(settings: Settings) -> Found:
    """The data directory can be written to and has room; proved by writing a file there, which is gone afterwards."""
    data = settings.data_dir
    if not data.exists():
        return Found("ok", f"{data} is not there yet; the first start makes it")
    try:
        with tempfile.TemporaryFile(dir=data, prefix=".doctor-") as file:
            file.write(bytes(TRIED_BYTES))
            file.flush()
    except OSError as error:
        remedy = "Free some room on its disk, and let Slipway's user write to it: what waits for that goes on by itself."
        return Found("fail", f"{data} takes no file ({error.strerror}). {remedy}")
    free = shutil.disk_usage(data).free
    if free < SCARCE_BYTES:
        return Found("warn", f"{data} has {shown(free)} left. Free some: on a full disk everything stops until there is room again.")
    return Found("ok", f"{data} can be written to and has {shown(free)} left")


def store_opens(settings: Settings) -> Found:
    """The store is whole, of this version and takes what is written; and knows of nothing that fails for every run at the moment."""
    sqlite = settings.database_url.startswith("sqlite")
    try:
        with store(settings) as engine:
            if engine is None:
                return Found("ok", "none yet; the first start makes it")
            beat(engine)
            outages = " ".join(map(told, read(engine, standing)))
    except StoreAway as away:
        held = f" `fuser -v {database(settings.data_dir)}` names the processes that have it open." if sqlite else ""
        return Found("fail", f"{away}{held}")
    except StoreInDoubt as doubt:
        return Found("fail", f"{doubt}{_way_on(doubt, settings)}")
    except SQLAlchemyError as error:
        return Found("fail", f"The database does not answer ({type(error).__name__}). Check SLIPWAY_DATABASE_URL and that the server runs.")
    if outages:
        return Found("warn", outages)
    return Found("ok", f"{'SQLite' if sqlite else 'PostgreSQL'}, whole and of this version")


def backups_are_made(settings: Settings) -> Found:
    """The newest copy that the keeper made is no older than two of its rounds, and can be trusted."""
    every = settings.server.backup.every
    if not settings.database_url.startswith("sqlite"):
        return Found("ok", "PostgreSQL's own (`pg_dump`)")
    if every is None:
        return Found("ok", "none by itself: `[backup] every` of the server file makes them; by hand: `slipway backup FILE`")
    newest = next(_whole(settings), None)
    if newest is None or newest.stat().st_mtime < SystemClock().now() - 2 * every:
        age = f"The newest that verifies is {newest}" if newest else "None that verifies is there"
        return Found("warn", f"{age}, in spite of `[backup] every`: is a keeper there, and room? Its log says why none was made.")
    return Found("ok", f"the newest is {newest}, and whole")


def _way_on(doubt: StoreInDoubt, settings: Settings) -> str:
    """Where the way on is a backup: which one, the newest of the keeper's that verifies."""
    if "slipway restore" not in str(doubt) or not settings.database_url.startswith("sqlite"):
        return ""
    newest = next(_whole(settings), None)
    folder = kept_in(settings.server.backup, settings.data_dir)
    return f" The newest that verifies: {newest}." if newest else f" In {folder} is none that verifies: name one of your own."


def _whole(settings: Settings) -> Iterator[Path]:
    """The keeper's copies that can be restored, the newest first."""
    for file in made_in(kept_in(settings.server.backup, settings.data_dir)):
        try:
            safekeeping.check(file)
        except (Fault, UserError, OSError):
            continue
        yield file
