"""`Networks` and `Models` of the launcher: for each sandbox the ways out it may have, and a record of how they were used."""

import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import structlog

from infra.agents.access import NoModels
from infra.agents.adapter import Access
from infra.agents.prices import dearest
from infra.egress.broker import Broker, Terms
from infra.egress.hosts import Hosts
from infra.egress.providers import Upstream
from infra.egress.proxy import Proxy
from infra.egress.serving import brokered, proxied
from infra.sandbox.confinement import Network
from jobs import budget
from jobs.model import Run
from jobs.ports import Artifacts
from jobs.rules import NetworkRule

log = structlog.get_logger("slipway.egress")


@dataclass(frozen=True, slots=True)
class ProxiedNetworks:
    """`infra.agents.access.Networks`: `allowlist` is a proxy of the sandbox's own, and every decision of it is kept."""

    artifacts: Artifacts

    @contextlib.contextmanager
    def open(self, run: Run, rule: NetworkRule) -> Iterator[Network]:
        """See `Networks`."""
        if rule.mode != "allowlist":
            yield Network(rule.mode)
            return
        proxy = Proxy(Hosts(rule.hosts), run=run.id)
        try:
            with proxied(proxy) as socket:
                yield Network("allowlist", egress=socket)
        finally:
            self._keep(run, proxy)

    def _keep(self, run: Run, proxy: Proxy) -> None:
        if proxy.decisions:
            lines = "".join(json.dumps(asdict(decision)) + "\n" for decision in proxy.decisions)
            name = f"egress-{run.attempt}-{run.iteration}-{secrets.token_hex(4)}.jsonl"
            self.artifacts.put(run.id, name, lines.encode(), truncated=proxy.unrecorded > 0)


UNBOUNDED = ("openai",)
"""Providers whose agents hold themselves to no number of turns; the others leave out of it what they ask on the side."""


@dataclass(frozen=True, slots=True)
class BrokeredModels:
    """`infra.agents.access.Models`: keys stay here, whatever an agent does."""

    upstreams: Mapping[str, Upstream]

    def check(self, provider: str) -> None:
        """See `Models`."""
        if provider not in self.upstreams:
            NoModels().check(provider)

    @contextlib.contextmanager
    def open(self, run: Run, provider: str, model: str | None = None) -> Iterator[Access]:
        """See `Models`."""
        self.check(provider)
        broker = Broker(self.upstreams[provider], f"slipway-{secrets.token_urlsafe(24)}", terms(run, provider, model))
        with brokered(broker) as socket:
            yield Access(socket, broker.token, broker.meter)
        log.info("models", run=run.id, attempt=run.attempt, provider=provider, **asdict(broker.meter))


def terms(run: Run, provider: str, model: str | None) -> Terms:
    """What a launch of `run` with that model may ask of the provider."""
    price = dearest(provider, model)
    bound = budget.cap(run).usd is not None
    return Terms(
        most_tokens=budget.tokens_left(run, price),
        web=run.rules.network.mode == "allow",
        most_price=(price or budget.UNKNOWN_USD) if bound else None,
        most_turns=run.rules.limits.turns if provider in UNBOUNDED else None,
        price=lambda asked: dearest(provider, asked),
    )
