"""The project as it is handed over: what may not be in any of its files, and what has to agree."""

import re
import tomllib
from pathlib import Path

import pytest

from app.version import VERSION
from tests.jobs.gates.test_own_tree import ROOT, tracked

LOCKS = ("infra/requirements.lock", "infra/requirements-dev.lock")
MACHINES = re.compile(r"(?<![\w.])/(?:work/(?:main|shared)|home/(?!agent\b|user\b|you\b)[a-z]\w*|opt/pypi)|\.\./shared\b")
"""Paths of whoever wrote the project; a reader has none of them. (`/home/agent` is the home inside the sandbox.)"""
REGISTRIES = re.compile(
    r"https?://[\w.-]*(?:pypi|pythonhosted|npmjs|registry|artifactory|nexus|mirror)[\w.-]*|(?:pypi|pythonhosted|npmjs)\.(?:org|com)",
    re.IGNORECASE,
)
APART = "infra/agents/scripted_program.py"
"""A program of its own, which runs in the sandbox and imports nothing of ours."""


def project() -> dict[str, dict[str, object]]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("unwanted", [MACHINES, REGISTRIES])
def test_no_file_names_a_machine_or_a_registry(unwanted: re.Pattern[str]) -> None:
    named = {
        path.relative_to(ROOT).as_posix(): unwanted.findall(path.read_text(encoding="utf-8", errors="replace"))
        for path in tracked()
        if path != Path(__file__)
    }
    assert {name: places for name, places in named.items() if places} == {}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_versions_and_hashes_and_no_address(lock: str) -> None:
    """Proves: 002-14, T40."""
    text = (ROOT / lock).read_text()
    entries = re.split(r"\n(?=[a-z])", text.strip())
    assert "://" not in text
    assert "--index" not in text
    assert len(entries) > 30
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry or "==" not in entry] == []


def test_the_locks_hold_what_the_project_asks_for() -> None:
    """Proves: 002-14."""
    runtime, dev = ({_named(line) for line in (ROOT / lock).read_text().splitlines() if "==" in line} for lock in LOCKS)
    told = project()["project"]
    asked = {_named(line) for line in told["dependencies"]}  # type: ignore[attr-defined]  # a list of strings
    tools = {_named(line) for line in told["optional-dependencies"]["dev"]}  # type: ignore[index]  # a table of lists
    assert asked - runtime == set()
    assert (asked | tools) - dev == set()
    assert runtime - dev == set()


def _named(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-").replace(".", "-")


def test_the_version_is_the_same_everywhere() -> None:
    assert project()["project"]["version"] == VERSION
    assert f"## {VERSION}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_page_that_is_linked_is_there() -> None:
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")):
        for link in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_the_readme_starts_with_the_two_commands() -> None:
    first_screen = (ROOT / "README.md").read_text().splitlines()[:25]
    assert "python3 infra/bootstrap.py demo" in first_screen
    assert "python3 infra/bootstrap.py test" in first_screen


def test_the_tests_are_run_elsewhere_as_the_readme_says() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert "infra/bootstrap.py test" in script
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_only_the_settings_read_the_environment() -> None:
    """Proves: 001-46."""
    readers = {
        path.relative_to(ROOT).as_posix()
        for room in ("app", "handlers", "jobs", "delivery", "infra")
        for path in (ROOT / room).rglob("*.py")
        if re.search(r"\bos\.environ\b|\bgetenv\b", path.read_text())
    }
    assert readers == {"app/settings.py", "infra/bootstrap.py", APART}


def test_only_one_module_starts_programs() -> None:
    """Proves: 000-22."""
    starters = {
        path.relative_to(ROOT).as_posix()
        for room in ("app", "handlers", "jobs", "delivery", "infra")
        for path in (ROOT / room).rglob("*.py")
        if re.search(r"^\s*(?:import|from) subprocess\b", path.read_text(), re.MULTILINE)
    }
    assert starters == {"infra/process.py", "infra/bootstrap.py", APART}
