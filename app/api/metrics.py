"""`/metrics`: read from the store at each scrape, so that any web process tells the truth about all of them.

Labels are bounded: states, reason codes, roles, queues. Never a repository, a run or a pull request.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.responses import Response


class Counts(Protocol):
    """What the store counts, by name: `{metric: {label values: number}}` as described in `FAMILIES`."""

    def counts(self) -> Mapping[str, Mapping[tuple[str, ...], float]]:
        """Every count there is, read at once."""
        ...


FAMILIES: Mapping[str, tuple[type[Any], str, tuple[str, ...]]] = {
    "slipway_runs": (GaugeMetricFamily, "Runs by state", ("state",)),
    "slipway_runs_ended": (CounterMetricFamily, "Runs that ended, by state and reason", ("state", "reason")),
    "slipway_attempts": (CounterMetricFamily, "Attempts by outcome", ("outcome",)),
    "slipway_iterations": (CounterMetricFamily, "Launches of agents, by agent and role", ("agent", "role")),
    "slipway_inbox": (GaugeMetricFamily, "Webhooks by state", ("state",)),
    "slipway_outbox": (GaugeMetricFamily, "Callbacks by state", ("state",)),
    "slipway_processes": (GaugeMetricFamily, "Processes seen in the last minute, by role", ("role",)),
    "slipway_oldest_queued_seconds": (GaugeMetricFamily, "How long the run that waits longest has waited", ()),
    "slipway_agents": (GaugeMetricFamily, "Hosts on which an agent was found, by agent and how it is", ("agent", "state")),
    "slipway_cost_usd": (CounterMetricFamily, "Known cost of all agent launches", ()),
}


class StoreCollector(Collector):
    """Makes metric families of the store's counts."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """The families, with what the store says now."""
        found = self._counts.counts()
        for name, (kind, says, labels) in FAMILIES.items():
            family = kind(name, says, labels=labels)
            for values, number in sorted(found.get(name, {}).items()):
                family.add_metric(values, number)
            yield family


def exposition(counts: Counts) -> Response:
    """The answer to a scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StoreCollector(counts))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
