"""Workers as they run: RQ's processes on a real Redis, leases in a real store; only the engine's ports are fakes."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.lease import HandedBack, Hold
from app.rq_worker import PoliteWorker, answer_bells
from app.supervisor import FORK
from app.worker import Horse, Work, errands
from infra.clock import SystemClock
from infra.redis_server import Server
from infra.rq_queue import RqBell, ringing_client, waiting_client
from infra.store import schema
from infra.store.engine import open_store
from infra.store.ledger import SqlLedger
from jobs import events as e
from jobs.errors import Fault, Reason
from jobs.evidence import AgentResult
from jobs.model import Run, RunState
from jobs.ports import Launch, Ports
from tests.app.test_supervisor import alive, pids, soon, write_pid
from tests.fakes.engine import DONE, Engine, FakeAgents, FakeClock, FakeLedger, FakeWorkspaces
from tests.infra.store.asked import start
from tests.serving import embedded_redis

CLOCK = SystemClock()
Launched = Callable[[Launch], AgentResult]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with embedded_redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@dataclass
class Agent(FakeAgents):
    """Does what the test says, in the work-horse's process."""

    act: Launched

    def __init__(self, act: Launched) -> None:
        super().__init__()
        self.act = act

    def launch(self, launch: Launch) -> AgentResult:
        return self.act(launch)


def nothing(row: object) -> None:
    """No work."""


@dataclass
class Shop:
    """A store, a bell and workers that answer it."""

    server: Server
    data: Path
    engine: sa.Engine
    workers: list[FORK.Process] = field(default_factory=list)

    @property
    def ledger(self) -> SqlLedger:
        return SqlLedger(self.engine)

    def ring(self, function: str, row: str | int, queue: str | None = None) -> None:
        with ringing_client(self.server.url) as client:
            RqBell(client).ring(function, row, queue)

    def worker(
        self, act: Launched = lambda launch: DONE, *, queue: str = "agents", grace_s: float = 600, burst: bool = False, **does: object
    ):
        """A worker process; `does` replaces what its short functions do."""
        process = FORK.Process(target=self._work, args=(act, queue, grace_s, burst, does))
        process.start()
        self.workers.append(process)
        return process

    def _work(self, act: Launched, queue: str, grace_s: float, burst: bool, does: dict[str, Callable[[object], None]]) -> None:
        os.setpgid(0, 0)
        ledger = self.ledger
        fakes = Engine().ports
        ports = replace(fakes, ledger=ledger, clock=CLOCK, agents=Agent(act))
        bell = RqBell(ringing_client(self.server.url))
        short = {"intake": nothing, "relay": nothing, **does}
        work = Work(name=f"host:{queue}:{os.getpid()}", ledger=ledger, ports=ports, bell=bell, **short)
        answer_bells(waiting_client(self.server.url), queue, work, grace_s, burst=burst)
        sys.exit(0)

    def close(self) -> None:
        for worker in self.workers:
            if worker.is_alive():
                os.killpg(worker.pid or 0, signal.SIGKILL)
            worker.join()
        self.engine.dispose()

    def names(self, run_id: str) -> list[str]:
        events = sa.select(schema.event.c.type).where(schema.event.c.run_id == run_id).order_by(schema.event.c.seq)
        with self.engine.connect() as connection:
            return list(connection.scalars(events))


@pytest.fixture
def shop(server: Server, tmp_path: Path) -> Iterator[Shop]:
    with ringing_client(server.url) as client:
        client.flushall()
    opened = Shop(server, tmp_path, open_store(tmp_path))
    yield opened
    opened.close()


def long_work(path: Path) -> Launched:
    def act(launch: Launch) -> AgentResult:
        write_pid(path)
        CLOCK.sleep(60)
        return DONE

    return act


def test_a_bell_makes_a_run_walk_to_its_end(shop: Shop) -> None:
    """Proves: 000-20."""
    run = start(shop.engine)
    shop.ring("advance", run.id)
    shop.worker(burst=True).join(30)
    assert shop.ledger.load(run.id).state is RunState.SUCCEEDED


def test_the_bells_id_is_a_hint_and_a_freed_slot_rings_the_next(shop: Shop) -> None:
    first, second = start(shop.engine, "label:42:1", number=1), start(shop.engine, "label:42:2", number=2)
    shop.ring("advance", second.id)
    shop.worker(burst=True).join(30)
    assert [shop.ledger.load(one.id).state for one in (first, second)] == [RunState.SUCCEEDED] * 2


def test_two_workers_with_the_same_bell_are_one_attempt(shop: Shop) -> None:
    """Proves: F27, I03."""
    run = start(shop.engine)
    for name in ("advance", "advance"):
        shop.ring(name, run.id)
    both = [shop.worker(burst=True), shop.worker(burst=True)]
    for one in both:
        one.join(30)
    assert shop.names(run.id).count("Claimed") == 1


def test_more_runs_than_workers_wait_in_line_and_each_is_claimed_once(shop: Shop) -> None:
    """Each is rung for three times over, and the keeper's part is nobody's. Proves: 001-11, 003-16, 003-09, I03."""
    runs = [start(shop.engine, f"label:42:{number}", number=number) for number in range(6)]
    for run in runs * 3:
        shop.ring("advance", run.id)
    counts = shop.data / "counts"

    def act(launch: Launch) -> AgentResult:
        held = [shop.ledger.load(run.id).state for run in runs].count(RunState.RUNNING)
        with counts.open("a") as file:
            file.write(f"{held}\n")
        return DONE

    for worker in [shop.worker(act, burst=True), shop.worker(act, burst=True)]:
        worker.join(60)
    assert {shop.ledger.load(run.id).state for run in runs} == {RunState.SUCCEEDED}
    assert [shop.names(run.id).count("Claimed") for run in runs] == [1] * 6
    assert set(pids(counts)) <= {1, 2}


def test_each_commit_is_announced(shop: Shop) -> None:
    run, path = start(shop.engine), shop.data / "told"
    shop.ring("advance", run.id)
    shop.worker(burst=True).join(30)
    shop.worker(queue="short", burst=True, relay=lambda row: path.write_text(str(row))).join(30)
    assert path.read_text() == run.id


def test_a_run_of_a_test_is_left_alone_by_the_agents_workers(shop: Shop) -> None:
    """Proves: 001-04, 001-12, 001-54."""
    run = start(shop.engine, test=True)
    shop.ring("advance", run.id)
    shop.worker(burst=True).join(30)
    assert shop.ledger.load(run.id).state is RunState.QUEUED
    shop.ring("advance", run.id, "test")
    shop.worker(queue="test", burst=True).join(30)
    assert shop.ledger.load(run.id).state is RunState.SUCCEEDED


def test_killing_the_worker_kills_its_horse(shop: Shop) -> None:
    """Proves: F24, I05, I12."""
    run, path = start(shop.engine), shop.data / "pids"
    shop.ring("advance", run.id)
    worker = shop.worker(long_work(path))
    assert soon(lambda: len(pids(path)) == 1)
    os.kill(worker.pid or 0, signal.SIGKILL)
    assert soon(lambda: not alive(pids(path)[0]))


def test_killing_the_horse_leaves_the_worker_to_answer_the_next_bell(shop: Shop) -> None:
    """Proves: F25."""
    run, other, path = start(shop.engine), start(shop.engine, "label:43:1", number=8), shop.data / "pids"
    shop.ring("advance", run.id)
    worker = shop.worker(long_work(path))
    assert soon(lambda: len(pids(path)) == 1)
    os.kill(pids(path)[0], signal.SIGKILL)
    shop.ring("advance", other.id)
    assert soon(lambda: len(pids(path)) == 2)
    assert worker.is_alive()


class Tied(Exception):
    """It was the first thing."""


class Knot:
    def tie(self) -> None:
        raise Tied


def test_a_horse_is_tied_to_its_worker_before_it_asks_redis_anything() -> None:
    """Else it would wait for a Redis that died with its worker, and keep the service's port for as long. Proves: F24, I12."""
    worker = PoliteWorker.__new__(PoliteWorker)
    worker.rider = Knot()  # type: ignore[assignment]
    with pytest.raises(Tied):
        worker.main_work_horse(None, None)


def test_a_killed_horses_run_is_taken_back_and_walked_to_its_end_by_its_own_worker(shop: Shop) -> None:
    """The lease would have run for 45 seconds more. Proves: F25, I05, 001-21."""
    run, path = start(shop.engine), shop.data / "pids"

    def act(launch: Launch) -> AgentResult:
        write_pid(path)
        if len(pids(path)) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return DONE

    shop.ring("advance", run.id)
    shop.worker(act, burst=True).join(30)
    assert shop.ledger.load(run.id).state is RunState.SUCCEEDED
    assert shop.names(run.id).count("LeaseExpired") == 1


def test_asked_to_stop_a_worker_hands_its_run_back_at_the_next_boundary(shop: Shop) -> None:
    """Proves: F32."""
    run, path = start(shop.engine), shop.data / "pids"

    def act(launch: Launch) -> AgentResult:
        write_pid(path)
        assert soon((shop.data / "go on").exists)
        return DONE

    shop.ring("advance", run.id)
    worker = shop.worker(act)
    assert soon(lambda: len(pids(path)) == 1)
    os.kill(worker.pid or 0, signal.SIGTERM)
    CLOCK.sleep(0.3)
    (shop.data / "go on").touch()
    worker.join(30)
    assert worker.exitcode == 0
    assert shop.names(run.id)[-2:] == ["Built", "Released"]
    assert shop.ledger.load(run.id).state is RunState.QUEUED
    shop.ring("advance", run.id)
    shop.worker(burst=True).join(30)
    assert shop.ledger.load(run.id).state is RunState.SUCCEEDED


@pytest.mark.timeout(240)
def test_asked_to_stop_at_any_moment_a_worker_leaves_with_its_horse(shop: Shop) -> None:
    """Also between the fork of a horse and the moment at which it is known whom to tell. Proves: F32."""
    run, path = start(shop.engine), shop.data / "pids"
    for number in range(12):
        shop.ring("advance", run.id)
        worker = shop.worker(long_work(path), grace_s=0.1)
        CLOCK.sleep(number * 0.04)
        os.kill(worker.pid or 0, signal.SIGTERM)
        worker.join(20)
        assert worker.exitcode is not None, f"told after {number * 0.04} s"
    after = shop.ledger.load(run.id)
    assert (after.state, after.lost_workers) == (RunState.QUEUED, 0)
    assert not any(alive(pid) for pid in pids(path))


def test_after_the_grace_a_run_is_handed_back_wherever_it_is(shop: Shop) -> None:
    """Proves: F32."""
    run, path = start(shop.engine), shop.data / "pids"
    shop.ring("advance", run.id)
    worker = shop.worker(long_work(path), grace_s=0.1)
    assert soon(lambda: len(pids(path)) == 1)
    os.kill(worker.pid or 0, signal.SIGTERM)
    worker.join(30)
    assert worker.exitcode == 0
    assert shop.names(run.id)[-2:] == ["Launched", "Released"]
    assert shop.ledger.load(run.id).lost_workers == 0


def test_whoever_has_to_leave_while_it_cleans_up_leaves_an_ended_run_as_it_is(shop: Shop) -> None:
    """Proves: F32, I03."""

    class Late(FakeWorkspaces):
        def dispose(self, run: Run) -> None:
            raise HandedBack

    run, ports = start(shop.engine), Engine(workspaces=Late()).ports
    work = Work("w", nothing, nothing, shop.ledger, replace(ports, ledger=shop.ledger), shop)
    Horse(work, "agents", 60).advance(run.id)
    assert shop.ledger.load(run.id).state is RunState.SUCCEEDED


def test_a_bug_gives_the_run_a_reason_and_never_an_endless_loop(shop: Shop) -> None:
    """Proves: 000-36, 001-28, I09."""

    def broken(launch: Launch) -> AgentResult:
        raise RuntimeError("a bug")

    run, states = start(shop.engine), []
    for _ in range(4):
        shop.ring("advance", run.id)
        shop.worker(broken, burst=True).join(60)
        states.append(shop.ledger.load(run.id).state)
        with shop.engine.begin() as connection:
            connection.execute(sa.update(schema.run).values(not_before=1))
        shop.ledger.wake()
    after = shop.ledger.load(run.id)
    assert states == [RunState.PARKED] * 3 + [RunState.FAILED]
    assert after.reason
    assert after.reason.code == "internal_error"
    assert "bug in Slipway" in after.reason.text


def test_a_bug_in_a_short_function_does_not_end_the_worker(shop: Shop) -> None:
    told = shop.data / "told"

    def intake(row: object) -> None:
        if row == 1:
            raise RuntimeError("a bug")
        told.write_text(str(row))

    shop.ring("intake", 1)
    shop.ring("intake", 2)
    worker = shop.worker(queue="short", burst=True, intake=intake)
    worker.join(30)
    assert (told.read_text(), worker.exitcode) == ("2", 0)
    with ringing_client(shop.server.url) as client:
        assert not client.keys("rq:results:*")


def test_errands_are_run_by_the_worker_itself_and_a_run_by_a_process_of_its_own(shop: Shop) -> None:
    told = shop.data / "told"
    shop.ring("intake", 1)
    shop.ring("relay", "one")
    errands = shop.worker(queue="short", burst=True, intake=lambda row: write_pid(told), relay=lambda row: write_pid(told))
    errands.join(30)
    assert pids(told) == [errands.pid] * 2
    run = start(shop.engine)
    shop.ring("advance", run.id)

    def act(launch: Launch) -> AgentResult:
        write_pid(told)
        return DONE

    walker = shop.worker(act, burst=True)
    walker.join(30)
    assert shop.ledger.load(run.id).is_final
    assert len({*pids(told), walker.pid}) == 3


def test_asked_to_stop_a_worker_ends_its_errand_first(shop: Shop) -> None:
    at, done = shop.data / "at", shop.data / "done"

    def intake(row: object) -> None:
        write_pid(at)
        CLOCK.sleep(1)
        done.write_text("done")

    shop.ring("intake", 1)
    shop.ring("intake", 2)
    worker = shop.worker(queue="short", intake=intake)
    soon(at.exists)
    os.kill(worker.pid or 0, signal.SIGTERM)
    worker.join(30)
    assert (done.read_text(), worker.exitcode, len(pids(at))) == ("done", 0, 1)


def test_a_worker_that_has_lost_its_lease_dies_before_it_writes_again(shop: Shop) -> None:
    """Proves: F28, I07."""
    run, path, late = start(shop.engine), shop.data / "pids", shop.data / "late"
    claimed = shop.ledger.claim("agents", "zombie")
    assert claimed

    def work() -> None:
        with Hold(shop.ledger, claimed, CLOCK, told=nothing, leaving=lambda: False, every_s=0.05):
            write_pid(path)
            CLOCK.sleep(20)
            late.touch()

    zombie = FORK.Process(target=work)
    zombie.start()
    assert soon(lambda: len(pids(path)) == 1)
    with shop.engine.begin() as connection:
        connection.execute(sa.update(schema.run).values(lease_token=schema.run.c.lease_token + 1))
    zombie.join(20)
    assert zombie.exitcode == -signal.SIGKILL
    assert not late.exists()
    assert shop.names(run.id)[-1] == "Claimed"


@dataclass
class Doubtful(FakeLedger):
    """A store that answers nothing."""

    def renew(self, run: Run) -> bool:
        raise Fault("store_doubt", "The database is away.")


def _hold_in_doubt(path: Path) -> None:
    engine = Engine()
    clock = FakeClock()
    ledger = Doubtful(engine.ledger.run, clock)
    run = ledger.claim()
    with Hold(ledger, run, clock, told=nothing, leaving=lambda: False, every_s=0.01):
        CLOCK.sleep(0.2)
        path.touch()
        clock.sleep(60)
        CLOCK.sleep(20)
        path.unlink()


def test_a_store_in_doubt_is_borne_for_a_while_and_not_for_longer_than_the_lease(tmp_path: Path) -> None:
    """Proves: I19."""
    path = tmp_path / "borne"
    worker = FORK.Process(target=_hold_in_doubt, args=(path,))
    worker.start()
    worker.join(15)
    assert worker.exitcode == -signal.SIGKILL
    assert path.exists()


def held(*, leaving: bool = False) -> tuple[Hold, Ports, list[str]]:
    engine, told = Engine(workspaces=FakeWorkspaces()), list[str]()
    run = engine.ledger.claim()
    engine.ledger.renew = lambda run: True  # type: ignore[attr-defined]  # the engine's fake has no leases
    return Hold(engine.ledger, run, engine.clock, told=told.append, leaving=lambda: leaving), engine.ports, told


def test_a_commit_while_leaving_is_stored_and_then_the_hold_ends() -> None:
    hold, _, told = held(leaving=True)
    with hold, pytest.raises(HandedBack):
        hold.commit(hold.run, e.Prepared("b0"))
    assert hold.run.phase.value == "build"
    assert told == [hold.run.id]


def test_a_final_commit_while_leaving_is_just_the_end() -> None:
    hold, _, _ = held(leaving=True)
    with hold:
        after = hold.commit(hold.run, e.GaveUp(Reason("no_change", "Nothing changed.")))
    assert after.is_final
    assert not hold.held


def test_the_functions_rq_may_call_are_these(shop: Shop) -> None:
    engine = Engine()
    work = Work("w", nothing, nothing, shop.ledger, engine.ports, RqBell(ringing_client(shop.server.url)))
    assert list(Horse(work, "agents", 1).functions) == ["app.worker.advance"]
    assert sorted(errands(work)) == ["app.worker.intake", "app.worker.relay"]
