"""The RQ worker process: waits for the bells of one queue and forks a work-horse for each."""

import os
import secrets
import signal

from rq import Queue, Worker
from rq.serializers import JSONSerializer

from app.worker import Horse
from infra.rq_queue import Client, job_class

TTL_S = 90


class PoliteWorker(Worker):
    """RQ's worker, which also tells its horse when it is asked to stop, so that a run is handed back and not waited for."""

    def handle_warm_shutdown_request(self) -> None:
        """RQ only waits; its `HerokuWorker` shows the way."""
        if self.horse_pid:
            self.kill_horse(signal.SIGTERM)


def answer_bells(client: Client, queue: str, horse: Horse, *, burst: bool = False) -> None:
    """Work until SIGTERM (or, with `burst`, until the queue is empty). One queue a worker: only then is nothing lost between two lists."""
    kind = job_class(horse.functions)
    PoliteWorker(
        [Queue(queue, connection=client, serializer=JSONSerializer, job_class=kind)],
        name=f"{queue}-{os.getpid()}-{secrets.token_hex(4)}",
        connection=client,
        job_class=kind,
        serializer=JSONSerializer,
        worker_ttl=TTL_S,
        log_job_description=False,
    ).work(burst=burst, logging_level=None)
