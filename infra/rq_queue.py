"""The bell: an RQ job is an id and means "look at this row". Losing any of it costs time, never a run.

What RQ is not used for: retries, schedules, callbacks, results, and truth. A bell that already waits in its queue is not rung
twice; one that is being answered right now is, so that nothing that happened meanwhile is overlooked.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import redis
import structlog
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.exceptions import InvalidJobOperation
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.utils import utcformat

log = structlog.get_logger("slipway.bell")
MODULE = "app.worker"
QUEUES: Mapping[str, str] = {"intake": "short", "relay": "short", "advance": "agents"}
"""Where each function's bells hang, unless they are told otherwise (a run of a test goes to `test`)."""
BATCH = 500
WAITING_AT_MOST = 100_000
REST_S = 0.02
"""Between two rounds of rings from the background: under load many go out together, and a single one goes out at once."""
RING = """
local queue, taken = KEYS[1], KEYS[3]
local shared = {unpack(ARGV, 2, 1 + ARGV[1])}
local rung = 0
redis.call('SADD', KEYS[2], queue)
for at = 2 + ARGV[1], #ARGV, 2 do
  for slot = 1, 3 do
    local id = slot == 1 and ARGV[at] or (ARGV[at] .. '-' .. slot)
    local job = 'rq:job:' .. id
    local status = redis.call('HGET', job, 'status')
    if status == 'queued' and redis.call('LPOS', queue, id) then break end
    local answered = status == 'started' or (status == 'queued' and slot < 3 and redis.call('LPOS', taken, id))
    if not answered then
      redis.call('DEL', job)
      redis.call('HSET', job, 'data', ARGV[at + 1], unpack(shared))
      redis.call('RPUSH', queue, id)
      rung = rung + 1
      break
    end
  end
end
return rung
"""
"""One round trip for any number of bells. What a worker has taken and not yet begun is being answered: its hash is not to be touched.

A job's hash that is neither in the queue nor taken is of a worker that died: it rings again. So it does in the end where workers died at
once after they had taken one bell several times: better heard twice than never.
"""

Client = redis.Redis


class NotAllowed(Exception):
    """A job names a function that is not one of ours: somebody else writes to our Redis."""


def ringing_client(url: str) -> Client:
    """A connection for whoever must not be kept waiting: half a second, no second try."""
    return redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5, retry=Retry(NoBackoff(), 0))


def waiting_client(url: str) -> Client:
    """A connection for workers: an outage of minutes is waited out. Blocking reads have no time limit of the client's own."""
    return redis.Redis.from_url(url, socket_timeout=None, socket_connect_timeout=5, retry=Retry(ExponentialBackoff(cap=2, base=0.1), 300))


class RqBell:
    """Rings workers. A ring that fails is logged and counted (`failures`), never raised: the keeper rings for what is left over."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._script = client.register_script(RING)
        self.failures = 0

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def ping(self) -> None:
        """Raises RedisError or OSError when the server does not answer."""
        self._client.ping()

    def ring(self, function: str, row: str | int, queue: str | None = None) -> None:
        """Ask for `function` (a key of QUEUES) to look at a row."""
        self.ring_many(function, (row,), queue)

    def ring_many(self, function: str, rows: Iterable[str | int], queue: str | None = None) -> None:
        """Ring for many rows at once, in one round trip."""
        name = queue or QUEUES[function]
        bells = [(job_id(function, row), payload(function, row)) for row in rows]
        for start in range(0, len(bells), BATCH):
            self._push(name, function, bells[start : start + BATCH])

    def _push(self, queue: str, function: str, bells: Sequence[tuple[str, bytes]]) -> None:
        shared = _shared(queue, function, self._client)
        key = f"{Queue.redis_queue_namespace_prefix}{queue}"
        try:
            self._script(
                keys=[key, Queue.redis_queues_keys, IntermediateQueue.get_intermediate_queue_key(key)],
                args=[len(shared), *shared, *(part for bell in bells for part in bell)],
            )
        except (RedisError, OSError) as error:
            self.failures += len(bells)
            log.warning("a bell could not be rung; the keeper will", function=function, rows=len(bells), error=type(error).__name__)


class BackgroundBell:
    """Rings from a thread of its own: `ring` returns at once, and all that was asked for meanwhile goes out together."""

    def __init__(self, bell: RqBell) -> None:
        self._bell = bell
        self._asked: deque[tuple[str, str | None, str | int]] = deque(maxlen=WAITING_AT_MOST)
        self._news = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bell", daemon=True)
        self._thread.start()

    @property
    def failures(self) -> int:
        """How many rings came to nothing."""
        return self._bell.failures

    def ring(self, function: str, row: str | int, queue: str | None = None) -> None:
        """As `RqBell.ring`, without waiting."""
        self._asked.append((function, queue, row))
        self._news.set()

    def ring_many(self, function: str, rows: Iterable[str | int], queue: str | None = None) -> None:
        """As `RqBell.ring_many`, without waiting."""
        self._asked.extend((function, queue, row) for row in rows)
        self._news.set()

    def close(self) -> None:
        """Ring what is left and end the thread."""
        self._closing.set()
        self._news.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._news.wait()
            self._news.clear()
            self._ring_all()
            self._closing.wait(REST_S)

    def _ring_all(self) -> None:
        asked = [self._asked.popleft() for _ in range(len(self._asked))]
        for (function, queue), group in groupby(asked, key=lambda one: one[:2]):
            self._bell.ring_many(function, dict.fromkeys(row for _, _, row in group), queue)


def job_id(function: str, row: str | int) -> str:
    """The id under which a bell waits."""
    return f"{function}-{row}"


def payload(function: str, row: str | int) -> bytes:
    """What the worker reads: the function's name and the id, as JSON."""
    return json.dumps((f"{MODULE}.{function}", None, (row,), {})).encode()


def _shared(queue: str, function: str, client: Client) -> list[Any]:
    """The fields that all jobs of a batch have in common, as RQ itself writes them."""
    job = Job.create(
        func=f"{MODULE}.{function}", connection=client, serializer=JSONSerializer, status=JobStatus.QUEUED,
        description=function, timeout=-1, result_ttl=0, failure_ttl=0, origin=queue,
    )  # fmt: skip
    fields = {key: value for key, value in job.to_dict().items() if key != "data" and value not in (None, "")}
    stamped = {**fields, "status": JobStatus.QUEUED.value, "enqueued_at": utcformat(datetime.now(UTC))}
    return [part for pair in stamped.items() for part in pair]


def job_class(functions: Mapping[str, Callable[[Any], None]]) -> type[Job]:
    """The RQ job of a worker that knows exactly these functions, by dotted name. Nothing a job says is imported or called."""

    class KnownJob(Job):
        """A job that can only be one of ours."""

        @property
        def func(self) -> Callable[[Any], None]:
            name = str(self.func_name)
            if name not in functions:
                log.error("a job of somebody else was refused", job=self.id, function=name[:200])
                raise NotAllowed(name)
            return functions[name]

        def restore(self, raw_data: Any) -> None:
            super().restore(raw_data)
            self._success_callback_name = self._failure_callback_name = self._stopped_callback_name = None
            self.webhooks = []
            self.retries_left = self.repeats_left = None

        def delete(self, pipeline: Any = None, remove_from_queue: bool = True, delete_dependents: bool = False) -> None:
            try:
                super().delete(pipeline, remove_from_queue, delete_dependents)
            except InvalidJobOperation:  # Redis was emptied meanwhile: nothing is left of the job but its last heartbeat
                (self.connection if pipeline is None else pipeline).delete(self.key)

    return KnownJob
