"""The service works on itself: its own repository is one like any other."""

import json
import subprocess
import sys
from pathlib import Path

from infra import process
from infra.process import Bounds, Command

ROOT = Path(__file__).parents[2]
RULES = """\
version: 1
agent: scripted
gates:
  - {name: compiles, run: [python3, -m, compileall, -q, jobs/phases]}
"""
TASK = """\
# Say why there is a feedback phase

```slipway
try 1:
write jobs/phases/why.py
  REASON = (
try 2:
write jobs/phases/why.py
  REASON = "What the gates found is the next brief."
```
"""


def test_slipway_changes_its_own_repository_and_its_gates_send_a_mistake_back(tmp_path: Path) -> None:
    """Proves: 003-17."""
    itself, issue = tmp_path / "slipway", tmp_path / "issue.md"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(ROOT), str(itself)], check=True)
    (itself / ".github").mkdir(exist_ok=True)
    (itself / ".github" / "slipway.yml").write_text(RULES)
    issue.write_text(TASK)
    for words in (["add", "-A"], ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "Gates of its own"]):
        subprocess.run(["git", *words], cwd=itself, check=True)
    data = {"HOME": str(tmp_path), "SLIPWAY_DATA_DIR": str(tmp_path / "data")}
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(ROOT), **data}
    said = process.run(Command((sys.executable, "-m", "app", "run", "--issue", str(issue), "--json"), env, itself), Bounds(90))
    assert said.ok, said.stderr.text
    run = json.loads(said.stdout.text)
    first, second = run["steps"][-1]["attempts"][0]["iterations"]
    assert [turn["decision"] for turn in (first, second)] == ["rejected", "passed"]
    assert "SyntaxError" in json.dumps(first["report"])
    assert [change["path"] for change in second["snapshot"]["changes"]] == ["jobs/phases/why.py"]
