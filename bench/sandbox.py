"""How long a sandbox takes to start and end, beside a plain process and bubblewrap alone: `python -m bench.sandbox`."""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from infra import process
from infra.process import Bounds, Command
from infra.sandbox import CHECKOUT, Bubblewrap, Confinement, Overlay
from infra.sandbox.bubblewrap import candidates

ROUNDS = 60
ALONE = ("--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib",
         "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp")  # fmt: skip


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for part in ("lower", "upper", "work"):
            (place / part).mkdir()
        sandbox = Bubblewrap(place / "scratch")
        print(sandbox.probe())
        mount = Overlay((place / "lower",), CHECKOUT, place / "upper", place / "work")
        alone = (str(candidates()[0]), *ALONE, "--bind", str(place / "upper"), "/job", "/bin/true")
        ways: dict[str, Callable[[], object]] = {
            "subprocess.run": lambda: subprocess.run(["/bin/true"], check=True, capture_output=True),
            "infra.process": lambda: process.run(Command(("/bin/true",), {}), Bounds(10)),
            "bubblewrap alone": lambda: subprocess.run(alone, check=True, capture_output=True),
            "our sandbox": lambda: sandbox.run(Confinement(("/bin/true",), (mount,)), Bounds(10)),
        }
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, work in ways.items():
                taken[way].append(timed(work))
        (place / "work" / "work").chmod(0o700)
    middle = {way: statistics.median(times) for way, times in taken.items()}
    for way, times in taken.items():
        print(f"{way:17} {middle[way]:7.2f} ms   min {min(times):7.2f}   max {max(times):7.2f}")
    print(f"our sandbox takes {middle['our sandbox'] / middle['bubblewrap alone']:.1f} x bubblewrap alone (goal: at most 3)")


if __name__ == "__main__":
    main()
