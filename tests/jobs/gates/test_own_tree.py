"""This repository, held to the gates it holds others to."""

import subprocess
from pathlib import Path

from jobs.evidence import Finding
from jobs.gates.patch import Line
from jobs.gates.secret_scan import secret_in

ROOT = Path(__file__).parents[3]
MADE_UP = "CANARY"
"""What a made-up secret of a test says that it is."""


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_secret_is_in_this_repository() -> None:
    """Proves: 001-45, 001-57."""
    found: list[Finding] = []
    for path in tracked():
        for number, text in enumerate(path.read_bytes().decode(errors="replace").split("\n"), 1):
            finding = secret_in(Line(str(path.relative_to(ROOT)), number, text))
            if finding and MADE_UP not in text:
                found.append(finding)
    assert found == []


def test_each_part_of_the_work_has_a_module_of_its_own() -> None:
    """The loop is a loop only. Proves: 000-23."""
    sizes = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in tracked() if path.suffix == ".py"}
    rooms = ("app/", "handlers/", "infra/", "delivery/", "jobs/")
    large = {name: size for name, size in sizes.items() if name.startswith(rooms) and size > 400}
    assert large == {}
    assert sizes["jobs/runner.py"] < 60
    assert {"jobs/briefs.py", "infra/agents/launcher.py", "infra/agents/telling.py", "infra/workspaces/local.py"} <= sizes.keys()
