"""GitHub's payloads as the Octokit project publishes them: `@octokit/webhooks-examples` 7.6.1 (MIT, see LICENSE.octokit), all of them.

To make `octokit.json.gz` again: `npm pack @octokit/webhooks-examples@7.6.1`, unpack it, then
`python -m tests.payloads.octokit package/api.github.com/index.json`.
"""

import gzip
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

KEPT = Path(__file__).with_name("octokit.json.gz")


class Example(NamedTuple):
    event: str
    number: int
    payload: dict[str, Any]

    @property
    def action(self) -> str | None:
        return self.payload.get("action")


def examples() -> list[Example]:
    kept = json.loads(gzip.decompress(KEPT.read_bytes()))
    return [Example(event, number, payload) for event, payloads in kept.items() for number, payload in enumerate(payloads)]


def example(event: str, action: str | None) -> dict[str, Any]:
    """The first one of a kind."""
    return next(one.payload for one in examples() if (one.event, one.action) == (event, action))


def keep(index: Path) -> None:
    kinds = json.loads(index.read_text())
    kept = json.dumps({kind["name"]: kind["examples"] for kind in kinds}, separators=(",", ":"), sort_keys=True)
    KEPT.write_bytes(gzip.compress(kept.encode(), 9, mtime=0))


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
