"""Where git finds a repository of GitHub, and the token it shows there (`infra.git.Sources`)."""

from dataclasses import dataclass

from infra.git import Credential, Source
from infra.github import branches
from infra.github.client import GitHub
from infra.github.routes import Purpose
from jobs.model import Repository

USER = "x-access-token"


@dataclass(frozen=True, slots=True)
class GitHubSources:
    """Tokens that reach one repository: to read its contents, or with `write` to push to it, and nothing else."""

    github: GitHub
    web_url: str = "https://github.com"

    def source(self, repository: Repository, *, write: bool = False) -> Source:
        """The repository's URL under its present name, with a token good for at least five minutes more. Raises Fault."""
        full_name = str(self.github.named(repository)["full_name"])
        token = self.github.token(repository, Purpose.PUSH if write else Purpose.FETCH)
        return Source(f"{self.web_url.rstrip('/')}/{full_name}.git", Credential(USER, token))

    def tip(self, repository: Repository, branch: str) -> str | None:
        """See `infra.git.Sources`: one small call."""
        return branches.tip(self.github, repository, branch)
