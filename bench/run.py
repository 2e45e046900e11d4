"""A whole run, from webhook to pull request, with an agent that does next to nothing: `python -m bench.run [FILES [ROUNDS]]`.

The service is whole, in processes of its own: `slipway up`, with RQ's workers and its store. Beside it, in the same rounds: the
*floor*, a plain script with the same git commands, HTTP calls and one sandbox and nothing in between or written down; and the
*usual* way, a clone for every run and a client for every call. All against the same GitHub.
"""

import base64
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx
import sqlalchemy as sa

from infra.sandbox.bubblewrap import candidates
from infra.store.schema import lane, run
from jobs.model import RunState
from tests.faults.installation import Installation, installation

ROUNDS = 7
LOOK_EVERY_S = 0.02
TOUCH = "date +%s%N > touched.txt"
"""All that the agent does: it writes down when it was started."""
AGENT = f'[sh, -c, "{TOUCH}"]'
CONFIG = f"version: 1\nagent: {{name: command, run: {AGENT}}}\n"
IDENTITY = {"GIT_AUTHOR_NAME": "b", "GIT_AUTHOR_EMAIL": "b@x", "GIT_COMMITTER_NAME": "b", "GIT_COMMITTER_EMAIL": "b@x"}


def tree(files: int) -> dict[str, str]:
    made = {f"src/part{n % 100:02}/module{n:05}.py": f"value = {n}\n" * 20 for n in range(files)}
    return {**made, ".github/slipway.yml": CONFIG}


class Bench:
    """One installation, one repository on its GitHub, and the other ways to do the same there."""

    def __init__(self, root: Path, world: Installation) -> None:
        self.root, self.world, self.count = root, world, 0
        self.bwrap = str(candidates()[0])
        self.cache, self.template = root / "cache.git", root / "template"
        self.token = self._token()
        self.remote = f"{world.github.url}/acme/greeter.git"
        self.git("clone", "-q", "--bare", self.remote, str(self.cache))
        self.git("--git-dir", str(self.cache), "worktree", "add", "-q", "--detach", str(self.template), "main")
        self.client = httpx.Client(trust_env=False)

    def timed(self, way: Callable[[], tuple[str, float]]) -> tuple[float, float]:
        """Milliseconds until the agent was started, and until the pull request was there; both from the moment it was asked for."""
        asked = time.time()
        commit, done = way()
        self.git("--git-dir", str(self.cache), "fetch", "-q", self.remote, commit)
        began = int(self.git("--git-dir", str(self.cache), "show", f"{commit}:touched.txt")) / 1e9
        return (began - asked) * 1e3, (done - asked) * 1e3

    def ours(self) -> tuple[str, float]:
        """A label, and what comes of it; when the run was over, by its own record. Nothing is left to be done on return."""
        number = self.world.github.open_issue("Touch a file", "Please.", deliver=False).number
        self.world.github.add_label(issue=number, name="slipway")
        mine = sa.select(run.c.state, run.c.ended_at).where(run.c.number == number, run.c.ended_at.is_not(None))
        while not (found := self.world.rows(mine)) or self.world.unfinished():
            time.sleep(LOOK_EVERY_S)
        assert found[0].state == RunState.SUCCEEDED.value, found
        (pull,) = self.world.github.pulls_for(issue=number)
        return pull.sha, found[0].ended_at

    def unhurried(self) -> None:
        """Forget how much was written lately: the pace we keep with GitHub is a wait, and not what is measured here."""
        with self.world.engine.begin() as connection:
            connection.execute(lane.delete())

    def floor(self) -> tuple[str, float]:
        """Fetch, overlay, sandboxed agent, a commit by plumbing, push, and the calls a run makes; nothing is written down."""
        self.count += 1
        place = self.root / f"floor{self.count}"
        for name in ("upper", "work"):
            (place / name).mkdir(parents=True)
        self.git("--git-dir", str(self.cache), "fetch", "-q", self.remote, "+refs/heads/*:refs/heads/*")
        overlay = ["--overlay-src", str(self.template), "--overlay", str(place / "upper"), str(place / "work"), "/checkout"]
        inside = ["--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib",
                  "/lib", "--symlink", "usr/lib64", "/lib64", "--dir", "/checkout", *overlay, "--chdir", "/checkout"]  # fmt: skip
        subprocess.run([self.bwrap, *inside, "sh", "-c", TOUCH], check=True)
        env = {**IDENTITY, "GIT_DIR": str(self.cache), "GIT_INDEX_FILE": str(place / "index")}
        blob = self.git("hash-object", "-w", str(place / "upper" / "touched.txt"), env=env)
        self.git("read-tree", "main", env=env)
        self.git("update-index", "--add", "--cacheinfo", f"100644,{blob},touched.txt", env=env)
        commit = self.git("commit-tree", self.git("write-tree", env=env), "-p", "main", "-m", "touch", env=env)
        self.git("--git-dir", str(self.cache), "push", "-q", self.remote, f"{commit}:refs/heads/floor-{self.count}")
        self._calls(self.client.request, f"floor-{self.count}", commit)
        done = time.time()
        shutil.rmtree(place, ignore_errors=True)
        return commit, done

    def usual(self) -> tuple[str, float]:
        """A clone for the run, `git add` and `git commit`, and a client for each call."""
        self.count += 1
        place = self.root / f"usual{self.count}"
        self.git("clone", "-q", self.remote, str(place))
        subprocess.run(["sh", "-c", TOUCH], cwd=place, check=True)
        at = ("-C", str(place))
        self.git(*at, "checkout", "-q", "-b", f"usual-{self.count}")
        self.git(*at, "add", "-A")
        self.git(*at, "commit", "-q", "-m", "touch", env=IDENTITY)
        self.git(*at, "push", "-q", self.remote, f"usual-{self.count}")
        commit = self.git(*at, "rev-parse", "HEAD")
        self._calls(httpx.request, f"usual-{self.count}", commit)
        done = time.time()
        shutil.rmtree(place, ignore_errors=True)
        return commit, done

    def _calls(self, request: Callable[..., httpx.Response], branch: str, sha: str) -> None:
        """What a run tells GitHub: reaction, comment, labels, check and pull request."""
        number = 900_000 + self.count
        self.world.github.open_issue("Touch a file", "Please.", number=number, deliver=False)
        api, headers = f"{self.world.github.url}/repos/acme/greeter", {"Authorization": f"Bearer {self.token}"}
        text = {"title": "t", "summary": "s"}
        for method, path, body in (
            ("POST", f"/issues/{number}/reactions", {"content": "eyes"}),
            ("POST", f"/issues/{number}/comments", {"body": "working"}),
            ("POST", f"/issues/{number}/labels", {"labels": ["slipway:running"]}),
            ("POST", "/check-runs", {"name": "slipway", "head_sha": sha, "status": "in_progress", "output": text}),
            ("POST", "/pulls", {"title": "t", "head": branch, "base": "main", "body": "b", "draft": True}),
        ):
            request(method, api + path, json=body, headers=headers).raise_for_status()

    def _token(self) -> str:
        """A token for everything the App may do."""
        hub = self.world.github.hub
        (installation,) = hub.installations.values()
        return hub.tokens.mint(installation, frozenset(installation.repositories), dict(installation.permissions), hub.now()).text

    def git(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        shown = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
        header = {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {shown}",
        }
        full = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.root), "GIT_CONFIG_NOSYSTEM": "1", **header, **(env or {})}
        return subprocess.run(["git", *arguments], env=full, check=True, capture_output=True, text=True).stdout.strip()


def main(files: int = 20_000, rounds: int = ROUNDS) -> None:
    root = Path(tempfile.mkdtemp(prefix="bench-run-"))
    try:
        with installation(root / "world", files=tree(files)) as world:
            bench = Bench(root, world)
            bench.ours()
            ways = {"floor": bench.floor, "slipway": bench.ours, "usual": bench.usual}
            taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
            for _ in range(rounds):
                for name, way in ways.items():
                    bench.unhurried()
                    taken[name].append(bench.timed(way))
    finally:
        shutil.rmtree(root, ignore_errors=True)
    report(taken, files)


def report(taken: Mapping[str, Sequence[tuple[float, float]]], files: int) -> None:
    """The medians, and the ratios they were made for."""
    middle = {name: tuple(map(statistics.median, zip(*times, strict=True))) for name, times in taken.items()}
    for name, (began, done) in middle.items():
        whole = [one for _, one in taken[name]]
        bounds = f"(min {min(whole):.0f}, max {max(whole):.0f}, {len(whole)} rounds, {files} files)"
        print(f"{name:<8} agent after {began:6.0f} ms, pull request after {done:6.0f} ms   {bounds}")
    ours, floor = middle["slipway"], middle["floor"]
    print(f"until the agent runs: slipway ÷ floor {ours[0] / floor[0]:.2f} (goal: at most 2)")
    print(f"whole run: slipway ÷ floor {ours[1] / floor[1]:.2f} (goal: at most 3)")
    print(f"whole run: usual ÷ slipway {middle['usual'][1] / ours[1]:.2f} (goal: at least 8)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
