"""What a sandbox may use up is held where the kernel's control groups hold nothing: as root, and as an ordinary user."""

import errno
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.process import Bounds
from infra.sandbox import CHECKOUT, Bubblewrap, Confinement, Overlay, usage
from infra.sandbox.guard import DISK, FILES, MEMORY, PROCESSES, Disk, Guard
from infra.workspaces.removal import remove
from jobs.evidence import Ended
from tests.needs import missing, working_sandbox

ROOT = Path(__file__).parents[2]
NOBODY = 65534
BOMBS: dict[str, tuple[str, dict[str, int], str]] = {
    "processes that do nothing": ("for i in $(seq 2000); do sleep 60 & done 2> /dev/null; sleep 60", {"processes": 100}, PROCESSES),
    "memory shared among many": (
        "for i in 1 2 3 4 5 6; do python3 -c 'import time; x = bytearray(80_000_000); time.sleep(60)' & done; wait",
        {"memory": 300_000_000},
        MEMORY,
    ),
    "files in memory": (
        "head -c 90000000 /dev/zero > /tmp/a; head -c 90000000 /dev/zero > /dev/shm/b; sleep 60",
        {"memory": 150_000_000, "tmp_bytes": 100_000_000},
        MEMORY,
    ),
    "files without a name in memory": (
        "exec python3 -c 'import os, time; f = os.memfd_create(str(1)); [os.write(f, bytes(10**7)) for _ in range(20)]; time.sleep(60)'",
        {"memory": 150_000_000},
        MEMORY,
    ),
    "many files": ("for i in 1 2 3 4 5 6; do head -c 50000000 /dev/zero > $i; done; sleep 100", {"disk_bytes": 200_000_000}, DISK),
    "files without a name": (
        "exec 3> a 4> b 5> c; rm a b c; for i in 3 4 5; do head -c 90000000 /dev/zero >& $i; done; sleep 100",
        {"disk_bytes": 200_000_000},
        DISK,
    ),
    "entries": ("mkdir d; cd d; seq 6000 | xargs touch; sleep 100", {"disk_files": 5_000}, FILES),
}


def bombed(sandbox: Bubblewrap, place: Path, name: str) -> tuple[str, str]:
    """How a bomb ended, and what was said of it."""
    for part in ("lower", "upper", "work"):
        (place / part).mkdir(parents=True)
    script, limits, _ = BOMBS[name]
    mount = Overlay((place / "lower",), CHECKOUT, place / "upper", place / "work")
    # Others free room on the same file system meanwhile, and hide what is used up here until it is counted, once a minute.
    captured = sandbox.run(Confinement(("bash", "-c", script), (mount,), **limits), Bounds(90))  # type: ignore[arg-type]
    return captured.ended.value, captured.note


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_ended_where_there_are_no_control_groups(tmp_path: Path, name: str) -> None:
    """Proves: F52, I20, T39."""
    sandbox = Bubblewrap(tmp_path / "scratch", groups=tmp_path / "none")
    working_sandbox(tmp_path / "probe")
    assert bombed(sandbox, tmp_path / "place", name) == (Ended.KILLED.value, BOMBS[name][2])


def as_somebody(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """This file as a program of a user without rights, who owns `place`."""
    if os.geteuid() != 0:
        missing("root, to become an ordinary user")
    os.chown(place, NOBODY, NOBODY)
    python = next((one for one in (Path(sys.executable), Path(f"/usr/bin/python3.{sys.version_info.minor}")) if _runs(one)), None)
    if python is None:
        missing("a Python of this version that an ordinary user can start")
    return subprocess.run(
        [*DROPPED, str(python), "-m", "tests.infra.test_guard", str(place), *words],
        env=ENV,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


DROPPED = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--")
ENV = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONDONTWRITEBYTECODE": "1"}


def _runs(python: Path) -> bool:
    told = [*DROPPED, str(python), "-c", "import tests.infra.test_guard"]
    return subprocess.run(told, env=ENV, cwd=ROOT, capture_output=True, check=False).returncode == 0


@pytest.fixture
def anywhere() -> Iterator[Path]:
    """A directory that an ordinary user can get to, as those of pytest are not."""
    made = Path(tempfile.mkdtemp(prefix="slipway-user-"))
    yield made
    remove(made)


def test_an_ordinary_user_has_the_same_bounds(tmp_path: Path, anywhere: Path) -> None:
    """Proves: F52, I20, T39."""
    working_sandbox(tmp_path / "probe")
    names = ("memory shared among many", "many files")
    done = as_somebody(anywhere, *names)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told.pop("inside") == [1000, 1000, 800]
    assert told.pop("forked") == "refused\n"
    assert told == {name: ["killed", BOMBS[name][2]] for name in names}


def test_a_sandbox_that_cannot_be_looked_at_is_not_let_go_on(tmp_path: Path) -> None:
    killed: list[bool] = []
    confinement = Confinement(("true",), (Overlay((tmp_path,), CHECKOUT, tmp_path, tmp_path),))
    guard = Guard(confinement, os.getpid(), lambda: killed.append(True), grouped=True)
    guard._disk = Broken((tmp_path,), confinement)
    guard.start()
    guard.join(10)
    assert killed == [True]
    assert guard.verdict == "What it uses could not be told any more (Stale file handle)."


class Broken(Disk):
    """A disk that has gone away."""

    def verdict(self, init: int) -> str:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))


def test_what_is_written_counts_to_any_depth_and_through_no_link(tmp_path: Path) -> None:
    """Proves: F52, F57."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "big").write_bytes(bytes(5_000_000))
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "link").symlink_to(tmp_path / "outside")
    here = os.open(tree, os.O_DIRECTORY)
    for _ in range(1_500):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    deep = os.open("deep", os.O_CREAT | os.O_WRONLY, dir_fd=here)
    os.write(deep, bytes(2_000_000))
    os.close(deep)
    os.close(here)
    octets, entries = usage.on_disk(tree), usage.on_disk(tree, files=True)
    assert octets is not None and 2_000_000 <= octets < 5_000_000 + 1_500 * 4_096
    assert entries == 1_503
    assert usage.on_disk(tmp_path / "nowhere") is None
    remove(tree)


FORKS = """
import os, time
try:
    for _ in range(200):
        if os.fork() == 0:
            time.sleep(9)
            os._exit(0)
except OSError:
    print("refused")
"""


def main(place: Path, names: list[str]) -> None:
    sandbox = Bubblewrap(place / "scratch")
    sandbox.probe()
    told: dict[str, object] = {name: bombed(sandbox, place / str(number), name) for number, name in enumerate(names)}
    (place / "x").mkdir()
    mount = Overlay((place / "0" / "lower",), CHECKOUT, place / "0" / "upper", place / "0" / "work")
    script = "id -u; id -g; cat /proc/self/oom_score_adj"
    told["inside"] = [int(word) for word in sandbox.run(Confinement(("sh", "-c", script), (mount,)), Bounds(20)).stdout.text.split()]
    told["forked"] = sandbox.run(Confinement(("python3", "-I", "-c", FORKS), (mount,), processes=50), Bounds(20)).stdout.text
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
