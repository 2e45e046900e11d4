"""`docs/github-app.md` says what the code does."""

import re
from pathlib import Path

import yaml

from infra.github.routes import BY_CHOICE, PERMISSIONS
from jobs.errors import REASONS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "github-app.md").read_text()


def test_the_page_lists_every_purpose_with_its_permissions() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\w, ]+) \|", PAGE, re.MULTILINE))
    assert rows == {
        purpose.value: ", ".join(f"{name} {level}" for name, level in sorted(permissions.items()))
        for purpose, permissions in PERMISSIONS.items()
    }


def test_no_token_is_asked_for_more_than_the_manifest_grants() -> None:
    granted = yaml.safe_load((ROOT / "app.yml").read_text())["default_permissions"]
    for permissions in PERMISSIONS.values():
        for name, level in permissions.items():
            assert name in BY_CHOICE or granted[name] in (level, "write"), name
    assert not BY_CHOICE & granted.keys()


def test_the_reasons_on_the_page_are_real() -> None:
    section = PAGE.partition("## When GitHub says no")[2].partition("## ")[0]
    named = re.findall(r"`((?:github|installation|repository|pull)_\w+)`", section)
    assert named
    assert set(named) <= REASONS.keys()
