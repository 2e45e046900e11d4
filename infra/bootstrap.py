"""Makes the environment and runs one thing in it: needs nothing but Python 3.11 and git, and only the first time takes long.

    python3 infra/bootstrap.py demo     the main job, end to end, on this machine
    python3 infra/bootstrap.py test     the tests
    python3 infra/bootstrap.py check    format, lint, types, rooms, secrets, tests and their coverage
    python3 infra/bootstrap.py WORD …   `slipway WORD …`

The environment is `.venv` beside this folder's parent, from a lock file with a hash for every file and no address in it: pip
(or uv, where one is there and pip is not told of another index) takes them from where this machine takes its packages.
"""

# ruff: noqa: E402 - nothing may be imported before this folder is off the path and Python is known to be new enough

import sys

sys.path[:] = [entry for entry in sys.path if not entry.endswith("infra")]  # no module here may stand in for one of Python's
if sys.version_info < (3, 11):  # noqa: UP036 - this is where it is refused
    sys.stderr.write("slipway: Python 3.11 or newer is needed, and this one is older: run this file with a newer one\n")
    sys.exit(2)

import contextlib
import fcntl
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCKS = {"runtime": ROOT / "infra" / "requirements.lock", "dev": ROOT / "infra" / "requirements-dev.lock"}
LAYOUT = "1"
"""Part of the stamp: another number makes every environment anew."""
LAUNCHER = """\
#!/bin/sh
# -P: whatever lies in the directory one happens to be in is not Slipway
exec {python} -P -m app.cli.main "$@"
"""
TESTS = ("python", "-m", "pytest", "-n", "3", "--dist", "worksteal")
"""Three processes, also on two cores: most tests wait for others. A later `-n` wins (`-n 0` is one process)."""
CHECKS: tuple[tuple[str, ...], ...] = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
    ("lint-imports",),
    ("python", "-m", "pytest", "tests/jobs/gates/test_own_tree.py"),
    (*TESTS, "--cov", "--cov-report=term:skip-covered", "--cov-fail-under=85"),
)
"""What `check` runs, in order; the first that fails ends it."""


class Unusable(Exception):
    """Something is missing on this machine; the text says what to do."""


def main(words: list[str]) -> int:
    """Run what the first word names; its exit code, or 2 when this machine cannot."""
    word = words[0] if words else "help"
    try:
        if shutil.which("git", path=_path()) is None:
            raise Unusable("git is not installed: install it (Debian, Ubuntu: apt install git) and run this again")
        with _alone():
            _prepare("dev" if word in {"test", "check"} else "runtime")
    except Unusable as error:
        print(f"slipway: {error}", file=sys.stderr)
        return 2
    if word == "check":
        return _check()
    if word == "test":
        os.chdir(ROOT)
        return _become(*TESTS, *words[1:])
    return _become("slipway", *(words or ["--help"]))


def _become(name: str, *arguments: str) -> NoReturn:
    """Become that program of the environment: its signals and its exit code are its own."""
    os.execve(VENV / "bin" / name, [name, *arguments], _environment())  # noqa: S606 - no shell is wanted


def _path() -> str:
    """Where programs are found, also where nobody said so."""
    return os.environ.get("PATH") or "/usr/local/bin:/usr/bin:/bin"


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One at a time: a second start waits for the first to finish making the environment."""
    VENV.mkdir(exist_ok=True)
    with (VENV / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _prepare(kind: str) -> None:
    """Make the environment, or add to it, unless the stamps say that all is there. What `test` needs is enough for everything."""
    made = _told("made") == _here()
    if made and any(_told(one) == _digest(one) for one in (kind, "dev")):
        return
    print(f"slipway: installing into {VENV.name}; only the first time takes long", file=sys.stderr)
    uv = _uv()
    if not made:  # else it may be in use: nothing is taken away from it
        _make_venv(uv)
    _install(LOCKS[kind], uv)
    _write_entry()
    _stamp(kind).write_text(_digest(kind))
    _stamp("made").write_text(_here())


def _stamp(name: str) -> Path:
    return VENV / f".stamp-{name}"


def _told(name: str) -> str:
    return _stamp(name).read_text() if _stamp(name).exists() else ""


def _here() -> str:
    """What an environment cannot be moved from: this Python and this place."""
    return f"{LAYOUT}\n{sys.version}\n{ROOT}\n"


def _digest(kind: str) -> str:
    return hashlib.sha256(LOCKS[kind].read_bytes()).hexdigest()


def _uv() -> str | None:
    """uv, where it is there and would take packages from the same place as pip."""
    indexed = any(name.startswith(("PIP_", "UV_")) and "INDEX" in name for name in os.environ)
    configured = any(path.exists() for path in _pip_configs())
    return None if indexed or configured else shutil.which("uv", path=_path())


def _pip_configs() -> list[Path]:
    home, named = Path(os.environ.get("HOME") or "/nonexistent"), os.environ.get("PIP_CONFIG_FILE")
    places = [Path("/etc/pip.conf"), home / ".pip" / "pip.conf", home / ".config" / "pip" / "pip.conf"]
    return [*places, home / "Library" / "Application Support" / "pip" / "pip.conf", *([Path(named)] if named else [])]


def _make_venv(uv: str | None) -> None:
    """An empty environment. The lock we hold is kept: whoever waits for it has the same file open."""
    for left in VENV.iterdir():
        if left.name != ".lock":
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
    if uv:
        _run([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(VENV)], "uv could not make the environment")
        return
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, check=False)
    if made.returncode:  # Debian and Ubuntu keep ensurepip in a package of its own
        _run([sys.executable, "-m", "venv", "--without-pip", str(VENV)], "Python could not make an environment")


def _install(lock: Path, uv: str | None) -> None:
    """The lock is complete, so that nothing is resolved: an old pip trips over extras when it checks hashes."""
    told = "the packages could not be installed: see above; behind a mirror set PIP_INDEX_URL"
    if uv:
        _run([uv, "pip", "install", "--quiet", "--python", str(PYTHON), "--no-deps", "--require-hashes", "-r", str(lock)], told)
        return
    with _pip() as pip:
        _run([*pip, "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "-r", str(lock)], told)


@contextlib.contextmanager
def _pip() -> Iterator[list[str]]:
    """A pip that installs into the environment: its own, else this Python's, else one fetched for the purpose."""
    if _has(str(PYTHON), "pip"):
        yield [str(PYTHON), "-m", "pip"]
    elif _has(sys.executable, "pip"):
        yield [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    else:
        with tempfile.TemporaryDirectory() as directory:
            yield [str(PYTHON), f"{_fetched_pip(Path(directory))}/pip"]  # a wheel runs as it is


def _has(python: str, module: str) -> bool:
    return subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


def _fetched_pip(directory: Path) -> Path:
    index = os.environ.get("PIP_INDEX_URL", "").rstrip("/")
    if not index.startswith("https://"):
        raise Unusable("there is no pip: install python3-venv (Debian, Ubuntu: apt install python3-venv) or uv, or set PIP_INDEX_URL")
    page = f"{index}/pip/"
    links = re.findall(r'href="([^"]*?(pip-(\d[\d.]*)-py3-none-any\.whl))#sha256=([0-9a-f]{64})"', _get(page).decode())
    if not links:
        raise Unusable("there is no pip, and PIP_INDEX_URL has none: install python3-venv or uv")
    href, name, _, digest = max(links, key=lambda link: [int(part) for part in link[2].split(".")])
    data = _get(urllib.parse.urljoin(page, href))
    if hashlib.sha256(data).hexdigest() != digest:
        raise Unusable("the pip of PIP_INDEX_URL does not match its hash: install python3-venv or uv instead")
    (directory / name).write_bytes(data)
    return Path(directory, name)


def _get(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - https, by the check above
            return bytes(answer.read())
    except (urllib.error.URLError, TimeoutError) as error:
        raise Unusable("there is no pip, and PIP_INDEX_URL does not answer: install python3-venv or uv") from error


def _write_entry() -> None:
    """The rooms can be imported from anywhere, and `.venv/bin/slipway` is the command. Nothing of ours is built or installed."""
    packages = next((VENV / "lib").glob("python3*/site-packages"))
    (packages / "slipway.pth").write_text(f"{ROOT}\n")
    launcher = VENV / "bin" / "slipway"
    launcher.write_text(LAUNCHER.format(python=shlex.quote(str(PYTHON))))
    launcher.chmod(0o755)


def _run(command: list[str], otherwise: str) -> None:
    if subprocess.run(command, stdout=sys.stderr, env=_environment(), check=False).returncode:
        raise Unusable(otherwise)


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{VENV / 'bin'}:{_path()}", "VIRTUAL_ENV": str(VENV)}


def _check() -> int:
    for name, *rest in CHECKS:
        print(f"slipway: {name} {' '.join(rest)}", file=sys.stderr)
        done = subprocess.run([str(VENV / "bin" / name), *rest], cwd=ROOT, env=_environment(), check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
