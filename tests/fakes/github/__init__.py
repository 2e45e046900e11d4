"""A GitHub that remembers: stateful, on loopback, with real git behind it and a ledger of every call.

    with FakeGitHub(tmp_path) as github:
        github.add_repository("acme/widgets", files={"README.md": "hello"})
        github.hooks.url = "http://127.0.0.1:8080/webhook"     # where webhooks go
        github.open_issue("Say hello", number=7)
        github.add_label(issue=7, name="slipway:fix", by="maintainer")
        assert github.pulls_for(issue=7) == [PullRequest(head="slipway/7-greeting-d1", draft=True)]

`github.url` is API and git host at once (`SLIPWAY_GITHUB_API_URL` and `SLIPWAY_GITHUB_URL`); `app_id`, `private_key` and
`webhook_secret` are the App's. `fail(…)` plans faults, `ledger` has every call, `check()` fails on any call GitHub does not know.
"""

from tests.fakes.github.faults import SECONDARY, Trouble
from tests.fakes.github.github import FakeGitHub, PullRequest

__all__ = ["SECONDARY", "FakeGitHub", "PullRequest", "Trouble"]
