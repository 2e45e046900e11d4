"""The sample repository of the demo, its issue, and the configuration around them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.git import Git, Input, Place

NAME = "demo/greeter"
NUMBER = 7
FILES: Mapping[str, str] = {
    "README.md": "# Greeter\n\nA sample repository, made by `slipway demo`.\n",
    "greeter.py": 'def greet(name: str) -> str:\n    """A friendly word for `name`."""\n    return f"Hello, {name}!"\n',
    "test_greeter.py": (
        "import unittest\n\nfrom greeter import greet\n\n\n"
        "class GreetTest(unittest.TestCase):\n"
        "    def test_the_name_is_greeted(self) -> None:\n"
        '        self.assertIn("Ada", greet("Ada"))\n\n'
        "    def test_nobody_is_shouted_at(self) -> None:\n"
        '        self.assertFalse(greet("Ada").isupper())\n'
    ),
    ".github/slipway.yml": (
        "version: 1\nagent: scripted\ngates:\n  - {name: tests, run: [python3, -m, unittest, -q], timeout: 1m}\ndelivery: {kind: local}\n"
    ),
}
TITLE = "Greet people in French"
BODY = """\
The greeting should be French.

```slipway
title Greet people in French
try 1:
replace greeter.py
      return f"Hello, {name}!"
  ---
      return f"Bonjour, {name}!".upper()
try 2:
replace greeter.py
      return f"Bonjour, {name}!".upper()
  ---
      return f"Bonjour, {name}!"
```
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """Where the demo's things are. `source` is a working repository, `delivered` the bare one it delivers to."""

    root: Path

    @property
    def source(self) -> Path:
        """The repository the issue is about."""
        return self.root / "greeter"

    @property
    def delivered(self) -> Path:
        """Where branch and record arrive."""
        return self.root / "delivered.git"

    @property
    def data(self) -> Path:
        """The service's data directory."""
        return self.root / "data"

    @property
    def server_file(self) -> Path:
        """The server file."""
        return self.root / "slipway.toml"

    def make(self, git: Git, callback_url: str, *, sandboxed: bool) -> None:
        """Write everything to disk."""
        self.source.mkdir(parents=True)
        for name, text in FILES.items():
            path = self.source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        place = Place(self.source / ".git", work_tree=self.source)
        git.ask("init", "--quiet", "--initial-branch=main", str(self.source), at=None)
        git.ask("add", "--all", at=place)
        git.ask("commit", "--quiet", "--message=A greeter", at=place, given=_AUTHOR)
        git.ask("clone", "--quiet", "--bare", "--no-hardlinks", str(self.source), str(self.delivered), at=None, given=_FILES_ALLOWED)
        self.server_file.write_text(_server_file(self, callback_url, sandboxed=sandboxed))

    def payload(self) -> bytes:
        """The webhook GitHub would send for the label."""
        sender = {"id": 1, "login": "ada", "type": "User"}
        issue = {"id": 70, "number": NUMBER, "title": TITLE, "body": BODY, "state": "open", "user": sender, "labels": [{"name": "slipway"}]}
        repository = {"id": 1, "name": "greeter", "full_name": NAME, "owner": sender, "default_branch": "main", "private": False}
        return json.dumps(
            {"action": "labeled", "issue": issue, "label": {"id": 1, "name": "slipway"}, "repository": repository, "sender": sender}
        ).encode()


def _server_file(sample: Sample, callback_url: str, *, sandboxed: bool) -> str:
    return (
        f'sandbox = "{"bubblewrap" if sandboxed else "none"}"\n\n[limits]\nworkers = 1\n\n'
        f'[[repository]]\nid = 1\nfull_name = "{NAME}"\npath = {json.dumps(str(sample.source))}\n'
        f'to = {json.dumps(str(sample.delivered))}\ntrusted = ["ada"]\n\n'
        f'[[callbacks]]\nurl = "{callback_url}"\n'
    )


_AUTHOR = Input(
    env={
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
    }
)
_FILES_ALLOWED = Input(env={"GIT_ALLOW_PROTOCOL": "file"})
