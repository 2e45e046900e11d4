"""The embedded server: one per data directory, whatever happens to those who use it."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from multiprocessing.queues import Queue
from pathlib import Path

import pytest
import redis

from infra import redis_server
from infra.clock import SystemClock
from infra.redis_server import Place, RedisUnavailable, Server, adopt, answer, ensure, place, stop

CLOCK = SystemClock()
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Place]:
    """A place of its own, whose server is gone afterwards whoever started it."""
    spot = place(tmp_path, tmp_path)
    yield spot
    if spot.directory.exists():
        stop(Server(spot, adopted=True, ownership=os.open(spot.directory, os.O_RDONLY)))


def client(server: Server) -> "redis.Redis[bytes]":
    return redis.Redis.from_url(server.url)


def pid_of(server: Server) -> int:
    with client(server) as connection:
        return int(connection.info("server")["process_id"])


def gone(pid: int) -> bool:
    """Whether the process ends within ten seconds."""
    until = CLOCK.monotonic() + 10
    while CLOCK.monotonic() < until:
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        CLOCK.sleep(0.02)
    return False


def test_it_is_durable_private_and_never_evicts(where: Place) -> None:
    """Proves: 001-14."""
    server = ensure(where)
    with client(server) as connection:
        wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "port": "0", "save": ""}
        assert {key: connection.config_get(key)[key] for key in wanted} == wanted
    assert where.socket.stat().st_mode & 0o777 == 0o700
    assert where.directory.stat().st_mode & 0o777 == 0o700
    assert "valkey-" in where.data.name
    stop(server)


def test_the_second_one_adopts_and_leaves_it_running(where: Place) -> None:
    first = ensure(where)
    second = ensure(where)
    assert (first.adopted, second.adopted) == (False, True)
    assert pid_of(first) == pid_of(second)
    assert (first.owned, second.owned) == (True, False)
    stop(second)
    assert answer(where.socket) == "ok"
    stop(first)
    assert answer(where.socket) == "down"


def _race(where: Place, results: "Queue[tuple[bool, int]]") -> None:
    server = ensure(where)
    results.put((server.adopted, pid_of(server)))
    results.close()
    results.join_thread()
    os._exit(0)


def test_twenty_racing_starters_end_in_one_server(where: Place) -> None:
    results: Queue[tuple[bool, int]] = FORK.Queue()
    racers = [FORK.Process(target=_race, args=(where, results)) for _ in range(20)]
    for racer in racers:
        racer.start()
    outcomes = [results.get(timeout=60) for _ in racers]
    for racer in racers:
        racer.join()
    assert sum(not adopted for adopted, _ in outcomes) == 1
    assert len({pid for _, pid in outcomes}) == 1


def test_acknowledged_writes_survive_the_kill_of_the_server(where: Place) -> None:
    """Proves: 001-14."""
    server = ensure(where)
    with client(server) as connection:
        for number in range(50):
            connection.rpush("kept", number)
        os.kill(pid_of(server), signal.SIGKILL)
    again = ensure(where)
    assert again.adopted is False
    with client(again) as connection:
        assert connection.llen("kept") == 50
    if server.child is not None:
        server.child.reap()
    stop(Server(where, adopted=False, ownership=server.ownership, child=again.child))


def test_after_the_kill_of_its_starter_the_next_one_adopts_and_owns_it(where: Place, tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from infra.redis_server import ensure, place
        ensure(place(Path(sys.argv[1])))
        print("ready", flush=True)
        sys.stdin.read()
        """
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdin=pipe, stdout=pipe) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"ready\n"
        starter.kill()
    orphan = adopt(where)
    pid = pid_of(orphan)
    heir = ensure(where)
    assert (heir.adopted, heir.owned, pid_of(heir)) == (True, True, pid)
    stop(heir)
    assert gone(pid)


def test_a_socket_left_by_a_crash_is_not_mistaken_for_a_server(where: Place) -> None:
    first = ensure(where)
    os.kill(pid_of(first), signal.SIGKILL)
    assert first.child is not None
    first.child.reap()
    assert where.socket.exists()
    with pytest.raises(RedisUnavailable):
        adopt(where)
    second = ensure(where)
    assert second.adopted is False
    stop(Server(where, adopted=False, ownership=first.ownership, child=second.child))


def test_a_lone_role_starts_none_and_says_what_to_do(where: Place) -> None:
    with pytest.raises(RedisUnavailable, match="Set SLIPWAY_REDIS_URL"):
        adopt(where)
    assert not where.directory.exists()


def test_a_long_data_directory_gets_a_short_private_socket(tmp_path: Path) -> None:
    data = tmp_path / ("d" * 90)
    spot = place(data, tmp_path / "run")
    assert len(os.fsencode(spot.socket)) < len(os.fsencode(data))
    assert spot.socket.parent.stat().st_mode & 0o777 == 0o700
    assert spot.socket != place(tmp_path / ("e" * 90), tmp_path / "run").socket


def test_a_directory_of_others_is_not_used_for_the_socket(tmp_path: Path) -> None:
    shared = tmp_path / f"slipway-{os.getuid()}"
    shared.mkdir(mode=0o777)
    shared.chmod(0o777)
    with pytest.raises(RedisUnavailable, match="open to others"):
        place(tmp_path / ("d" * 90), tmp_path)


def test_a_server_that_cannot_start_says_where_its_log_is(tmp_path: Path) -> None:
    spot = place(tmp_path, tmp_path)
    spot.data.mkdir(parents=True)
    (spot.data / "appendonlydir").write_text("in the way")
    with pytest.raises(RedisUnavailable, match=r"server\.log"):
        ensure(spot)


def test_nobody_answers_on_a_path_that_is_not_there(tmp_path: Path) -> None:
    assert redis_server.answer(tmp_path / "none") == "down"
