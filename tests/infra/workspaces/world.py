"""A repository with history, the workspaces over it, and an agent that is a shell script in the real sandbox."""

import os
import subprocess
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from infra.clock import SystemClock
from infra.git import Git, Source
from infra.process import Bounds, Captured
from infra.sandbox import Confinement, Network, Sandbox
from infra.signing import SshSigner
from infra.workspaces.local import LocalWorkspaces, Tools
from jobs.evidence import Snapshot
from jobs.model import Actor, Repository, Run, RunRequest
from jobs.model import Source as Origin
from jobs.ports import Artifacts
from jobs.rules import NetworkRule, Rules

BOUNDS = Bounds(60)
ENV = {
    "PATH": os.defpath,
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{role}_{part}": f"{role}@example.org" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")},
}


def git(at: Path, *words: str, data: bytes = b"") -> str:
    """The git of a person, to look at things from outside."""
    done = subprocess.run(["git", *words], cwd=at, env=ENV, input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode(errors="replace")


class Upstream:
    """A repository as a person keeps it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        git(path, "init", "-q", "-b", "main")

    def commit(self, files: dict[str, str | bytes | None]) -> str:
        for name, text in files.items():
            file = self.path / name
            if text is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
        git(self.path, "add", "-A", "-f")
        git(self.path, "commit", "-q", "--allow-empty", "-m", "change")
        return git(self.path, "rev-parse", "HEAD").strip()


class Here:
    """`Sources` that knows one place, and perhaps where its branch stands."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.stands: str | None = None
        self.asked = 0

    def source(self, repository: Repository, *, write: bool = False) -> Source:
        self.asked += 1
        return Source(self.url)

    def tip(self, repository: Repository, branch: str) -> str | None:
        return self.stands


class Plain:
    """`Networks` without a proxy."""

    def open(self, run: Run, rule: NetworkRule) -> AbstractContextManager[Network]:
        return nullcontext(Network(rule.mode))


class World:
    """Everything together."""

    def __init__(
        self,
        root: Path,
        sandbox: Sandbox,
        files: dict[str, str | bytes | None] | None = None,
        artifacts: Artifacts | None = None,
        signer: SshSigner | None = None,
    ) -> None:
        self.root = root
        self.data = root / "data"
        self.upstream = Upstream(root / "upstream")
        self.first = self.upstream.commit(files or {"README.md": "hello\n", "src/app.py": "print('app')\n", "src/deep/x.txt": "x\n"})
        self.sandbox = sandbox
        self.sources = Here(str(self.upstream.path))
        self.git = Git(self.data / "git")
        tools = Tools(self.git, self.sources, sandbox, Plain(), SystemClock(), artifacts=artifacts, signer=signer)
        self.workspaces = LocalWorkspaces(self.data, tools)

    def run(self, name: str = "ab12cd34", **request: object) -> Run:
        asked = RunRequest(
            intent_key=name,
            repository=Repository(7, "octo/hello"),
            source=Origin("cli", actor=Actor(5, "octocat", name="Mona")),
            title="Greet",
        )
        return Run(id=name, request=replace(asked, **request), rules=Rules(), attempt=1)  # type: ignore[arg-type]

    def prepared(self, run: Run) -> Run:
        """The run after its phase `prepare`."""
        return replace(run, base_sha=self.workspaces.prepare(run).base)

    def agent(self, run: Run, script: str, **confinement: object) -> Captured:
        """Run a script as the agent."""
        mounts = self.workspaces.mounts(run, self.workspaces.prepare(run))
        captured = self.sandbox.run(Confinement(("bash", "-ec", script), mounts, **confinement), BOUNDS)  # type: ignore[arg-type]
        assert captured.ok, captured.stderr.text
        return captured

    def harvest(self, run: Run) -> Snapshot | None:
        """What the service makes of it."""
        return self.workspaces.harvest(run, self.workspaces.prepare(run))

    def changed(self, script: str, run: Run | None = None) -> Snapshot:
        """The snapshot of what a script leaves in a fresh checkout."""
        run = run or self.prepared(self.run())
        self.agent(run, script)
        snapshot = self.harvest(run)
        assert snapshot is not None
        return snapshot

    def control(self, *words: str) -> str:
        """Git in the control directory."""
        return git(self.data / "control" / "local-7.git", *words)

    def show(self, snapshot: Snapshot, path: str) -> str:
        """A file of a snapshot."""
        return self.control("show", f"{snapshot.commit}:{path}")


def kinds(snapshot: Snapshot) -> dict[str, str]:
    """What a snapshot does to which path."""
    return {change.path: change.kind for change in snapshot.changes}
