"""Where branches stand."""

from infra.github.answer import Declined
from infra.github.client import GitHub
from infra.github.routes import Route
from jobs.model import Repository


def tip(github: GitHub, repository: Repository, branch: str) -> str | None:
    """The commit the branch stands at now; None where there is no such branch. Raises Fault."""
    try:
        return str(github.ask(Route.BRANCH, repository, branch=branch)["object"]["sha"])
    except Declined as no:
        if no.status not in (404, 409):  # 409: "Git Repository is empty."
            raise
        return None
