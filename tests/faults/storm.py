"""`python -m tests.faults.storm --deliveries 10000 --seed S`: webhooks that come twice, in any order, or not at all, through the real door.

Three in ten come again, all of them shuffled within a window, one in twenty is withheld and comes at the end. No workers: each row is
taken in by one loop. Afterwards there are exactly the runs that were asked for.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from app.demo.sample import Sample
from app.settings import load
from app.wiring.ground import Ground
from app.wiring.web import Front
from app.wiring.work import Workshop
from infra.git import Git
from infra.store.snapshot import facts
from jobs.invariants import violations
from tests.fakes.github.hooks import signature

SECRET = "a webhook secret of more than thirty-two bytes"
ASKING = 40
"""One delivery in so many asks for a run; the others are what else happens on a busy day."""
AGAIN, WITHHELD, WINDOW = 0.3, 0.05, 600


@dataclass
class Weather:
    """What came of a storm."""

    sent: int = 0
    answers: dict[int, int] = field(default_factory=dict)
    asked: int = 0
    runs: int = 0
    rows: int = 0
    distinct: int = 0
    problems: list[str] = field(default_factory=list)


def payloads(root: Path, many: int) -> list[tuple[str, bytes]]:
    """The webhooks of a day: labels that ask for runs, and others."""
    first: dict[str, Any] = json.loads(Sample(root).payload())
    made = []
    for number in range(1, many + 1):
        asks = number % ASKING == 0
        label = {"id": 1, "name": "slipway" if asks else "bug"}
        item = {**first["issue"], "id": 10_000 + number, "number": number, "labels": [label]}
        made.append((f"guid-{number}", json.dumps({**first, "issue": item, "label": label}).encode()))
    return made


def order(made: Sequence[tuple[str, bytes]], dice: random.Random) -> list[tuple[str, bytes]]:
    """As they arrive: some twice, shuffled within a window, some at the very end."""
    withheld = {guid for guid, _ in made if dice.random() < WITHHELD}
    on_time = [one for one in made if one[0] not in withheld for _ in range(1 + (dice.random() < AGAIN))]
    shuffled = sorted(enumerate(on_time), key=lambda placed: placed[0] + dice.uniform(0, WINDOW))
    return [one for _, one in shuffled] + [one for one in made if one[0] in withheld]


async def deliver(front: Front, arriving: Sequence[tuple[str, bytes]], weather: Weather) -> None:
    """All of them, sixteen at a time."""
    gate = asyncio.Semaphore(16)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(front.application), base_url="http://slipway") as client:

        async def one(guid: str, body: bytes) -> None:
            headers = {"content-type": "application/json", "x-github-event": "issues", "x-github-delivery": guid}
            async with gate:
                answer = await client.post("/webhook", content=body, headers={**headers, "x-hub-signature-256": signature(SECRET, body)})
            weather.sent += 1
            weather.answers[answer.status_code] = weather.answers.get(answer.status_code, 0) + 1

        await asyncio.gather(*(one(guid, body) for guid, body in arriving))


def storm(root: Path, *, deliveries: int, seed: int) -> Weather:
    """A storm over an installation of its own in `root`."""
    sample = Sample(root)
    sample.make(Git(root / "git"), "https://receiver.example/", sandboxed=True)
    file = sample.server_file
    file.write_text(file.read_text().partition("[[callbacks]]")[0] + "\n[allow]\nactor_per_hour = 10000\n")
    environ = {"SLIPWAY_DATA_DIR": str(sample.data), "HOME": str(root), "SLIPWAY_WEBHOOK_SECRETS": SECRET, "SLIPWAY_CONFIG": str(file)}
    ground = Ground(load({**environ, "PATH": "/usr/bin:/bin", "SLIPWAY_REDIS_URL": f"unix://{root}/nobody.sock"}))
    front, shop, weather = Front(ground), Workshop(ground), Weather()
    made = payloads(root, deliveries)
    weather.asked, weather.distinct = deliveries // ASKING, len(made)
    try:
        asyncio.run(deliver(front, order(made, random.Random(seed)), weather))
        while rows := ground.inbox.due(500):
            for row in rows:
                shop.intake.handle(row)
        found = facts(ground.engine)
    finally:
        front.close()
        ground.close()
    weather.runs, weather.rows = len(found.runs), len(found.inbox)
    weather.problems = [str(one) for one in violations(found)]
    return weather


def main() -> int:
    """Make a storm and print what came of it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--deliveries", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=int(time.time()))
    given = options.parse_args()
    print(f"seed        {given.seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="storm-") as folder:
        weather = storm(Path(folder), deliveries=given.deliveries, seed=given.seed)
    print(f"deliveries  {weather.distinct} distinct, {weather.sent} sent, answered {weather.answers}")
    print(f"inbox       {weather.rows} rows")
    print(f"runs        {weather.runs}, asked for {weather.asked}")
    print(f"violations  {len(weather.problems)}")
    print(f"took        {time.monotonic() - began:.0f} s")
    right = weather.runs == weather.asked and weather.rows == weather.distinct and not weather.problems
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
