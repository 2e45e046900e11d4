"""`.github/slipway.yml`: what is understood, and how every mistake is told with its line."""

import pytest

from jobs.config import MOST_BYTES, ConfigInvalid, read
from jobs.rules import Rules

WHOLE = """\
version: 1
agent: {name: command, run: ["./tools/agent.sh"]}
flows:
  implement:
    steps:
      - {name: plan, role: planner, tools: [Read, Grep, Glob]}
      - {name: code, role: implementer, depends_on: [plan], iterations: 3}
      - {name: review, role: reviewer, depends_on: [code], on_reject: code}
labels: {slipway: implement, "slipway:fix": fix}
setup: {run: [[pip, install, -r, requirements.txt]], key: [requirements.txt], network: {mode: allowlist, hosts: [packages.example.org]}}
gates:
  - {name: tests, run: [pytest, -q, --junitxml=report.xml], report: junit, timeout: 15m}
  - {name: lint, run: [ruff, check, --output-format=sarif], report: sarif, required: false}
approval: {plan: false}
limits: {wall: 45m, iterations: 5, cost_usd: 3, patch_bytes: 1mb, files: 100}
network: {mode: allowlist, hosts: [packages.example.org]}
protect: [".github/workflows/**", CODEOWNERS]
delivery: {kind: github, mode: required, draft: true, branch: "slipway/{number}-{slug}-{run}", reviewers: [], labels: []}
callbacks: [{url: https://example.org/hook, events: [run.succeeded, run.failed]}]
"""


def test_the_documented_example_is_understood() -> None:
    """Proves: 002-19, 002-20, 004-39."""
    rules = read(WHOLE)
    assert [step.name for step in rules.flow("implement").order] == ["plan", "code", "review"]
    assert (rules.limits.wall, rules.limits.patch_bytes, rules.gates[0].timeout) == (2700.0, 1_000_000, 900.0)
    assert rules.agent.run == ("./tools/agent.sh",)
    assert rules.from_file


def test_an_empty_file_is_the_defaults() -> None:
    assert read("") == Rules(from_file=True)


def test_by_default_a_run_is_planned_implemented_and_reviewed() -> None:
    """Proves: 002-19."""
    assert [step.role for step in Rules().flow("implement").order] == ["planner", "implementer", "reviewer"]


def test_rules_survive_being_stored() -> None:
    """Proves: 003-34."""
    rules = read(WHOLE)
    assert Rules.model_validate(rules.model_dump(mode="json")) == rules


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version: 1\nagnt: claude\n", "line 2: agnt: unknown key"),
        ("version: 2\n", "line 1: version: Input should be 1"),
        ("agent: gpt\n", "line 1: agent.name: Input should be 'claude', 'codex', 'opencode', 'gemini', 'command' or 'scripted'"),
        ("agent: command\n", "line 1: agent: an agent named 'command' needs 'run', the program and its arguments"),
        ("gates:\n  - name: a\n    run: [x]\n    timeout: soon\n", "line 4: gates.0.timeout: write a duration"),
        ("gates:\n  - {name: a, run: [x]}\n  - {name: a, run: [y]}\n", "two gates have the same name"),
        ("labels: {go: nowhere}\n", "label 'go' names the flow 'nowhere', which is not defined"),
        ("flows:\n  f:\n    steps:\n      - {name: a, depends_on: [b]}\n", "step 'a' names 'b', which is not a step of this flow"),
        ("flows: {f: {steps: [{name: a, depends_on: [b]}, {name: b, depends_on: [a]}]}}\n", "in a circle"),
        ("flows:\n  f:\n    steps:\n      - name: a\n        tools: [Reed]\n", "line 5: flows.f.steps.0.tools.0: Input should be 'Read'"),
        ("a: &x 1\nb: *x\n", "line 1: anchors and aliases are not allowed"),
        ("version: 1\nversion: 1\n", "line 2: version: the key stands twice"),
        ("- a\n", "line 1: the file has to be a mapping"),
        ("a: [\n", "line 2: "),
        ("from_file: true\n", "line 1: from_file: unknown key"),
        (
            "agent: codex\nflows:\n  f:\n    steps:\n      - {name: a, tools: [Read, Edit]}\n",
            "step 'a': codex edits by its shell, so it needs Bash, or only tools that read",
        ),
        (
            "flows: {f: {steps: [{name: a, agent: codex, tools: [Bash, WebFetch]}]}}\n",
            "step 'a': codex has no WebFetch; leave it out, or name another agent for the step",
        ),
        ("templates: {reviewer: approve}\n", "line 1: templates: unknown key"),
        ("prompts: {judge: .github/slipway/a.md}\n", "line 1: prompts.judge.[key]: Input should be 'planner', 'implementer', 'reviewer'"),
        *(
            (f"prompts: {{reviewer: {path}}}\n", "line 1: prompts.reviewer: a prompt is a Markdown file below .github/slipway/")
            for path in ("README.md", ".github/slipway/../../README.md", ".github/slipway.yml", "/etc/passwd", ".github/slipway/a.txt")
        ),
        ("gates_policy: {required: false}\n", "gates_policy: unknown key"),
        ("x: " + "y" * MOST_BYTES, "larger than"),
        ("limits: {wall: -3}\n", "line 1: limits.wall: Input should be greater than 0"),
        ("limits: {patch_bytes: 3 apples}\n", "write a size"),
    ],
)
def test_every_mistake_is_told_with_its_place(text: str, told: str) -> None:
    """Proves: 000-12, 003-10, 002-01."""
    with pytest.raises(ConfigInvalid) as caught:
        read(text)
    assert told in str(caught.value)


def test_all_mistakes_are_told_at_once() -> None:
    """Proves: 000-12."""
    with pytest.raises(ConfigInvalid) as caught:
        read("agnt: x\nlimits: {wall: never}\ngates: [{name: T}]\n")
    assert len(caught.value.mistakes) == 4


def test_a_deep_file_is_refused_and_does_not_exhaust_anything() -> None:
    with pytest.raises(ConfigInvalid):
        read("[" * 5000)


def test_a_retry_policy_is_of_a_class_that_there_is() -> None:
    """Proves: 003-23, 000-12."""
    with pytest.raises(ConfigInvalid) as wrong:
        read("version: 1\nretry:\n  internet: {attempts: 3}\n")
    assert "internet" in str(wrong.value.mistakes)
