"""Bells: rung often and cheaply, heard once, never trusted."""

import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from infra.redis_server import Server
from infra.rq_queue import BackgroundBell, RqBell, job_class, job_id, payload, ringing_client, waiting_client
from tests.serving import embedded_redis


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with embedded_redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[redis.Redis]:
    connection = ringing_client(server.url)
    connection.flushall()
    yield connection
    connection.close()


@pytest.fixture
def bell(client: redis.Redis) -> RqBell:
    return RqBell(client)


def waiting(client: redis.Redis, queue: str = "short") -> list[str]:
    return Queue(queue, connection=client, serializer=JSONSerializer).job_ids


def answering(client: redis.Redis, functions: dict[str, Callable[[Any], None]], queue: str = "short") -> SimpleWorker:
    """A worker of ours, in this process."""
    kind = job_class({f"app.worker.{name}": function for name, function in functions.items()})
    return SimpleWorker(
        [Queue(queue, connection=client, serializer=JSONSerializer, job_class=kind)],
        connection=client,
        serializer=JSONSerializer,
        job_class=kind,
    )


def work(client: redis.Redis, functions: dict[str, Callable[[Any], None]], queue: str = "short") -> None:
    """A worker of ours answers every bell of the queue."""
    answering(client, functions, queue).work(burst=True)


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]


def leftovers(client: redis.Redis) -> list[bytes]:
    return [key for key in client.keys("rq:job:*") if b":" not in key.removeprefix(b"rq:job:")]


def test_a_bell_is_answered_with_its_id_and_leaves_nothing_behind(bell: RqBell, client: redis.Redis) -> None:
    heard: list[object] = []
    bell.ring("intake", 7)
    bell.ring("relay", "a" * 32)
    work(client, {"intake": heard.append, "relay": heard.append})
    assert heard == [7, "a" * 32]
    assert leftovers(client) == []


def test_the_same_bell_rung_twice_while_waiting_is_one_job(bell: RqBell, client: redis.Redis) -> None:
    """Proves: 001-03."""
    for _ in range(3):
        bell.ring_many("intake", [1, 2, 1])
    assert waiting(client) == ["intake-1", "intake-2"]


def test_32_ringers_at_once_are_one_job(client: redis.Redis, server: Server) -> None:
    """Proves: 001-03."""

    def ring() -> None:
        with ringing_client(server.url) as own:
            RqBell(own).ring("advance", "run")

    threads = [threading.Thread(target=ring) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert waiting(client, "agents") == ["advance-run"]


def test_a_bell_rung_while_it_is_being_answered_is_answered_again(bell: RqBell, client: redis.Redis) -> None:
    heard: list[object] = []

    def relay(run: object) -> None:
        heard.append(run)
        if len(heard) < 3:
            bell.ring("relay", "run")

    bell.ring("relay", "run")
    work(client, {"relay": relay})
    assert heard == ["run"] * 3


def test_a_bell_rung_while_a_worker_has_just_taken_it_is_answered_by_another(
    bell: RqBell, client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """The first worker has it off the queue and has not yet said so; the second answers, and takes nothing away from the first."""
    heard: list[object] = []
    first = answering(client, {"relay": heard.append})
    bell.ring("relay", "run")
    taken = first.dequeue_job_and_maintain_ttl(None)
    assert taken
    bell.ring("relay", "run")
    bell.ring("relay", "run")
    assert waiting(client) == ["relay-run-2"]
    work(client, {"relay": heard.append})
    first.execute_job(*taken)
    assert heard == ["run", "run"]
    assert complaints(caplog) == []
    assert leftovers(client) == []


@pytest.mark.parametrize("deaths", [1, 2, 3, 4])
def test_a_bell_taken_by_workers_that_died_at_once_is_not_deaf(bell: RqBell, client: redis.Redis, deaths: int) -> None:
    """Proves: I22."""
    for _ in range(deaths):
        bell.ring("relay", "run")
        assert answering(client, {}).dequeue_job_and_maintain_ttl(None)
    heard: list[object] = []
    bell.ring("relay", "run")
    work(client, {"relay": heard.append})
    assert heard == ["run"]


def test_a_redis_that_is_emptied_while_a_bell_is_answered_is_no_failure(
    bell: RqBell, client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """Proves: F22, I22."""
    bell.ring("relay", "run")
    work(client, {"relay": lambda run: client.flushall()})
    assert complaints(caplog) == []
    assert leftovers(client) == []


def test_a_job_lost_by_a_dying_worker_does_not_make_the_bell_deaf(bell: RqBell, client: redis.Redis) -> None:
    """Proves: I22."""
    bell.ring("intake", 1)
    client.delete("rq:queue:short")
    bell.ring("intake", 1)
    assert waiting(client) == ["intake-1"]


def test_after_flushall_the_next_ring_is_heard(bell: RqBell, client: redis.Redis) -> None:
    """Proves: I22."""
    bell.ring("intake", 1)
    client.flushall()
    client.script_flush()
    bell.ring("intake", 1)
    assert waiting(client) == ["intake-1"]
    assert bell.failures == 0


def test_a_ring_into_nothing_is_counted_and_not_raised(tmp_path: Path) -> None:
    """Proves: F20."""
    with ringing_client(f"unix://{tmp_path}/none.sock") as nobody:
        bell = RqBell(nobody)
        bell.ring_many("intake", [1, 2])
    assert bell.failures == 2


def test_a_full_redis_is_counted_and_not_raised(bell: RqBell, client: redis.Redis) -> None:
    """Proves: F23."""
    client.config_set("maxmemory", 1)
    try:
        bell.ring("intake", 1)
    finally:
        client.config_set("maxmemory", 0)
    assert bell.failures == 1


def test_many_bells_go_in_one_round_trip_each_once(bell: RqBell, client: redis.Redis) -> None:
    def trips() -> int:
        return int(client.info("commandstats")["cmdstat_evalsha"]["calls"])

    bell.ring("intake", 0)
    before = trips()
    bell.ring_many("intake", range(400))
    assert trips() - before == 1
    assert waiting(client) == [f"intake-{row}" for row in range(400)]


def test_the_background_bell_rings_everything_before_it_closes(client: redis.Redis) -> None:
    background = BackgroundBell(RqBell(client))
    background.ring_many("intake", range(100))
    background.ring("advance", "run", "test")
    background.ring("intake", 5)
    background.close()
    assert sorted(waiting(client)) == sorted(f"intake-{row}" for row in range(100))
    assert waiting(client, "test") == ["advance-run"]
    assert background.failures == 0


def test_our_job_is_written_as_rq_writes_it(bell: RqBell, client: redis.Redis) -> None:
    bell.ring("intake", 1)
    ours = client.hgetall("rq:job:intake-1")
    Queue("short", connection=client, serializer=JSONSerializer).enqueue(
        "app.worker.intake", 1, job_id="theirs", job_timeout=-1, result_ttl=0, failure_ttl=0, description="intake"
    )
    theirs = {key: value for key, value in client.hgetall("rq:job:theirs").items() if value}
    times = {b"created_at", b"enqueued_at"}
    assert ours.keys() == theirs.keys()
    assert {key: ours[key] for key in ours.keys() - times - {b"data"}} == {key: theirs[key] for key in theirs.keys() - times - {b"data"}}
    assert Job.fetch("theirs", connection=client, serializer=JSONSerializer).data == payload("intake", 1)
    assert job_id("intake", 1) == "intake-1"


@pytest.mark.parametrize("serializer", [JSONSerializer, pickle])
def test_a_job_that_names_another_function_is_refused(client: redis.Redis, tmp_path: Path, serializer: Any, bell: RqBell) -> None:
    """Proves: F33, T34, I13."""
    mark, heard = tmp_path / "ran", []
    queue = Queue("short", connection=client, serializer=serializer)
    queue.enqueue("os.mkdir", str(mark))
    bell.ring("intake", 1)
    work(client, {"intake": heard.append})
    assert not mark.exists()
    assert heard == [1]


CALLED: list[object] = []


def callback(*told: object) -> None:
    """What a forged job would have us call."""
    CALLED.append(told)


def test_what_a_job_says_about_callbacks_and_retries_is_ignored(bell: RqBell, client: redis.Redis) -> None:
    """Proves: F33, T34, I13."""
    heard: list[object] = []
    bell.ring("intake", 1)
    client.hset("rq:job:intake-1", mapping={"success_callback_name": f"{__name__}.callback", "retries_left": 3})
    work(client, {"intake": heard.append})
    assert heard == [1]
    assert CALLED == []


def test_a_job_of_somebody_else_does_not_stop_the_worker(bell: RqBell, client: redis.Redis) -> None:
    heard: list[object] = []
    client.rpush("rq:queue:short", "junk")
    bell.ring("intake", 1)
    work(client, {"intake": heard.append})
    assert heard == [1]


def test_workers_wait_without_a_time_limit_and_ringers_do_not(server: Server) -> None:
    with waiting_client(server.url) as patient, ringing_client(server.url) as hasty:
        assert patient.connection_pool.connection_kwargs["socket_timeout"] is None
        assert patient.connection_pool.connection_kwargs["retry"].get_retries() >= 300
        assert hasty.connection_pool.connection_kwargs["socket_timeout"] <= 1
