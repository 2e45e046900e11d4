"""What a run may wait for in vain, each with the sign by which it is seen to wait."""

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.github import FakeGitHub
from tests.stories.world import BONJOUR, CONFIG, RIGHT_AT_ONCE, task

PULLS = "/repos/{owner}/{repo}/pulls"
CHECKS = "/repos/{owner}/{repo}/check-runs"
FETCH, PUSH = "/{owner}/{repo}.git/git-upload-pack", "/{owner}/{repo}.git/git-receive-pack"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(600)"


@dataclass(frozen=True)
class Wait:
    """What a repository and a task look like for it, and what GitHub never answers: a route, and whether it does what it is asked."""

    phase: str
    config: str = CONFIG
    body: str = RIGHT_AT_ONCE
    route: tuple[str, str] | None = None
    after: bool = False
    files: Mapping[str, str] = field(default_factory=dict)

    def prepare(self, github: FakeGitHub) -> None:
        """Let GitHub not answer."""
        if self.route:
            github.fail(*self.route, kind="hang", after=self.after, times=1 if self.after else 99)

    def waits(self, github: FakeGitHub) -> bool:
        """Whether it has come to that."""
        if self.route:
            return any(github.calls("GIT" if self.route[0] == "GIT" else self.route[0], self.route[1]))
        return bool(processes(MARK))


MARK = f"stopped-{uuid.uuid4().hex[:12]}"
"""In the command line of everything that would live on, of this process of tests."""
DAEMON = f'daemon {MARK}\nrun setsid python3 -c "{STUBBORN}" {MARK} >/dev/null 2>&1 &\nrun python3 -c "{STUBBORN}" {MARK}'
"""An agent that does not end at SIGTERM, with children in sessions of their own that do not either."""


def _never(kind: str) -> str:
    return f'{kind}: {{run: [[python3, -c, "{STUBBORN}", {MARK}]]}}\n'


WAITS: Mapping[str, Wait] = {
    "prepare: a fetch": Wait("prepare", route=("GIT", FETCH)),
    "prepare: a setup command": Wait("prepare", CONFIG + _never("setup")),
    "build: an agent": Wait("build", body=task(f"{BONJOUR}\n{DAEMON}")),
    "verify: a gate": Wait("verify", CONFIG.replace("[python3, check.py]", f'[python3, -c, "{STUBBORN}", {MARK}]')),
    "deliver: a push": Wait("deliver", route=("GIT", PUSH)),
    "deliver: a push that arrives": Wait("deliver", route=("GIT", PUSH), after=True),
    "deliver: a check run": Wait("deliver", route=("POST", CHECKS)),
    "deliver: a pull request": Wait("deliver", route=("POST", PULLS)),
    "deliver: a pull request that is opened": Wait("deliver", route=("POST", PULLS), after=True),
}


def processes(mark: str) -> list[int]:
    """The living processes with `mark` in their command line."""
    return [int(at.name) for at in Path("/proc").glob("[0-9]*") if mark in _command(at) and int(at.name) != os.getpid()]


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
