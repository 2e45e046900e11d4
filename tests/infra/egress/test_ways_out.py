"""What a launch may ask of a provider, by the rules of its run."""

import json

import pytest

from infra.agents.prices import dearest
from infra.egress.hosts import Hosts
from infra.egress.proxy import Decision, Proxy
from infra.egress.ways_out import ProxiedNetworks, terms
from jobs.budget import UNKNOWN_USD
from tests.infra.agents.world import MemoryArtifacts, a_run


@pytest.mark.parametrize(("mode", "web"), [("deny", False), ("allowlist", False), ("allow", True)])
def test_a_provider_reaches_out_only_where_the_run_may(mode: str, *, web: bool) -> None:
    """Proves: T14."""
    assert terms(a_run(network={"mode": mode, "hosts": ["example.org"]}), "anthropic", None).web is web


def test_a_cap_in_dollars_bounds_the_price_and_the_tokens() -> None:
    """Proves: T12."""
    model = "claude-sonnet-4-5"
    free, capped = terms(a_run(), "anthropic", model), terms(a_run(limits={"cost_usd": 2}), "anthropic", model)
    assert (free.most_tokens, free.most_price) == (None, None)
    assert capped.most_price == dearest("anthropic", model)
    assert capped.most_price is not None and capped.most_tokens is not None
    assert capped.most_tokens * capped.most_price <= 2.001
    assert terms(a_run(limits={"cost_usd": 2}), "anthropic", "nobody knows it").most_price == UNKNOWN_USD
    assert (capped.price("claude-opus-4-1") or 0) > capped.most_price


def test_turns_are_bounded_by_us_where_the_agent_does_not_do_it() -> None:
    """Proves: 003-14."""
    run = a_run(limits={"turns": 9})
    assert [terms(run, provider, None).most_turns for provider in ("openai", "anthropic", "google")] == [9, None, None]


def test_every_decision_is_kept_with_the_run_and_the_record_says_when_it_is_cut() -> None:
    """Proves: 002-03."""
    artifacts = MemoryArtifacts()
    networks = ProxiedNetworks(artifacts)
    proxy = Proxy(Hosts(()), decisions=[Decision("evil.test:443", "denied: not on the list of hosts")], unrecorded=3)
    networks._keep(a_run(), proxy)
    [((_, name), data)] = artifacts.kept.items()
    assert name.startswith("egress-1-1-")
    assert json.loads(data) == {"target": "evil.test:443", "verdict": "denied: not on the list of hosts", "sent": 0, "received": 0}
    assert artifacts.cut == {name}
