"""What every role stands on: the store, the bell, the clock, and the secrets that are masked everywhere."""

import hashlib
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa

from app.settings import Settings
from delivery.callbacks import Callbacks
from infra.artifacts import FileArtifacts
from infra.clock import SystemClock
from infra.redact import Redactor
from infra.redis_server import adopt, place
from infra.rq_queue import RqBell, ringing_client
from infra.store.claims import Limits
from infra.store.effects import SqlEffects
from infra.store.engine import open_store
from infra.store.inbox import SqlInbox
from infra.store.ledger import SqlLedger
from infra.store.outbox import SqlOutbox
from infra.store.reading import SqlReading
from infra.store.runs import SqlRuns
from infra.store.shared_clock import StoreClock
from jobs.ports import Clock


class Ground:
    """The store and the bell of one process."""

    def __init__(self, settings: Settings, *, redactor: Redactor | None = None, check: bool = True) -> None:
        self.settings = settings
        self.redactor = redactor or Redactor(settings.secrets)
        self._check = check

    @cached_property
    def clock(self) -> Clock:
        """The time leases and events are stamped with: the database server's, or with SQLite this machine's own."""
        return StoreClock(self.engine, SystemClock()) if self._served else SystemClock()

    @cached_property
    def engine(self) -> sa.Engine:
        """The store, after its start check. Raises StoreInDoubt."""
        if self._served:
            return open_store(self.settings.data_dir, self.settings.database_url, check=self._check)
        return open_store(self.settings.data_dir, check=self._check, clock=self.clock)

    @property
    def _served(self) -> bool:
        return self.settings.database_url.startswith("postgresql")

    @cached_property
    def redis_url(self) -> str:
        """The Redis to use: the one that is set, else the embedded one of this data directory. Raises RedisUnavailable."""
        return self.settings.redis_url or adopt(place(self.settings.data_dir, self.settings.runtime_dir)).url

    @cached_property
    def bell(self) -> RqBell:
        """Rings workers."""
        return RqBell(ringing_client(self.redis_url))

    @cached_property
    def callbacks(self) -> Callbacks:
        """Says which callbacks an event asks for."""
        return Callbacks(self.settings.server.callbacks, self.settings.public_url)

    @cached_property
    def inbox(self) -> SqlInbox:
        """The webhooks that came in."""
        return SqlInbox(self.engine)

    @cached_property
    def runs(self) -> SqlRuns:
        """The runs, as people act on them."""
        return SqlRuns(self.engine, messages=self.callbacks)

    @cached_property
    def ledger(self) -> SqlLedger:
        """The runs, as workers hold them."""
        pools = self.settings.server.limits
        limits = Limits(pools.per_repository, pools.per_installation, pools.total)
        return SqlLedger(self.engine, messages=self.callbacks, limits=limits, budgets=self.settings.server.budget)

    @cached_property
    def effects(self) -> SqlEffects:
        """The outside writes."""
        return SqlEffects(self.engine)

    @cached_property
    def outbox(self) -> SqlOutbox:
        """The callbacks that go out."""
        return SqlOutbox(self.engine)

    @cached_property
    def reading(self) -> SqlReading:
        """What people look at."""
        return SqlReading(self.engine)

    @cached_property
    def artifacts(self) -> FileArtifacts:
        """Large outputs."""
        return FileArtifacts(self.engine, self.artifact_folder)

    @property
    def artifact_folder(self) -> Path:
        """Where they lie on this machine."""
        return self.settings.data_dir / "artifacts"

    @cached_property
    def marker_key(self) -> bytes:
        """Signs the marks we leave outside, so that only ours are adopted: the same on every machine and after every start."""
        key = self.settings.github_private_key
        seed = key.get_secret_value() if key else "".join(secret.get_secret_value() for secret in self.settings.webhook_secrets)
        return hashlib.sha256(b"slipway marker\0" + seed.encode()).digest()

    def close(self) -> None:
        """Let go of connections."""
        if "bell" in self.__dict__:
            self.bell.close()
        if "engine" in self.__dict__:
            self.engine.dispose()

    def page(self, run_id: str) -> str | None:
        """Where people see a run; None where they cannot reach this service."""
        url = self.settings.public_url
        return f"{url.rstrip('/')}/runs/{run_id}" if url else None
