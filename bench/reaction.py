"""From a command's webhook to its 👀, with everything real but GitHub: `python -m bench.reaction [--repositories 20] [--commands 5]`.

`slipway up` in processes of its own, and a GitHub on loopback that answers at once. Beside it the floor: one call of the same client. What
counts is the ratio, and the calls that are made on the way: on the Internet each of them costs a round trip.
"""

import argparse
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.clock import SystemClock
from infra.github.app import GitHubApp
from infra.github.client import GitHub
from infra.github.lane import MemoryLane
from infra.github_auth import AppKey
from infra.redact import Redactor
from tests.fakes.github import FakeGitHub
from tests.fakes.github.state import Entry, Repository
from tests.faults.installation import Installation, await_, installation

FLOOR_CALLS = 100
REACTION = "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions"


def floor(github: FakeGitHub) -> list[float]:
    """Seconds of one call, made as the service makes it, on a connection that is open."""
    clock = SystemClock()
    client = GitHub(AppKey(github.app_id, github.private_key), MemoryLane(clock), clock, Redactor(), base_url=github.url)
    app = GitHubApp(client, github.app_id)
    app.slug()
    taken = []
    for _ in range(FLOOR_CALLS):
        begun = time.perf_counter()
        app.slug()
        taken.append(time.perf_counter() - begun)
    client.close()
    return taken


def reacted(running: Installation, repository: Repository, calls: Counter[str]) -> float:
    """Seconds from the moment GitHub begins to send the webhook to its having the reaction; counts the calls until then."""
    github, begun = running.github, time.time()
    before = len(github.ledger)
    said = github.comment(1, "/slipway help", repo=repository)

    def seen() -> Entry | None:
        mine = (entry for entry in github.ledger[before:] if entry.template == REACTION and f"/{said.id}/" in entry.path)
        return next(mine, None)

    await_(lambda: seen() is not None, 30, "the reaction")
    entry = seen()
    assert entry
    until = github.ledger.index(entry) + 1
    calls.update(f"{one.method} {one.template}" for one in github.ledger[before:until])
    return entry.at - begun


@contextmanager
def everything(repositories: int) -> Iterator[tuple[Installation, list[Repository]]]:
    """An installation with so many accounts: the pace of writes is kept for each of them by itself."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, installation(Path(folder)) as running:
        made = [running.github.add_repository(f"owner-{n}/shop", files={"README.md": "hello\n"}) for n in range(repositories)]
        for one in made:
            running.github.collaborator("maintainer", "write", repo=one)
            running.github.open_issue("Prices", "Round them.", repo=one, deliver=False)
        yield running, made


def told(name: str, taken: list[float]) -> str:
    """A line of the result, in milliseconds."""
    cuts = statistics.quantiles(taken, n=100, method="inclusive")
    return f"{name:34} n={len(taken):4}  p50 {cuts[49] * 1000:7.1f} ms  p99 {cuts[98] * 1000:7.1f} ms"


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--repositories", type=int, default=20)
    options.add_argument("--commands", type=int, default=5)
    given = options.parse_args()
    calls: Counter[str] = Counter()
    with everything(given.repositories) as (running, repositories):
        first = [reacted(running, one, calls) for one in repositories]
        calls.clear()
        later = [reacted(running, one, calls) for _ in range(given.commands - 1) for one in repositories]
        least = floor(running.github)
    print(told("one call (floor)", least))
    print(told("webhook → 👀, first of a repository", first))
    print(told("webhook → 👀", later))
    print(f"ratio of the medians {statistics.median(later) / statistics.median(least):.1f}")
    print("calls until the reaction, of each later command:")
    for call, many in calls.most_common():
        print(f"  {many / len(later):5.2f}  {call}")


if __name__ == "__main__":
    main()
