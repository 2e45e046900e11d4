"""The operator's word over a repository's configuration."""

from collections.abc import Mapping
from typing import Any

import pytest

from jobs.config import ConfigInvalid, read
from jobs.policy import Floors, Policy
from jobs.rules import Rules


def floored(**floors: Any) -> Policy:
    return Policy(floors=Floors.model_validate(floors))


def told(policy: Policy, text: str) -> list[str]:
    with pytest.raises(ConfigInvalid) as caught:
        policy.apply(read(text))
    return [str(mistake) for mistake in caught.value.mistakes]


@pytest.mark.parametrize("text", [None, "version: 1", "agent: codex\nlimits: {files: 7}"])
def test_without_a_policy_the_repositorys_word_stands(text: str | None) -> None:
    repository = read(text) if text is not None else None
    assert Policy().apply(repository) == (repository or Rules())


def test_defaults_lie_below_what_the_repository_says() -> None:
    policy = Policy(defaults={"agent": "codex", "limits": {"files": 7, "iterations": 2}})
    assert policy.apply(None).agent.name == "codex"
    rules = policy.apply(read("limits: {iterations: 9}"))
    assert (rules.limits.files, rules.limits.iterations) == (7, 9)


@pytest.mark.parametrize(
    ("floors", "text", "told_about"),
    [
        ({"limits": {"files": 5}}, "limits: {files: 6}", "limits.files: the operator allows at most 5; lower it"),
        ({"limits": {"wall": "10m"}}, "limits: {wall: 20m}", "limits.wall"),
        ({"network": "deny"}, "network: {mode: allow}", "network: the operator allows at most"),
        ({"network": "deny"}, "setup: {run: [[x]], network: {mode: allow}}", "setup: the operator allows at most"),
        (
            {"hosts": ["a.org"]},
            "network: {mode: allowlist, hosts: [a.org, b.org]}",
            "network: the operator does not allow the host 'b.org'",
        ),
        ({"agents": ["claude"]}, "agent: {name: command, run: [x]}", "agent: the operator does not allow the agent 'command'"),
        ({"agents": ["claude"]}, "flows: {f: {steps: [{name: s, agent: codex}]}}", "does not allow the agent 'codex'"),
        ({"forks": False}, "forks: true", "forks"),
        ({"draft": True}, "delivery: {draft: false}", "delivery.draft"),
        ({"approval_plan": True}, "approval: {plan: false}", "approval.plan"),
        ({"protect": ["deploy/**"]}, "unprotect: ['**']", "unprotect"),
        ({"commands": {"run": "write"}}, "commands: {run: read}", "commands.run"),
    ],
)
def test_a_repository_that_asks_for_more_than_it_may_is_told(floors: Mapping[str, Any], text: str, told_about: str) -> None:
    """Proves: 003-10, T28."""
    assert any(told_about in line for line in told(floored(**floors), text))


def test_a_repository_that_asks_for_less_gets_less() -> None:
    policy = floored(limits={"files": 50, "cost_usd": 2}, agents=["claude", "codex"])
    rules = policy.apply(read("limits: {files: 5}\nagent: codex"))
    assert (rules.limits.files, rules.limits.cost_usd, rules.agent.name) == (5, 2, "codex")


def test_where_a_repository_says_nothing_the_floor_holds() -> None:
    policy = floored(
        gates_required=True,
        approval_plan=True,
        draft=True,
        protect=["deploy/**"],
        limits={"files": 5, "cost_usd": 1},
        commands={"run": "admin"},
    )
    rules = policy.apply(None)
    assert rules.gates_policy.required
    assert rules.approval.plan
    assert rules.delivery.draft
    assert "deploy/**" in rules.protect
    assert "CODEOWNERS" in rules.protect
    assert (rules.limits.files, rules.limits.cost_usd, rules.limits.iterations) == (5, 1, 5)
    assert rules.commands == {"run": "admin"}


def test_a_default_is_clamped_by_the_floor_too() -> None:
    policy = Policy(defaults={"network": {"mode": "allow"}}, floors=Floors(network="deny"))
    assert policy.apply(None).network.mode == "deny"


def test_a_pattern_protected_by_default_may_still_be_let_go() -> None:
    assert floored(protect=["deploy/**"]).apply(read("unprotect: [AGENTS.md]")).unprotect == ("AGENTS.md",)


def test_keys_the_operator_keeps_are_refused_with_their_name() -> None:
    policy = Policy(allow_keys=("gates",))
    assert told(policy, "agent: codex\ngates: []") == [
        "agent: the operator of this server does not let repositories set this key; remove it"
    ]
    assert policy.apply(read("version: 1\ngates: []")) == policy.apply(None).model_copy(update={"from_file": True})


def test_mistakes_of_the_operator_are_named() -> None:
    """Proves: 000-12."""
    assert len(Policy(floors=Floors(limits={"files": 0}), allow_keys=("gate",)).mistakes()) == 2
    assert Policy(defaults={"agnet": "x"}).mistakes() == ["defaults.agnet: Extra inputs are not permitted"]
    assert "the default agent is 'claude'" in floored(agents=["codex"]).mistakes()[0]
    assert Policy(defaults={"agent": "codex"}, floors=Floors(agents=("codex",))).mistakes() == []
    assert Policy().mistakes() == []
