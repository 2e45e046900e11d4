"""What is in infra/deploy starts what exists, with settings that exist."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

from app.api.metrics import FAMILIES
from app.cli.main import ENTRIES
from app.processes import GRACE_S, ROLES
from app.settings import FIELDS, SECRET
from jobs.errors import REASONS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "infra" / "deploy"
KNOWN = {*FIELDS, *(f"{name}_FILE" for name in SECRET), "SLIPWAY_DATA_DIR", "SLIPWAY_CONFIG"}
UNITS = ("slipway.service", "slipway@.service")


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


def pods() -> dict[str, dict[str, Any]]:
    documents = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    return {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in documents if one["kind"] == "Deployment"}


@pytest.mark.parametrize("path", sorted(DEPLOY.iterdir()), ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    """Proves: 001-31."""
    named = set(re.findall(r"\b(?:SLIPWAY|ANTHROPIC|OPENAI|GEMINI|CLAUDE)_[A-Z_]+", path.read_text()))
    assert named - KNOWN == set()


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_a_command_and_waits_long_enough(name: str) -> None:
    """Proves: 001-31."""
    unit = (DEPLOY / name).read_text()
    (command,) = re.findall(r"^ExecStart=/opt/slipway/\.venv/bin/slipway (\S+)$", unit, re.MULTILINE)
    assert command == "%i" or command in ENTRIES
    assert int(re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[0]) > GRACE_S


def test_compose_starts_each_role_once_and_gives_it_time_to_leave() -> None:
    """Proves: 001-31."""
    ours = {name: service for name, service in compose()["services"].items() if service["image"] == "slipway"}
    assert {name: service["command"] for name, service in ours.items()} == {role: [role] for role in ROLES if role != "up"}
    assert {service["stop_grace_period"] for service in ours.values()} == {"90s"}
    assert [name for name, service in ours.items() if "security_opt" in service] == ["worker"]
    assert GRACE_S < 90


def test_only_workers_hold_the_model_key_in_compose() -> None:
    holders = [name for name, service in compose()["services"].items() if "anthropic_api_key" in service.get("secrets", ())]
    assert holders == ["worker"]


def test_the_cluster_starts_each_role_once_as_nobody_special() -> None:
    """Proves: 001-31."""
    roles = {name: pod["containers"][0]["args"] for name, pod in pods().items()}
    assert roles == {f"slipway-{role}": [role] for role in ROLES if role != "up"}
    for pod in pods().values():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["enableServiceLinks"] is False
        assert {mount["name"] for mount in pod["containers"][0]["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_each_role_of_the_cluster_is_shown_the_secrets_it_needs_and_no_other() -> None:
    """Proves: T13. Only workers hold the model's key, only the web the tokens of the API, and nobody the cluster's own token."""
    shown = {
        name: {one["key"] for volume in pod["volumes"] for one in volume.get("secret", {}).get("items", ())} for name, pod in pods().items()
    }
    both = {"private-key", "webhook-secrets"}
    assert shown == {"slipway-web": both | {"api-tokens"}, "slipway-worker": both | {"anthropic-api-key"}, "slipway-keeper": both}
    for name, pod in pods().items():
        assert pod["automountServiceAccountToken"] is False
        named = {one["value"].removeprefix("/secrets/") for one in pod["containers"][0]["env"] if "value" in one}
        assert named <= shown[name]


def test_database_and_bell_of_compose_ask_for_a_password_that_is_no_argument() -> None:
    services = compose()["services"]
    assert "trust" not in str(services["postgres"])
    assert services["postgres"]["environment"]["POSTGRES_PASSWORD"] == "${POSTGRES_PASSWORD}"
    assert "requirepass" in services["redis"]["command"][-1]
    assert not any("PASSWORD}" in part for part in services["redis"]["command"])


def test_the_image_holds_the_rooms_and_what_the_lock_says() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    for room in ("app", "delivery", "handlers", "infra", "jobs"):
        assert f"COPY {room} /opt/slipway/{room}" in text
    assert "COPY app.yml /opt/slipway/app.yml" in text
    assert "--no-deps --require-hashes -r /opt/slipway/infra/requirements.lock" in text
    assert "USER slipway" in text


def expressions() -> list[str]:
    """Everything that Prometheus is asked, by the alerts and by the dashboard."""
    rules = [rule["expr"] for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
    panels = json.loads((DEPLOY / "grafana.json").read_text())["panels"]
    return [*rules, *(target["expr"] for panel in panels for target in panel.get("targets", ()))]


def exported(name: str) -> tuple[str, ...] | None:
    """The labels of a sample under the name Prometheus knows; None when there is none."""
    for family, (kind, _, labels) in FAMILIES.items():
        ends = {CounterMetricFamily: ("_total",), HistogramMetricFamily: ("_bucket", "_sum", "_count")}.get(kind, ("",))
        if name in {f"{family}{end}" for end in ends}:
            return (*labels, "le") if name.endswith("_bucket") else labels
    return None


@pytest.mark.parametrize("expression", expressions())
def test_alerts_and_dashboard_ask_for_metrics_that_exist(expression: str) -> None:
    """Proves: 004-27. A metric or a label nobody exports is an alert that never comes."""
    asked = re.findall(r"\b(slipway_\w+)(?:\{([^}]*)\})?", expression)
    labels = [exported(name) for name, _ in asked]
    assert asked or expression.startswith("up{")
    assert None not in labels, asked
    known = {label for found in labels for label in found or ()}
    matched = {label for _, matchers in asked for label in re.findall(r"(\w+)\s*(?:=~|=|!=)", matchers)}
    grouped = {label.strip() for by in re.findall(r"by \(([^)]*)\)", expression) for label in by.split(",")}
    assert (matched | grouped) - known == set()


def test_alerts_name_reasons_and_duties_that_exist() -> None:
    text = "\n".join(expressions())
    codes = {code for found in re.findall(r'reason=~"([^"]*)"', text) for code in found.split("|")}
    assert codes - REASONS.keys() == set()
    duties = re.findall(r'Duty\("([^"]+)"', (ROOT / "app" / "keeper.py").read_text())
    assert set(re.findall(r'duty="([^"]*)"', text)) - set(duties) == set()


def test_every_alert_says_what_to_do() -> None:
    (group,) = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"]
    assert len({rule["alert"] for rule in group["rules"]}) == len(group["rules"])
    assert all(rule["annotations"]["description"].endswith((".", "?")) and rule["labels"]["severity"] for rule in group["rules"])
