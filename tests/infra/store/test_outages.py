"""When a provider fails for run after run, one of them tries it and the others wait, on both stores."""

import pytest
import sqlalchemy as sa

from infra.store.ledger import SqlLedger
from infra.store.outages import standing
from infra.store.runs import SqlRuns
from infra.store.work import now, read
from jobs import events as e
from jobs.errors import Reason
from jobs.model import Phase, Repository, Run, RunState
from jobs.outages import FIRST_S, OPENS_AFTER, PROBE_S
from jobs.rules import Rules
from tests.infra.store.asked import LAUNCHED, RECEIPT, RESULT, VERIFIED, asked, walk

DOWN = Reason("provider_overloaded", "The model provider is overloaded. The run waits and goes on by itself.")
CLAUDE = Rules.model_validate({"agent": "claude"})


class Shop:
    """Runs that are asked for, claimed and fail as they are told."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine, self.ledger, self._asked = engine, SqlLedger(engine), 0

    def ask(self, many: int, *, installation: int = 7, agent: str | None = None) -> list[Run]:
        return [self._ask(installation, agent) for _ in range(many)]

    def _ask(self, installation: int, agent: str | None) -> Run:
        self._asked += 1
        at = Repository(id=40 + installation, full_name="acme/greeter", installation=installation)
        return SqlRuns(self.engine).start(asked(f"label:{self._asked}", repository=at, number=self._asked, agent=agent), CLAUDE)[0]

    def claim(self) -> Run | None:
        return self.ledger.claim("agents", "w")

    def launch(self, run: Run) -> Run:
        """Its agent is started; a run that was parked goes on where it stood."""
        return walk(self.ledger, run, *(LAUNCHED if run.phase is Phase.PREPARE else LAUNCHED[1:]))

    def fail(self, run: Run, reason: Reason = DOWN) -> Run:
        """It comes as far as its launch, and the provider does not answer."""
        return self.ledger.commit(self.launch(run), e.Parked(reason, self.now() + 500))

    def down(self) -> list[Run]:
        """As many runs as it takes have failed, and the breaker is open."""
        self.ask(OPENS_AFTER)
        return [self.fail(run) for _ in range(OPENS_AFTER) if (run := self.claim())]

    def now(self) -> float:
        return read(self.engine, lambda connection: float(connection.scalar(sa.select(now())) or 0))

    def wait_over(self) -> None:
        """The time for which it is open has passed."""
        with self.engine.begin() as connection:
            connection.execute(sa.text("UPDATE outage SET open_until = 1"))
            connection.execute(sa.text("UPDATE run SET not_before = 1 WHERE not_before > 0"))
        self.ledger.wake()

    def outages(self) -> list[tuple[str, int, float]]:
        found = read(self.engine, standing)
        return [(one.dependency, one.failures, round(one.open_until - self.now(), -1)) for one in found]

    def states(self, runs: list[Run]) -> list[RunState]:
        return [self.ledger.load(run.id).state for run in runs]


@pytest.fixture
def shop(engine: sa.Engine) -> Shop:
    return Shop(engine)


def test_when_runs_fail_one_after_the_other_the_next_are_put_aside_and_no_attempt_is_made(shop: Shop) -> None:
    """Proves: F31, I06."""
    shop.down()
    assert shop.outages() == [("7:claude", OPENS_AFTER, FIRST_S)]
    later = shop.ask(5)
    assert shop.claim() is None
    found = [shop.ledger.load(run.id) for run in later]
    assert {(run.state, run.attempt, run.parks, run.reason.code) for run in found} == {(RunState.PARKED, 0, 0, "provider_overloaded")}
    assert "waits with the others" in found[0].reason.text


def test_after_a_while_one_tries_it_and_the_others_go_on_waiting(shop: Shop) -> None:
    """Proves: F31."""
    shop.down()
    waiting = shop.ask(3)
    assert shop.claim() is None
    shop.wait_over()
    probe = shop.claim()
    assert probe is not None
    assert shop.claim() is None
    assert shop.outages() == [("7:claude", OPENS_AFTER, PROBE_S)]
    assert sorted(shop.states([*waiting, probe])).count(RunState.RUNNING) == (2 if probe.id in {run.id for run in waiting} else 1)


def test_when_the_one_that_tries_gets_through_all_go_on_at_once(shop: Shop) -> None:
    """Proves: F31."""
    failed = shop.down()
    shop.wait_over()
    probe = shop.claim()
    assert probe is not None and shop.claim() is None
    shop.ledger.commit(shop.launch(probe), e.Built(RESULT))
    assert shop.outages() == []
    assert sorted(shop.ledger.wake()) == sorted(run.id for run in failed if run.id != probe.id)
    assert shop.claim() and shop.claim()


def test_when_it_fails_again_everybody_waits_twice_as_long(shop: Shop) -> None:
    """Proves: F31."""
    shop.down()
    for times in (2, 4):
        shop.wait_over()
        probe = shop.claim()
        assert probe is not None
        shop.fail(probe)
        assert [wait for _, _, wait in shop.outages()] == [FIRST_S * times]
        assert shop.claim() is None


@pytest.mark.parametrize("left", [e.LeaseExpired("w"), e.Released(), e.Cancelled(Reason("stopped", "Enough."))])
def test_one_that_leaves_without_a_word_makes_room_for_another(shop: Shop, left: e.Event) -> None:
    shop.down()
    shop.wait_over()
    probe = shop.claim()
    assert probe is not None and shop.claim() is None
    shop.ledger.lost("w") if isinstance(left, e.LeaseExpired) else shop.ledger.commit(probe, left)
    shop.wait_over()
    assert shop.claim() is not None


def test_another_agent_another_installation_and_a_delivery_go_on(shop: Shop) -> None:
    """Proves: F31, 000-09, I21."""
    verified = shop.ask(1)[0]
    held = walk(shop.ledger, shop.ledger.claim("agents", "w", verified.id), *VERIFIED, e.FlowFinished())
    shop.down()
    shop.ledger.release(held)
    other, neighbour = shop.ask(1, agent="codex")[0], shop.ask(1, installation=8)[0]
    claimed = [shop.claim(), shop.claim(), shop.claim()]
    assert {run.id for run in claimed if run} == {verified.id, other.id, neighbour.id}


def test_one_run_that_fails_again_and_again_is_its_own_trouble(shop: Shop) -> None:
    shop.ask(1)
    for _ in range(OPENS_AFTER + 1):
        run = shop.claim()
        assert run is not None
        shop.fail(run)
        shop.wait_over()
    assert shop.outages() == []


def test_a_key_that_is_refused_is_perhaps_one_repositorys_mistake(shop: Shop) -> None:
    shop.ask(OPENS_AFTER)
    for _ in range(OPENS_AFTER):
        run = shop.claim()
        assert run is not None
        shop.fail(run, Reason("provider_auth", "The model provider refused the key."))
    assert shop.outages() == []


def test_a_forge_that_does_not_answer_is_tried_by_one_until_a_delivery_gets_through(shop: Shop) -> None:
    """Proves: F31."""
    shop.ask(OPENS_AFTER + 1)
    claimed = [run for _ in range(OPENS_AFTER + 1) if (run := shop.claim())]
    for run in claimed[1:]:
        shop.ledger.commit(run, e.Parked(Reason("github_unavailable", "GitHub could not be reached."), shop.now() + 500))
    assert [name for name, _, _ in shop.outages()] == ["7:github"]
    shop.ask(1)
    assert shop.claim() is None
    walk(shop.ledger, claimed[0], *VERIFIED, e.FlowFinished(), e.Delivered(RECEIPT))
    assert shop.outages() == []
