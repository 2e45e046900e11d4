"""What a check of `slipway doctor` is, and what checks share: a place to try things in, and the store if there is one."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from app.settings import Settings
from infra.store.engine import database, open_store
from jobs.errors import Fault

TRIED_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class Found:
    """What a check found: `ok`, `warn` or `fail`, in a sentence that says what to do where something is to be done."""

    state: str
    text: str


Check = Callable[[Settings], Found]


@contextmanager
def scratch(settings: Settings) -> Iterator[Path]:
    """A directory on the file system that checkouts are on, gone afterwards. Raises Fault where there cannot be one."""
    there = settings.data_dir if settings.data_dir.exists() else Path(tempfile.gettempdir())
    with contextlib.ExitStack() as gone:
        try:
            made = Path(gone.enter_context(tempfile.TemporaryDirectory(dir=there, prefix=".doctor-", ignore_cleanup_errors=True)))
            made.joinpath("tried").write_bytes(bytes(TRIED_BYTES))
            made.joinpath("tried").unlink()
        except OSError as error:
            raise Fault("disk_full", f"not tried: {there} takes no file ({error.strerror}), see `disk` above") from error
        yield made


@contextmanager
def store(settings: Settings) -> Iterator[sa.Engine | None]:
    """The store as it is; None where the first start has yet to make one. Raises what `open_store` does."""
    sqlite = settings.database_url.startswith("sqlite")
    if sqlite and not database(settings.data_dir).exists() and not (settings.data_dir / "instance").exists():
        yield None
        return
    engine = open_store(settings.data_dir, None if sqlite else settings.database_url, upgrade=False)
    try:
        yield engine
    finally:
        engine.dispose()
