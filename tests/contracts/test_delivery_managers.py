"""What every delivery manager owes its callers, GitHub's, the local one and one nobody has written yet alike.

Each is broken at each of its calls to the outside and to its own records, before and after the call took effect, by a death
of the process and by a lost answer; then it is asked again. There is one delivery, and it is of the verified commit.
"""

import contextlib
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from delivery import DELIVERIES
from delivery.github import GitHubDeliveryManager
from delivery.local import LocalDeliveryManager, record_ref
from delivery.manager import DeliveryManager
from delivery.plan import plan
from jobs.errors import Fault, LeaseLost, Refused
from jobs.evidence import GateReport, Receipt
from jobs.model import Lease, Run, RunState
from jobs.ports import Effects
from tests.delivery import runs
from tests.fakes.engine import FakeClock
from tests.fakes.forge import Breaks, Crash, FakeAuthority, FakeEffects, FakeForge
from tests.infra.test_git_remote import Delivering
from tests.infra.workspaces.world import git

MOST_CALLS = 30


@dataclass(frozen=True, slots=True)
class MailDeliveryManager:
    """A third way, which no other file knows of: the patch is sent to a list, once."""

    mails: "Mails"
    effects: Effects

    def deliver(self, run: Run) -> Receipt:
        made = plan(run)
        effect = self.effects.intend(run, "mail", made.branch)
        if not effect.done and not self.mails.has(made.branch):
            self.mails.send(made.branch, made.sha)
        self.effects.done(run, effect, {"subject": made.branch})
        return Receipt("mail", made.branch, made.sha, made.base_sha)

    def retract(self, run: Run) -> None:
        made = plan(run)
        if any(effect.kind == "mail" for effect in self.effects.of(run.id)):
            self.mails.withdraw(made.branch)


@dataclass
class Mails:
    sent: list[tuple[str, str]] = field(default_factory=list)
    refuse: Refused | None = None

    def has(self, subject: str) -> bool:
        return subject in dict(self.sent)

    def withdraw(self, subject: str) -> None:
        self.sent = [mail for mail in self.sent if mail[0] != subject]

    def send(self, subject: str, sha: str) -> None:
        if self.refuse:
            raise self.refuse
        self.sent.append((subject, sha))


@dataclass
class World:
    """An outside, our records, and a manager between them that can be made anew, as after a crash."""

    make: Callable[[Breaks], DeliveryManager]
    delivered: Callable[[], list[str]]
    """The commits of whole deliveries; half of one fails here."""
    outside: Callable[[], tuple[object, ...]]
    """Everything a delivery leaves outside, whole or half."""
    refuse: Callable[[Refused], None]
    effects: FakeEffects
    of: Run = field(default_factory=runs.run)
    """The run that is delivered."""


def github() -> World:
    forge, effects = FakeForge(), FakeEffects()

    def make(breaks: Breaks) -> DeliveryManager:
        door, own = breaks.door(forge), breaks.door(effects)
        return GitHubDeliveryManager(door, door, door, own, FakeAuthority(), FakeClock(), runs.KEY, lambda _: None)

    def delivered() -> list[str]:
        assert len(forge.checks) <= 1
        assert sorted(forge.refs.values()) == [pull.head_sha for pull in forge.pulls]
        return [pull.head_sha for pull in forge.pulls]

    return World(
        make,
        delivered,
        lambda: (*forge.refs.items(), *(pull for pull in forge.pulls if pull.open)),
        lambda no: forge.refuse.update(create=no),
        effects,
    )


def local() -> World:
    forge, effects = FakeForge(), FakeEffects()

    def make(breaks: Breaks) -> DeliveryManager:
        return LocalDeliveryManager(breaks.door(forge), breaks.door(effects), lambda _: "target.git")

    def delivered() -> list[str]:
        assert (record_ref(runs.run()) in forge.target) == bool(forge.target)
        return [value for ref, value in forge.target.items() if ref.startswith("refs/heads/")]

    return World(make, delivered, lambda: tuple(forge.target.items()), lambda no: forge.refuse.update(push_record=no), effects)


def mail() -> World:
    mails, effects = Mails(), FakeEffects()

    def refuse(no: Refused) -> None:
        mails.refuse = no

    def make(breaks: Breaks) -> DeliveryManager:
        return MailDeliveryManager(breaks.door(mails), breaks.door(effects))

    return World(make, lambda: [sha for _, sha in mails.sent], lambda: tuple(mails.sent), refuse, effects)


class Gits:
    """Real repositories: one harvested change, and a fresh bare repository for each delivery of it."""

    def __init__(self, root: Path) -> None:
        self._delivering = Delivering(root)
        self._root, self._made = root, 0
        asked, snapshot = self._delivering.run, self._delivering.run.snapshot
        assert snapshot
        self._run = replace(
            runs.run(), id=asked.id, request=asked.request, snapshot=snapshot, verified=GateReport(snapshot.tree, (runs.TESTS,))
        )

    def __call__(self) -> World:
        self._made += 1
        bare, effects = self._root / f"target{self._made}.git", FakeEffects()
        git(self._root, "clone", "-q", "--bare", str(self._delivering.bare), str(bare))
        there = self._refs(bare)

        def make(breaks: Breaks) -> DeliveryManager:
            return LocalDeliveryManager(breaks.door(self._delivering.remote), breaks.door(effects), lambda _: str(bare))

        def outside() -> tuple[object, ...]:
            return tuple(ref for ref in self._refs(bare) if ref not in there)

        def delivered() -> list[str]:
            made = dict(line.split() for line in self._refs(bare) if line not in there)
            assert set(made) in (set(), {plan(self._run).ref, record_ref(self._run)})
            return [sha for ref, sha in made.items() if ref.startswith("refs/heads/")]

        def refuse(no: Refused) -> None:
            hook = bare / "hooks" / "pre-receive"
            hook.write_text("#!/bin/sh\nexit 1\n")
            hook.chmod(0o755)

        return World(make, delivered, outside, refuse, effects, self._run)

    def _refs(self, bare: Path) -> list[str]:
        return git(bare, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()


WORLDS: Mapping[str, Callable[[], World]] = {"github": github, "local": local, "mail": mail}
ERRORS: Mapping[str, Callable[[], BaseException]] = {"crash": Crash, "lost": lambda: Fault("github_unavailable", "The answer was lost.")}


@pytest.fixture(scope="module")
def gits(tmp_path_factory: pytest.TempPathFactory) -> Gits:
    return Gits(tmp_path_factory.mktemp("gits"))


@pytest.fixture(params=[*WORLDS, "git"])
def fresh(request: pytest.FixtureRequest) -> Callable[[], World]:
    if request.param == "git":
        return request.getfixturevalue("gits")  # type: ignore[no-any-return]  # the fixture above
    return WORLDS[request.param]


def broken(fresh: Callable[[], World]) -> Iterator[tuple[World, Breaks]]:
    """A world for each call a delivery makes, for each way to break it there."""
    whole = Breaks()
    first = fresh()
    first.make(whole).deliver(first.of)
    assert 0 < len(whole.calls) < MOST_CALLS
    for at in range(len(whole.calls)):
        for when in ("before", "after"):
            for error in ERRORS.values():
                yield fresh(), Breaks(at, when, error)


def test_a_delivery_is_of_the_verified_commit(fresh: Callable[[], World]) -> None:
    """Proves: 004-13, 004-35, I08."""
    world = fresh()
    receipt = world.make(Breaks()).deliver(world.of)
    assert world.of.snapshot
    assert (receipt.sha, receipt.base_sha, receipt.warnings) == (world.of.snapshot.commit, world.of.snapshot.base, ())
    assert world.delivered() == [receipt.sha]


def test_whatever_call_is_lost_there_is_one_delivery_in_the_end(fresh: Callable[[], World]) -> None:
    """Proves: F70, F71, F72, F90, I04."""
    for world, breaks in broken(fresh):
        with pytest.raises((Crash, Fault)):
            world.make(breaks).deliver(world.of)
        receipt = world.make(Breaks()).deliver(replace(world.of, attempt=2))
        assert receipt == world.make(Breaks()).deliver(world.of)
        assert world.delivered() == [receipt.sha], breaks


def test_whatever_call_is_lost_twice_there_is_one_delivery_in_the_end(fresh: Callable[[], World]) -> None:
    """Proves: F70, F72, I04."""
    for world, breaks in broken(fresh):
        again = replace(breaks, calls=[])
        for manager in (world.make(breaks), world.make(again)):
            try:
                manager.deliver(world.of)
            except (Crash, Fault):
                continue
        receipt = world.make(Breaks()).deliver(world.of)
        assert world.delivered() == [receipt.sha], breaks


class Weather(Breaks):
    """Any call may be lost, at any time, with its answer or without its effect; the process may die of it."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance

    def passed(self, name: str, call: Callable[[], Any]) -> Any:
        self.at = len(self.calls) if self._chance.random() < 0.15 else -1
        self.when = self._chance.choice(("before", "after"))
        self.error = self._chance.choice([*ERRORS.values()])
        return super().passed(name, call)


@pytest.mark.parametrize("kind", WORLDS)
def test_a_thousand_deliveries_in_bad_weather_are_a_thousand(kind: str) -> None:
    """Proves: F71, F72, F73, F76, I04, I08."""
    for seed in range(1000):
        world, chance = WORLDS[kind](), random.Random(seed)
        weather = Weather(chance)
        for _ in range(200):
            with contextlib.suppress(Crash, Fault):
                receipt = world.make(weather).deliver(world.of)
                break
        else:
            raise AssertionError(f"seed {seed}: no end in sight")
        assert world.delivered() == [receipt.sha], seed


def test_a_refusal_leaves_nothing_behind_whatever_is_lost_on_the_way(fresh: Callable[[], World]) -> None:
    """Proves: F71, F83, F90."""
    for world, breaks in broken(fresh):
        world.refuse(Refused("push_refused", "No."))
        for manager in (world.make(breaks), world.make(Breaks())):
            with pytest.raises((Crash, Fault)):
                manager.deliver(world.of)
        assert world.outside() == (), breaks


def test_what_a_run_left_that_ended_without_a_delivery_is_taken_back_whatever_is_lost_on_the_way(fresh: Callable[[], World]) -> None:
    """Proves: F71, F79, I04."""
    for world, breaks in broken(fresh):
        with pytest.raises((Crash, Fault)):
            world.make(breaks).deliver(world.of)
        over = replace(world.of, state=RunState.CANCELLED)
        with contextlib.suppress(Crash, Fault):
            world.make(replace(breaks, at=breaks.at % 4, calls=[])).retract(over)
        for _ in range(2):
            world.make(Breaks()).retract(over)
        assert world.outside() == (), breaks


def test_a_run_that_left_nothing_has_nothing_taken_back(fresh: Callable[[], World]) -> None:
    """Proves: F79."""
    world, breaks = fresh(), Breaks()
    world.make(breaks).retract(replace(world.of, state=RunState.FAILED))
    assert set(breaks.calls) <= {"of"}


def test_a_worker_whose_lease_is_lost_on_the_way_stops_there(fresh: Callable[[], World]) -> None:
    """Proves: F74, I07."""
    for world, breaks in broken(fresh):
        held = replace(world.of, lease=Lease(1, "zombie"))
        with pytest.raises((Crash, Fault)):
            world.make(breaks).deliver(held)
        before = world.outside()
        world.effects.lost = True
        zombie = Breaks()
        with pytest.raises(LeaseLost):
            world.make(zombie).deliver(held)
        assert world.outside() == before
        assert not {"push", "create", "push_record", "send"} & set(zombie.calls)


def test_what_no_gate_passed_does_not_leave(fresh: Callable[[], World]) -> None:
    """Proves: I08."""
    world, breaks = fresh(), Breaks()
    with pytest.raises(Refused):
        world.make(breaks).deliver(replace(world.of, verified=None))
    assert set(breaks.calls) <= {"of"}


def test_the_table_of_deliveries_names_them() -> None:
    """Proves: 004-13."""
    assert dict(DELIVERIES) == {"github": GitHubDeliveryManager, "local": LocalDeliveryManager}
