"""No sandbox at all: for trusted local use, where it has been asked for in so many words."""

import shutil
import tempfile
from pathlib import Path

from infra import process
from infra.process import Bounds, Captured, Command, Running
from infra.sandbox.confinement import CHECKOUT, Bind, Confinement
from infra.sandbox.limits import limiting
from jobs.errors import Fault

WARNING = "no sandbox: programs run with the rights of this user and can read, change and reach everything it can"


class Unconfined:
    """`Sandbox` that confines nothing but sizes and times. Places inside are replaced by the real ones in arguments and environment.

    A process that leaves its process group outlives the run; only a real sandbox prevents that.
    """

    confines = False
    overlays = False

    def probe(self) -> str:
        """The warning to print on each run."""
        return WARNING

    def start(self, confinement: Confinement, bounds: Bounds) -> Running:
        """Start a program. Raises Fault(`sandbox_unavailable`) for what only a sandbox can do or when it cannot be started."""
        places = _places(confinement)
        argv = tuple(_placed(word, places) for word in confinement.argv)
        env = {name: _placed(value, places) for name, value in {**_environment(), **confinement.env}.items()}
        words = (*limiting(confinement, grouped=True), *argv)
        dying = ("setpriv", "--pdeathsig", "KILL", "--") if shutil.which("setpriv", path="/usr/bin:/bin") else ()
        try:
            return process.start(Command((*dying, *words), env, places[CHECKOUT], confinement.stdin), bounds)
        except OSError as error:
            raise Fault("sandbox_unavailable", f"{argv[0]} cannot be started: {error.strerror}.") from error

    def run(self, confinement: Confinement, bounds: Bounds) -> Captured:
        """Start a program and wait for its end."""
        with self.start(confinement, bounds) as session:
            return session.wait()


def _places(confinement: Confinement) -> dict[str, Path]:
    mounts = (*confinement.checkout, *confinement.binds)
    places = {mount.target: mount.source for mount in mounts if isinstance(mount, Bind)}
    if len(places) != len(mounts) or CHECKOUT not in places:
        raise Fault("sandbox_unavailable", "Without a sandbox a checkout has to be a plain directory.")
    return places


def _placed(text: str, places: dict[str, Path]) -> str:
    """`text` with the longest place it begins with replaced by where that really is."""
    for target in sorted(places, key=len, reverse=True):
        if text == target or text.startswith(f"{target}/"):
            return f"{places[target]}{text.removeprefix(target)}"
    return text


def _environment() -> dict[str, str]:
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
        "HOME": tempfile.gettempdir(),
        "LANG": "C.UTF-8",
        "TMPDIR": tempfile.gettempdir(),
        "GIT_TERMINAL_PROMPT": "0",
    }
