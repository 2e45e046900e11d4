"""The RQ worker process: waits for the bells of one queue. For each run it forks a work-horse; errands it runs itself."""

import contextlib
import os
import secrets
import signal
from collections.abc import Callable, Mapping
from resource import struct_rusage
from typing import Any, TypeVar

from rq import Queue, SimpleWorker, Worker
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker

from app.worker import Horse, Work, errands
from infra.lifeline import bury, disturbed, take_in, undisturbed
from infra.rq_queue import QUEUES, Client, job_class

TTL_S = 90
ERRANDS = frozenset({QUEUES["intake"], QUEUES["relay"]})
"""The queues whose work is short, and dear only where a new process makes everything anew for it."""
SIGNALS = (signal.SIGTERM, signal.SIGINT)
W = TypeVar("W", bound=BaseWorker)


class PoliteWorker(Worker):
    """RQ's worker, which also tells its horse when it is asked to stop, so that a run is handed back and not waited for.

    A horse that did not end by itself has its run taken back at once: nobody knows it as surely, and as soon, as its parent.
    """

    rider: Horse
    _status: int | None = None

    def wait_for_horse(self) -> tuple[int | None, int | None, struct_rusage | None]:
        """As RQ's; remembers how it ended."""
        ended = super().wait_for_horse()
        self._status = ended[1]
        return ended

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        """As RQ's; a signal that comes in the middle is heard when it is known whom to tell, and one that came before is passed on."""
        with undisturbed(SIGNALS):
            super().fork_work_horse(job, queue)
            if self._stop_requested:
                self.handle_warm_shutdown_request()

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """As RQ's, tied to its worker before anything else: what follows may wait for a Redis that is away, for minutes."""
        self.rider.tie()
        disturbed(SIGNALS)
        super().main_work_horse(job, queue)

    def monitor_work_horse(self, job: Job, queue: Queue) -> None:
        """As RQ's; an end that nobody planned is told to the store, also when Redis is away.

        What a horse that was killed had just started may not be tied to it yet, and a git is not tied at all: it is the worker's then.
        """
        try:
            super().monitor_work_horse(job, queue)
        finally:
            if not self._horse_pid:
                bury()
                if self._status:
                    self.rider.fell()

    def handle_warm_shutdown_request(self) -> None:
        """RQ only waits. Not its `kill_horse`: a newborn horse is still in our own group of processes, and what it started is its own."""
        if self.horse_pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)


def answer_bells(client: Client, queue: str, work: Work, grace_s: float, *, burst: bool = False) -> None:
    """Work until SIGTERM (or, with `burst`, until the queue is empty). One queue a worker: only then is nothing lost between two lists.

    Runs have `grace_s` seconds left from SIGTERM; what else is being done is finished.
    """
    if queue in ERRANDS:
        _worker(SimpleWorker, client, queue, errands(work)).work(burst=burst, logging_level=None)
        return
    horse = Horse(work, queue, grace_s)
    worker = _worker(PoliteWorker, client, queue, horse.functions)
    worker.rider = horse
    take_in()
    worker.work(burst=burst, logging_level=None)


def _worker(kind: type[W], client: Client, queue: str, functions: Mapping[str, Callable[[Any], None]]) -> W:
    job = job_class(functions)
    return kind(
        [Queue(queue, connection=client, serializer=JSONSerializer, job_class=job)],
        name=f"{queue}-{os.getpid()}-{secrets.token_hex(4)}",
        connection=client,
        job_class=job,
        serializer=JSONSerializer,
        worker_ttl=TTL_S,
        log_job_description=False,
    )
