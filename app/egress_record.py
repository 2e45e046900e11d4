"""What the sandboxes of a run asked the network for, and what they were told: the proxy's own record of it, put together for people."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from jobs.errors import Fault

RECORD = "egress-"
"""How the names of the proxy's records begin among a run's artifacts."""


class Artifacts(Protocol):
    """Large outputs of a run."""

    def get(self, run_id: str, name: str) -> bytes:
        """The data. Raises KeyError, and Fault when it is damaged."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """One host and port with one answer: how often, and the bytes that went out and came in."""

    target: str
    verdict: str
    times: int
    sent: int
    received: int


def asked(page: Mapping[str, Any], artifacts: Artifacts) -> tuple[Asked, ...]:
    """Every decision, those of the same kind together, refusals first. A record that cannot be had is named among them."""
    kinds: dict[tuple[str, str], list[int]] = {}
    for row in _rows(page, artifacts):
        count = kinds.setdefault((row["target"], row["verdict"]), [0, 0, 0])
        for place, more in enumerate((1, row["sent"], row["received"])):
            count[place] += more
    ordered = sorted(kinds.items(), key=lambda kind: (kind[0][1] == "allowed", kind[0]))
    return tuple(Asked(target, verdict, *count) for (target, verdict), count in ordered)


def _rows(page: Mapping[str, Any], artifacts: Artifacts) -> Iterator[dict[str, Any]]:
    for name in page["artifacts"]:
        if name.startswith(RECORD):
            try:
                yield from map(json.loads, artifacts.get(page["id"], name).decode().splitlines())
            except (KeyError, Fault):
                yield {"target": name, "verdict": "this record is not on this machine, or is damaged", "sent": 0, "received": 0}
