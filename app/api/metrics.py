"""`/metrics`: read from the store at each scrape, so that any web process tells the truth about all of them.

Labels are bounded: states, reason codes, roles, queues. Never a repository, a run or a pull request.
"""

from collections.abc import Iterator, Mapping
from itertools import accumulate
from math import isinf
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.responses import Response

from infra.store.measuring import BUCKETS


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
    "slipway_store_in_doubt": (GaugeMetricFamily, "Whether this process finds the store in doubt: damaged, full, gone or locked", ()),
    "slipway_inbox": (GaugeMetricFamily, "Webhooks by state", ("state",)),
    "slipway_outbox": (GaugeMetricFamily, "Callbacks by state", ("state",)),
    "slipway_processes": (GaugeMetricFamily, "Processes seen in the last minute, by role", ("role",)),
    "slipway_oldest_queued_seconds": (GaugeMetricFamily, "How long the run that waits longest has waited", ()),
    "slipway_oldest_pending_seconds": (GaugeMetricFamily, "How long the webhook or due callback that waits longest has waited", ("what",)),
    "slipway_unknown_reason_ratio": (GaugeMetricFamily, "Share of the runs that ended without a reason anybody knows", ()),
    "slipway_leases": (GaugeMetricFamily, "Runs at work, by whether their worker's lease lives", ("lease",)),
    "slipway_leases_lost": (CounterMetricFamily, "Leases that ran out because their worker was gone", ()),
    "slipway_stuck": (CounterMetricFamily, "Times a run was noticed that does not get on", ()),
    "slipway_tick_age_seconds": (GaugeMetricFamily, "How long ago each duty of the keeper was last begun", ("duty",)),
    "slipway_paused": (GaugeMetricFamily, "Pauses in force", ()),
    "slipway_parked": (CounterMetricFamily, "Runs put aside, by reason", ("reason",)),
    "slipway_queue_wait_seconds": (HistogramMetricFamily, "From being queued to being claimed", ()),
    "slipway_phase_seconds": (HistogramMetricFamily, "How long a worker was in a phase", ("phase",)),
    "slipway_first_status_seconds": (HistogramMetricFamily, "From a webhook to the first try to write a status for its run", ()),
    "slipway_launches": (CounterMetricFamily, "Launches of agents that ended, by agent and outcome", ("agent", "outcome")),
    "slipway_tokens": (CounterMetricFamily, "Model tokens, by agent and kind", ("agent", "kind")),
    "slipway_launch_cost_usd": (CounterMetricFamily, "Known cost of launches, by agent", ("agent",)),
    "slipway_github_calls": (CounterMetricFamily, "Calls to GitHub, by method and class of answer", ("method", "answer")),
    "slipway_github_pause_seconds": (GaugeMetricFamily, "For how long GitHub is to be left alone, the longest of all installations", ()),
    "slipway_webhook_requests": (CounterMetricFamily, "Requests to /webhook in this process, by what was answered", ("verdict",)),
    "slipway_agents": (GaugeMetricFamily, "Hosts on which an agent was found, by agent and how it is", ("agent", "state")),
    "slipway_agent_events": (
        CounterMetricFamily,
        "What became of agents: found, changed, broke, mended, vanished",
        ("agent", "event"),
    ),
    "slipway_outputs_room_ratio": (
        GaugeMetricFamily,
        "Share that outputs take of `retention.disk`, on the host where it is the largest",
        (),
    ),
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
            if kind is HistogramMetricFamily:
                _fill(family, found.get(name, {}), found.get(f"{name}_sum", {}))
            for values, number in sorted(found.get(name, {}).items()) if kind is not HistogramMetricFamily else ():
                family.add_metric(values, number)
            yield family


def _fill(family: HistogramMetricFamily, counted: Mapping[tuple[str, ...], float], sums: Mapping[tuple[str, ...], float]) -> None:
    """Each label value's buckets, which are stored apart and shown as Prometheus wants them: each holds the smaller ones too."""
    for values, total in sorted(sums.items()):
        counts = {float(key[-1]): number for key, number in counted.items() if key[:-1] == values}
        upto = accumulate(counts.get(bound, 0.0) for bound in BUCKETS)
        family.add_metric(
            values, [("+Inf" if isinf(bound) else repr(bound), number) for bound, number in zip(BUCKETS, upto, strict=True)], total
        )


def exposition(counts: Counts) -> Response:
    """The answer to a scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StoreCollector(counts))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
