"""The RQ worker process: waits for the bells of one queue and forks a work-horse for each."""

import os
import secrets
import signal
from resource import struct_rusage

from rq import Queue, Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from app.worker import Horse
from infra.rq_queue import Client, job_class

TTL_S = 90


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

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """As RQ's, tied to its worker before anything else: what follows may wait for a Redis that is away, for minutes."""
        self.rider.tie()
        super().main_work_horse(job, queue)

    def monitor_work_horse(self, job: Job, queue: Queue) -> None:
        """As RQ's; an end that nobody planned is told to the store, also when Redis is away."""
        try:
            super().monitor_work_horse(job, queue)
        finally:
            if not self._horse_pid and self._status:
                self.rider.fell()

    def handle_warm_shutdown_request(self) -> None:
        """RQ only waits; its `HerokuWorker` shows the way."""
        if self.horse_pid:
            self.kill_horse(signal.SIGTERM)


def answer_bells(client: Client, queue: str, horse: Horse, *, burst: bool = False) -> None:
    """Work until SIGTERM (or, with `burst`, until the queue is empty). One queue a worker: only then is nothing lost between two lists."""
    kind = job_class(horse.functions)
    worker = PoliteWorker(
        [Queue(queue, connection=client, serializer=JSONSerializer, job_class=kind)],
        name=f"{queue}-{os.getpid()}-{secrets.token_hex(4)}",
        connection=client,
        job_class=kind,
        serializer=JSONSerializer,
        worker_ttl=TTL_S,
        log_job_description=False,
    )
    worker.rider = horse
    worker.work(burst=burst, logging_level=None)
