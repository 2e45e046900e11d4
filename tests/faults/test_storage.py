"""A store in doubt closes everything: the door, readiness, claims and the keeper; and it says how to go on."""

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.demo.sample import Sample
from app.keeper import Keeper
from app.settings import Settings, load
from app.wiring.ground import Ground
from app.wiring.keep import duties
from app.wiring.web import Front
from app.wiring.work import Workshop
from app.worker import Horse
from infra.artifact_room import Room
from infra.store.engine import database
from infra.store.keeping import SqlTicks
from jobs.errors import Fault
from tests.app.cli.terminal import slipway
from tests.fakes.github.hooks import signature
from tests.faults.installation import await_
from tests.infra.store.asked import start
from tests.needs import missing

SECRET = "a webhook secret of more than thirty-two bytes"
WAY_ON = "slipway restore"


class Home:
    """An installation in one process, with a webhook to be sent to it."""

    def __init__(self, root: Path) -> None:
        self.data = root / "data"
        self.sample = Sample(root)
        environ = {"SLIPWAY_DATA_DIR": str(self.data), "HOME": str(root), "SLIPWAY_WEBHOOK_SECRETS": SECRET}
        self.settings: Settings = load({**environ, "SLIPWAY_REDIS_URL": f"unix://{root}/nobody.sock"})
        self.ground = Ground(self.settings)
        self.front = Front(self.ground)
        self.web = TestClient(self.front.application, raise_server_exceptions=False)

    def deliver(self, guid: str) -> int:
        """A signed webhook; what it is answered."""
        body = self.sample.payload()
        headers = {"content-type": "application/json", "x-github-event": "issues", "x-github-delivery": guid}
        return self.web.post("/webhook", content=body, headers={**headers, "x-hub-signature-256": signature(SECRET, body)}).status_code

    def ready(self) -> tuple[int, str]:
        """What readiness says, and about the store."""
        answer = self.web.get("/readyz")
        return answer.status_code, str(answer.json()["parts"]["store"])

    def doubted(self) -> float:
        """What the metrics say about the store, which alerts go by."""
        return self.front.counts()["slipway_store_in_doubt"][()]

    def close(self) -> None:
        """Let go."""
        self.web.close()
        self.front.close()
        self.ground.close()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    assert (made.deliver("before"), made.ready()[0]) == (202, 200)
    yield made
    made.close()


def examined(home: Home, *names: str) -> list[dict[str, str]]:
    """What the doctor says of these parts."""
    said = slipway(home.data, "doctor", "--json", SLIPWAY_WEBHOOK_SECRETS=SECRET)
    return [one for one in said.json["checks"] if one["name"] in names]


def scribble(base: Path) -> None:
    """Damage every page but the first, as a failing disk would."""
    with sqlite3.connect(base) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    pages = base.read_bytes()
    base.write_bytes(pages[:16384] + b"".join(b"\x00\xff" * 30 + pages[at + 60 : at + 16384] for at in range(16384, len(pages), 16384)))


def test_a_damaged_store_closes_the_door_and_says_how_to_go_on(home: Home) -> None:
    """Proves: I19, F42, 001-07, 001-40."""
    assert home.doubted() == 0.0
    home.ground.engine.dispose()
    scribble(database(home.data))
    assert home.deliver("after") == 503
    status, store = home.ready()
    assert status == 503
    assert WAY_ON in store
    assert home.doubted() == 1.0
    [checked] = examined(home, "store")
    assert checked["state"] == "fail"
    assert WAY_ON in checked["text"]


def test_outputs_that_take_most_of_their_room_are_a_warning_and_the_service_stays_ready(home: Home) -> None:
    """Whoever asks the keeper's host is told as well as who asks another's. Proves: 002-11, 001-42."""
    ground = home.ground
    folder = ground.artifact_folder / "ab"
    folder.mkdir(parents=True)
    (folder / "one.gz").write_bytes(b"x" * 900)
    look = Room(ground.engine, ground.artifacts, ground.artifact_folder, 1_000_000, "box-1")
    look()
    assert home.web.get("/readyz").json()["parts"]["outputs"] == {"state": "ok", "reason": None}
    replace(look, most=1000)()
    answer = home.web.get("/readyz")
    assert (answer.status_code, answer.json()["ready"], answer.json()["parts"]["outputs"]["state"]) == (200, True, "degraded")
    assert answer.json()["parts"]["outputs"]["reason"].startswith("Outputs of runs take 0.0 MB of 0.0 MB on box-1. Raise `retention.disk`")


def test_nobody_claims_from_a_damaged_store_and_the_keeper_goes_on_looking(home: Home) -> None:
    """Proves: I19, F42, 001-40."""
    run = start(home.ground.engine)
    assert home.ground.ledger.due() == [run.id]
    horse = Horse(Workshop(home.ground).work("w"), "agents", grace_s=60.0)
    keeper = Keeper(SqlTicks(home.ground.engine), duties(home.ground), home.ground.clock, name="k", host="h")
    home.ground.engine.dispose()
    scribble(database(home.data))
    with pytest.raises(Fault, match=r"damaged|malformed"):
        horse.advance("any")
    assert keeper.rounds() > 0
    assert not (home.data / "launches.log").exists()


def test_a_store_whose_file_is_gone_is_not_begun_anew(home: Home) -> None:
    """Proves: I19, F43."""
    home.close()
    base = database(home.data)
    shutil.copy(base, f"{base}-wal")
    base.unlink()
    for command in (("web",), ("doctor",), ("runs",)):
        said = slipway(home.data, *command, SLIPWAY_WEBHOOK_SECRETS=SECRET, SLIPWAY_REDIS_URL="unix:///nowhere.sock")
        assert said.code != 0, command
        assert WAY_ON in said.out + said.err, command
    assert not base.exists()


def test_a_store_that_is_taken_away_while_it_is_used_closes_the_door(home: Home) -> None:
    """Proves: I19, F43, I01. What is written into a file that nobody can find any more is lost with the last process."""
    base = database(home.data)
    base.rename(home.data / "elsewhere")
    assert home.deliver("after") == 503
    status, store = home.ready()
    assert status == 503
    assert WAY_ON in store
    (home.data / "elsewhere").rename(base)
    assert home.deliver("after") == 202
    assert home.ready()[0] == 200


def test_a_lock_that_does_not_end_is_seen_and_said(home: Home) -> None:
    """Proves: I19, F40."""
    with closing(sqlite3.connect(database(home.data), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await_(lambda: home.ready()[0] == 503, 30, "readiness tells of the lock")
        assert "Look for a process that holds it" in home.ready()[1]
        [checked] = examined(home, "store")
        assert checked["state"] == "fail"
        assert f"`fuser -v {database(home.data)}` names the processes" in checked["text"]
        assert slipway(home.data, "runs", SLIPWAY_WEBHOOK_SECRETS=SECRET).code == 0, "who only reads need not wait"
    await_(lambda: home.ready()[0] == 200, 30, "it is ready again")


def test_a_full_disk_is_a_closed_door_and_opens_again_when_there_is_room(tmp_path: Path) -> None:
    """Proves: I19, F41, I01."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], capture_output=True, check=False).returncode:
        missing("the right to mount a small disk")
    try:
        _full(Home(disk))
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_disk_that_is_mounted_for_reading_only_is_named_by_the_doctor_and_stops_every_start(tmp_path: Path) -> None:
    """Proves: I19, F41, 001-38."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(disk)], capture_output=True, check=False).returncode:
        missing("the right to mount a small disk")
    try:
        home = Home(disk)
        assert home.deliver("before") == 202
        home.close()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert {one["state"] for one in examined(home, "disk", "store", "sandbox")} == {"fail"}
        assert examined(home, "disk")[0]["text"].startswith(f"{home.data} takes no file (Read-only file system). ")
        said = slipway(home.data, "up", SLIPWAY_WEBHOOK_SECRETS=SECRET)
        assert (said.code, said.err.count("\n")) == (1, 1), said.err
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        assert Home(disk).deliver("after") == 202
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def _full(home: Home) -> None:
    ballast = home.data.parent / "ballast"
    try:
        assert home.deliver("before") == 202
        _fill(ballast)
        answers = [home.deliver(f"while full {number}".replace(" ", "-")) for number in range(30)]
        assert 503 in answers
        await_(lambda: home.ready()[0] == 503, 30, "readiness tells of the full disk")
        [sandbox] = examined(home, "sandbox")
        assert sandbox["text"] == f"not tried: {home.data} takes no file (No space left on device), see `disk` above"
        told = [home.ready()[1], *(one["text"] for one in examined(home, "store", "disk") if one["state"] == "fail")]
        assert all("Free some room on its disk" in one for one in told), told
        assert home.doubted() == 1.0
        assert not any(WAY_ON in one for one in told), "nothing is damaged: a restore would lose what came since"
        ballast.unlink()
        await_(lambda: home.ready()[0] == 200, 30, "it is ready again")
        assert home.deliver("after") == 202
        kept = {row["delivery"] for row in home.ground.inbox.listing()}
        accepted = {f"while-full-{number}" for number, answer in enumerate(answers) if answer == 202}
        assert kept >= {"before", "after"} | accepted
    finally:
        home.close()


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
