"""app.yml asks GitHub for what is handled, and for nothing more."""

from pathlib import Path

import yaml

from handlers.routes import ALWAYS_SENT, EVENTS

MANIFEST = yaml.safe_load((Path(__file__).parents[2] / "app.yml").read_text())
EVENT_NEEDS = {
    "check_run": ("checks", "write"), "check_suite": ("checks", "write"), "issue_comment": ("issues", "read"), "issues": ("issues", "read"),
    "pull_request": ("pull_requests", "read"), "pull_request_review": ("pull_requests", "read"),
    "pull_request_review_comment": ("pull_requests", "read"), "push": ("contents", "read"),
    "status": ("statuses", "read"), "workflow_run": ("actions", "read"),
}  # fmt: skip
"""From "Webhook events and payloads" of GitHub's documentation; the buttons of a check are only sent to an App that may write checks."""
WORK_NEEDS = {"checks": "write", "contents": "write", "issues": "write", "metadata": "read", "pull_requests": "write"}


def test_the_app_subscribes_to_exactly_what_is_handled() -> None:
    """GitHub refuses a manifest that names an event every App is sent anyway."""
    assert set(MANIFEST["default_events"]) == EVENTS - ALWAYS_SENT
    assert len(MANIFEST["default_events"]) == len(set(MANIFEST["default_events"]))


def test_every_event_has_its_permission_and_every_permission_a_use() -> None:
    """Proves: T19, T20."""
    granted = MANIFEST["default_permissions"]
    needed = dict(WORK_NEEDS)
    for event in MANIFEST["default_events"]:
        permission, level = EVENT_NEEDS[event]
        needed[permission] = max(level, needed.get(permission, "read"))  # "read" < "write"
    assert granted == needed


def test_workflows_can_not_be_written() -> None:
    """Proves: T19."""
    assert not {"workflows", "administration", "secrets", "members"} & MANIFEST["default_permissions"].keys()
