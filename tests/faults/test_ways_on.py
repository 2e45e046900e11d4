"""A store in doubt under a real `slipway up`: everything closes, nobody spins, and the doctor's words lead out of it."""

import itertools
import json
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from infra.store import schema
from infra.store.engine import database
from jobs.invariants import violations
from jobs.record import Facts
from tests.faults import witness
from tests.faults.campaign import disturb
from tests.faults.installation import Installation, await_, installation
from tests.faults.test_storage import scribble
from tests.needs import working_sandbox
from tests.stories.world import BONJOUR, task

SLOW = task(f"{BONJOUR}\nsleep 3")
BACKUPS = '[backup]\nevery = "1h"\n'
STORE = re.compile(r"✗ store +(.+)")


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Installation]:
    """`slipway up` that makes backups."""
    working_sandbox(tmp_path / "probe")
    with installation(tmp_path / "home", BACKUPS) as running:
        yield running


def stop(real: Installation) -> None:
    """Stop every Slipway process."""
    assert real.up
    real.up.send_signal(signal.SIGTERM)
    real.up.wait(60)


def doctor(real: Installation) -> str:
    """What the doctor says of the store. Raises AssertionError where it says that nothing fails."""
    code, said = real.command("doctor")
    found = STORE.search(said)
    assert code == 1, said
    assert found, said
    return found[1]


def lines_of(real: Installation, child: str) -> list[str]:
    """The events that a child logged, in their order."""
    logged = (json.loads(line) for line in (real.root / "up.log").read_text().splitlines() if line.startswith("{"))
    return [line["event"] for line in logged if line.get("child") == child]


def backups(real: Installation) -> list[Path]:
    """What the keeper made, the newest last."""
    return sorted((real.data / "backups").glob("slipway-*.backup"))


def rounds_since(real: Installation, moment: float) -> list[sa.Row[tuple[int]]]:
    """When the keeper rang for runs after that."""
    tick = schema.tick.c
    return real.rows(sa.select(tick.slot).where(tick.duty == "ring for runs", tick.started_at > moment))


def everything_is_over(real: Installation) -> None:
    await_(lambda: real.unfinished() == 0 and bool(real.github.pulls()), 120, "everything is over")


def backed_up_at_work(real: Installation) -> None:
    """The newest backup is older than the pull request of a run that stands in it."""
    real.ask(SLOW)
    await_(lambda: bool(real.victims()["agent"]), 60, "the agent is at work")
    await_(lambda: bool(backups(real)), 60, "the keeper has made a backup")
    assert real.command("backup", str(backups(real)[-1]))[0] == 0
    everything_is_over(real)


def damaged(real: Installation) -> str:
    """Everything closes, nobody claims or floods the log; the doctor's words. All of it is stopped then, as they say."""
    real.engine.dispose()
    scribble(database(real.data))
    await_(lambda: not real.ready(), 60, "readiness tells of the damage")
    launches = (real.data / "launches.log").read_text()
    real.ask(SLOW)
    assert real.github.deliveries[-1].status_code == 503
    words = doctor(real)
    stop(real)
    assert max(Counter(lines_of(real, "keeper")).values(), default=0) < 60
    assert (real.data / "launches.log").read_text() == launches
    return words


def restored(real: Installation, words: str) -> None:
    """By nothing but the words; nothing goes on before somebody has looked and said so."""
    told = re.search(r"Stop every Slipway process, then `slipway restore FILE` .*The newest that verifies: (\S+)\.$", words)
    assert told, words
    assert real.command("restore", told[1])[0] == 0
    restarted = time.time()
    real.start()
    real.redeliver()
    await_(lambda: len(rounds_since(real, restarted)) > 2, 60, "the keeper has gone some rounds")
    assert real.held() == {}
    assert real.command("resume") == (0, "resumed: everything")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_doctor_s_words_lead_from_a_damaged_store_to_one_pull_request_each(real: Installation) -> None:
    """Proves: I19, I04, F42, F44, 001-07, 001-18."""
    backed_up_at_work(real)
    [before] = real.github.pulls()
    restored(real, damaged(real))
    everything_is_over(real)
    (after, another) = real.github.pulls()
    assert (after.number, after.head) == (before.number, before.head)
    for issue, pull in zip(real.asked, (after, another), strict=True):
        [status] = real.github.comments(issue)
        assert f"the change is in #{pull.number}" in status.body
        assert real.github.labels(issue) == {"slipway:done"}
    assert real.command("doctor")[0] == 0
    assert real.command("invariants") == (0, "✓ every invariant holds")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_store_that_is_taken_away_under_a_running_service_is_closed_until_it_is_back(real: Installation) -> None:
    """Proves: I19, I01, F43."""
    base, elsewhere = database(real.data), real.root / "elsewhere"
    base.rename(elsewhere)
    gone = time.time()
    await_(lambda: not real.ready(), 60, "readiness tells of it")
    real.ask(SLOW)
    assert real.github.deliveries[-1].status_code == 503
    assert "Put it back, or: Stop every Slipway process, then `slipway restore FILE`" in doctor(real)
    await_(lambda: "duties wait: the store is in doubt" in lines_of(real, "keeper"), 60, "the keeper waits")
    back = time.time()
    elsewhere.rename(base)
    await_(real.ready, 90, "it is ready again, by itself")
    real.redeliver()
    everything_is_over(real)
    assert violations(replace(facts_of(real), doubted=[(gone, back)])) == []


def facts_of(real: Installation) -> Facts:
    return witness.facts(real.engine, real.data, real.github, real.secrets)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_same_requests_come_to_the_same_with_and_without_redis(tmp_path: Path) -> None:
    """Proves: I22, F20, F21, F22. The second time Redis is emptied and stopped in turn, for as long as anything is unfinished."""
    working_sandbox(tmp_path / "probe")
    came: list[Facts] = []
    for name, ways in (("quiet", ("",)), ("disturbed", ("flush", "restart"))):
        with installation(tmp_path / name) as home:
            for script in (BONJOUR, f"{BONJOUR}\nsleep 2", "exit 3"):
                home.ask(task(script))
            for how in itertools.cycle(ways):
                if not home.unfinished():
                    break
                if how:
                    disturb(home, how)
                time.sleep(0.7)
            came.append(facts_of(home))
    quiet, rough = came
    states = {f"{run.scope}#{run.number}": run.state.value for run in quiet.runs}
    assert sorted(states.values()) == ["failed", "succeeded", "succeeded"]
    assert violations(replace(rough, undisturbed=states)) == []


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_pause_lets_what_runs_finish_and_begins_nothing_until_it_is_taken_back(real: Installation) -> None:
    """Proves: 001-18. Everything first, then the one repository."""
    for scope in ((), ("--repo", "acme/greeter")):
        real.ask(SLOW)
        await_(lambda: bool(real.victims()["agent"]), 60, "the agent is at work")
        assert real.command("pause", *scope)[0] == 0
        real.ask(SLOW)
        await_(partial(rung_in_vain, real, time.time()), 90, "what ran is over, and the keeper has rung for the other")
        assert states(real)[-2:] == ["succeeded", "queued"]
        assert real.ready(), "a pause is no doubt"
        assert real.command("resume", *scope)[0] == 0
        everything_is_over(real)
    assert states(real) == ["succeeded"] * 4


def rung_in_vain(real: Installation, since: float) -> bool:
    return len(rounds_since(real, since)) > 3 and not real.held()


def states(real: Installation) -> list[str]:
    """What became of the runs, in the order they were asked for."""
    run = schema.run.c
    return [row.state for row in real.rows(sa.select(run.state).order_by(run.number))]
