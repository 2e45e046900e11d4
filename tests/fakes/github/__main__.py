"""`python -m tests.fakes.github`: a GitHub on loopback to try the service by hand.

Prints what the service has to be told, makes `acme/widgets` with issue #7, and reads commands on standard input:

    label 7 slipway:fix      unlabel 7 slipway:running      comment 7 /slipway status
    issue "Title" "Body"     close 7                        pulls      calls      quit
"""

import argparse
import shlex
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.fakes.github import FakeGitHub

FILES = {
    "greeter.py": 'GREETING = "Hello"\n',
    "check.py": 'from greeter import GREETING\n\nassert GREETING == "Bonjour", f"expected Bonjour, found {GREETING}"\n',
    ".github/slipway.yml": "version: 1\nagent: scripted\ngates:\n  - {name: tests, run: [python3, check.py]}\n",
}
TASK = """\
Say it in French.

```slipway
try 1:
write greeter.py
  GREETING = "Bonsoir"
try 2:
write greeter.py
  GREETING = "Bonjour"
```
"""
"""What the scripted agent does: its first try fails the gate, its second passes. With a model, delete the configuration's `agent`."""


def _label(github: FakeGitHub, issue: str, name: str) -> str:
    return f"webhook answered {github.add_label(int(issue), name).status_code}"


def _unlabel(github: FakeGitHub, issue: str, name: str) -> str:
    return f"webhook answered {github.remove_label(int(issue), name).status_code}"


def _comment(github: FakeGitHub, issue: str, *words: str) -> str:
    github.comment(int(issue), " ".join(words))
    return f"webhook answered {github.deliveries[-1].status_code}"


def _issue(github: FakeGitHub, title: str, body: str = "") -> str:
    return f"issue #{github.open_issue(title, body).number}"


def _close(github: FakeGitHub, issue: str) -> str:
    return f"webhook answered {github.close(int(issue)).status_code}"


def _pulls(github: FakeGitHub) -> str:
    return "\n".join(f"#{pull.number} {pull.state} {pull.head}: {pull.title}" for pull in github.pulls()) or "none"


def _calls(github: FakeGitHub) -> str:
    lines = [f"{entry.status} {entry.method} {entry.path}" for entry in github.ledger[-20:]]
    return "\n".join([*lines, *(f"violation: {text}" for text in github.violations)]) or "none"


COMMANDS: dict[str, Callable[..., str]] = {
    "label": _label,
    "unlabel": _unlabel,
    "comment": _comment,
    "issue": _issue,
    "close": _close,
    "pulls": _pulls,
    "calls": _calls,
}


def obey(github: FakeGitHub, line: str) -> str:
    """What a command did, or why it could not."""
    try:
        words = shlex.split(line)
        return COMMANDS[words[0]](github, *words[1:]) if words else ""
    except (KeyError, TypeError, ValueError) as error:
        return f"not understood ({error}); commands: {', '.join(COMMANDS)}, quit"


def main() -> None:
    """Serve until `quit` or the end of input."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--hook", default="http://127.0.0.1:8080/webhook", help="where webhooks are sent")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="fake-github-") as folder, FakeGitHub(Path(folder), port=given.port) as github:
        github.hooks.url = given.hook
        github.add_repository("acme/widgets", files=FILES)
        github.open_issue("Greet in French", TASK, number=7, deliver=False)
        key = Path(folder) / "app.pem"
        key.write_text(github.private_key)
        key.chmod(0o600)
        print(f"SLIPWAY_GITHUB_API_URL={github.url}\nSLIPWAY_GITHUB_URL={github.url}\nSLIPWAY_GITHUB_APP_ID={github.app_id}")
        print(f"SLIPWAY_GITHUB_PRIVATE_KEY_FILE={key}\nSLIPWAY_WEBHOOK_SECRETS={shlex.quote(github.webhook_secret)}", flush=True)
        for line in sys.stdin:
            if line.strip() == "quit":
                break
            print(obey(github, line), flush=True)


if __name__ == "__main__":
    main()
