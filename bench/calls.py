"""Every call of GitHub that one run makes, from its label to its pull request, in processes of its own: `python -m bench.calls`.

Content-creating are those GitHub counts against its limit of 80 a minute: comments, reactions, pull requests, check runs.
"""

import tempfile
from collections import Counter
from pathlib import Path

from tests.fakes.github import FakeGitHub
from tests.faults.installation import await_, installation
from tests.stories.world import RIGHT_THE_SECOND_TIME

CREATES = ("/comments", "/reactions", "/pulls", "/check-runs")


def creating(method: str, template: str) -> bool:
    """Whether GitHub counts the call as creating content."""
    return method == "POST" and template.endswith(CREATES)


def report(github: FakeGitHub, begun: int) -> str:
    """The calls since then as a Markdown table, and how many of them create content."""
    calls = Counter((entry.method, entry.template, entry.status == 304) for entry in github.ledger[begun:])
    rows = [
        f"| {many} | `{method} {template}`{' (not modified)' if cached else ''} |" for (method, template, cached), many in calls.items()
    ]
    created = sum(many for (method, template, _), many in calls.items() if creating(method, template))
    api = sum(many for (method, _, _), many in calls.items() if not method.startswith("GIT"))
    return "\n".join(["| calls | of |", "|---|---|", *rows, "", f"{api} calls of the API, {created} of them create content."])


def main() -> None:
    """One run with two iterations, and what it called."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, installation(Path(folder)) as running:
        begun = len(running.github.ledger)
        running.ask(RIGHT_THE_SECOND_TIME)
        await_(lambda: bool(running.github.pulls()) and running.unfinished() == 0, 120, "everything is done")
        print(report(running.github, begun))


if __name__ == "__main__":
    main()
