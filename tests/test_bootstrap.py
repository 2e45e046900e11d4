"""Set-up on a machine that has Python and git: tried on a small tree with empty locks, so that nothing is fetched."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAIN = """\
import os
import sys


def main():
    print(os.getcwd(), sys.argv[1:], "site-packages" in os.__file__)
    return 7
"""
WITHOUT_INDEX = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null"}
HIDDEN = "import sys, runpy; sys.version_info = (3, 10, 9); runpy.run_path(sys.argv[1], run_name='__main__')"


def small_tree(root: Path) -> Path:
    """A project whose command line only says how it was called."""
    (root / "infra").mkdir(parents=True)
    (root / "app" / "cli").mkdir(parents=True)
    shutil.copy(ROOT / "infra" / "bootstrap.py", root / "infra" / "bootstrap.py")
    for lock in ("requirements.lock", "requirements-dev.lock"):
        (root / "infra" / lock).write_text("# nothing\n")
    (root / "app" / "cli" / "main.py").write_text(MAIN + "\n\nif __name__ == '__main__':\n    sys.exit(main())\n")
    return root


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project that was never started."""
    return small_tree(tmp_path / "project")


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a space in its path, started twice at once when it was new."""
    root = small_tree(tmp_path_factory.mktemp("a place") / "project")
    told = [ended(process) for process in (start(root, "up"), start(root, "up"))]
    assert [code for code, _, _ in told] == [7, 7]
    assert sum("installing into .venv" in err for _, _, err in told) == 1
    return root


def start(tree: Path, *words: str, cwd: Path | None = None, **environ: str) -> "subprocess.Popen[str]":
    command = [sys.executable, str(tree / "infra" / "bootstrap.py"), *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env={**WITHOUT_INDEX, **environ}, cwd=cwd or tree, stdout=pipe, stderr=pipe, text=True)


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=100)
    return process.returncode, out.strip(), err.strip()


def test_any_word_is_passed_on_with_its_exit_code_and_nothing_is_installed_twice(used: Path, tmp_path: Path) -> None:
    assert ended(start(used, "up", "--now", cwd=tmp_path)) == (7, f"{tmp_path} ['up', '--now'] False", "")
    launched = subprocess.run([used / ".venv" / "bin" / "slipway", "x"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (launched.returncode, launched.stdout.strip()) == (7, f"{tmp_path} ['x'] False")


def test_what_lies_where_one_happens_to_be_is_not_run(used: Path, tmp_path: Path) -> None:
    """Proves: I13."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("raise SystemExit('not ours')")
    assert ended(start(used, "up", cwd=tmp_path))[0] == 7


def test_no_module_beside_it_stands_in_for_one_of_pythons(used: Path) -> None:
    (used / "infra" / "hashlib.py").write_text("raise SystemExit('not ours')")
    assert ended(start(used, "up"))[0] == 7


def test_what_the_tests_need_is_added_and_enough_for_everything(used: Path) -> None:
    kept = used / ".venv" / "kept"
    kept.touch()
    code, _, err = ended(start(used, "test"))
    assert (code, "No module named pytest" in err, kept.exists()) == (1, True, True)
    (used / ".venv" / ".stamp-runtime").unlink()
    assert ended(start(used, "up")) == (7, f"{used} ['up'] False", "")


def test_another_lock_is_installed_into_what_is_there(used: Path) -> None:
    kept = used / ".venv" / "kept"
    for lock in ("requirements.lock", "requirements-dev.lock"):
        (used / "infra" / lock).write_text("# something else\n")
    assert "installing" in ended(start(used, "up"))[2]
    assert ended(start(used, "up"))[2] == ""
    assert kept.exists()


def test_an_environment_of_another_python_is_made_anew(used: Path) -> None:
    kept, stamp = used / ".venv" / "kept", used / ".venv" / ".stamp-made"
    stamp.write_text(stamp.read_text().replace("\n3.", "\n2."))
    assert ended(start(used, "up"))[0] == 7
    assert not kept.exists()


def test_packages_that_cannot_be_had_are_told_each_time(used: Path) -> None:
    for lock in ("requirements.lock", "requirements-dev.lock"):
        (used / "infra" / lock).write_text("nothing-of-that-name==1 --hash=sha256:" + "0" * 64 + "\n")
    for _ in range(2):
        code, _, err = ended(start(used, "up"))
        assert (code, err.splitlines()[-1].startswith("slipway: the packages could not be installed")) == (2, True)


def test_without_git_it_says_so_and_makes_nothing(tree: Path) -> None:
    code, _, err = ended(start(tree, "demo", PATH=str(tree)))
    assert (code, err) == (2, "slipway: git is not installed: install it (Debian, Ubuntu: apt install git) and run this again")
    assert not (tree / ".venv").exists()


def test_an_older_python_is_told_so_in_one_line(tree: Path) -> None:
    command = [sys.executable, "-c", HIDDEN, str(tree / "infra" / "bootstrap.py"), "demo"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "Python 3.11 or newer is needed" in done.stderr
