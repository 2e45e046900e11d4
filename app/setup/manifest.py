"""The manifest that GitHub registers an App from: `app.yml`, with the addresses of this installation."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

PATH = Path(__file__).parents[2] / "app.yml"
CALLBACK = "/setup/callback"
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}", re.ASCII)


def manifest(public_url: str, here: str) -> Mapping[str, Any]:
    """What is posted to GitHub. `public_url` is where GitHub and people reach this service, `here` where this browser does.

    See "Registering a GitHub App from a manifest" of GitHub's documentation.
    """
    return {
        **yaml.safe_load(PATH.read_text(encoding="utf-8")),
        "url": public_url,
        "hook_attributes": {"url": f"{public_url}/webhook", "active": True},
        "redirect_url": f"{here}{CALLBACK}",
        "callback_urls": [f"{public_url}/login/callback"],
    }


def target(github_url: str, organization: str, state: str) -> str:
    """Where the manifest is posted: the new App belongs to whoever is signed in there, or to an organization of theirs."""
    owner = f"/organizations/{quote(organization, safe='')}" if organization else ""
    return f"{github_url}{owner}/settings/apps/new?state={quote(state, safe='')}"


def is_account(name: str) -> bool:
    """Whether GitHub could have an account of that name."""
    return bool(_ACCOUNT.fullmatch(name))
