"""What a browser is pointed at."""

from dataclasses import dataclass

from infra.store.runs import SqlRuns
from tests.app.town import Town
from tests.app.web import Web


@dataclass(frozen=True)
class Site:
    """A served installation."""

    address: str
    town: Town
    at: Web

    @property
    def runs(self) -> SqlRuns:
        """The runs behind the pages."""
        return SqlRuns(self.town.engine)

    def run(self, name: str) -> str:
        """The path of a run's page."""
        return f"/runs/{self.town[name]}"
