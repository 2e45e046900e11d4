"""The forges: GitHub by the App, and the repositories of this machine by the server file."""

from collections.abc import Iterable
from functools import cached_property

from app.authority import Authority
from app.catalogue import AppReach, Catalogue, NoApp
from app.settings import Settings
from app.wiring.ground import Ground
from handlers.facts import Admitted
from infra.forges import Boards, Forges, PlacedSources
from infra.git import Git, Patience
from infra.github.app import GitHubApp
from infra.github.board import GitHubBoard
from infra.github.client import GitHub
from infra.github.defaults import GitHubDefaults
from infra.github.forge import GitHubForge
from infra.github.pulls import GitHubPulls
from infra.github.sources import GitHubSources
from infra.github.strays import GitHubStrays
from infra.github_auth import AppKey
from infra.github_lane import SqlLane
from infra.local_forge import LocalForge, LocalPlace
from infra.store.kept import SqlKept
from infra.store.measuring import SqlTallies


class Outside:
    """Everything that speaks with a forge, for one process."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._settings: Settings = ground.settings

    def tell_calls(self) -> None:
        """Add the calls to GitHub since the last time to the counters that every process of the installation shares."""
        if self.__dict__.get("github"):
            calls = self.__dict__["github"].counted()
            SqlTallies(self._ground.engine).add({("slipway_github_calls", labels): float(number) for labels, number in calls.items()})

    def close(self) -> None:
        """Let go of connections."""
        if self.__dict__.get("github"):
            self.__dict__["github"].close()

    @cached_property
    def git(self) -> Git:
        """The only git."""
        most = self._settings.server.git
        return Git(self._settings.data_dir / "git", patience=Patience(most.fetch, most.push, most.other))

    @cached_property
    def github(self) -> GitHub | None:
        """The client; None without an App."""
        settings, ground = self._settings, self._ground
        if settings.github_app_id is None or settings.github_private_key is None:
            return None
        key = AppKey(str(settings.github_app_id), settings.github_private_key.get_secret_value())
        return GitHub(key, SqlLane(ground.engine, ground.clock), ground.clock, ground.redactor, base_url=settings.github_api_url)

    @cached_property
    def app(self) -> GitHubApp | None:
        """The App itself."""
        return GitHubApp(self.github, str(self._settings.github_app_id), self._kept) if self.github else None

    @cached_property
    def places(self) -> dict[int, LocalPlace]:
        """The local repositories of the server file."""
        named = self._settings.server.repository
        return {one.id: LocalPlace(one.id, one.full_name, one.path, one.default_branch, one.trusted) for one in named}

    @cached_property
    def forge(self) -> Forges:
        """Reads of any forge."""
        return Forges(self._on_github, LocalForge(self.git, self.places))

    @cached_property
    def _on_github(self) -> GitHubForge | None:
        if self.github is None or self.app is None or self.shared is None:
            return None
        return GitHubForge(self.github, self.app, self.shared, self._ground.clock)

    @cached_property
    def shared(self) -> GitHubDefaults | None:
        """What owners have for all of theirs; None without an App."""
        return GitHubDefaults(self.github, self._kept, self._ground.clock) if self.github else None

    @cached_property
    def _kept(self) -> SqlKept:
        return SqlKept(self._ground.engine)

    @cached_property
    def boards(self) -> Boards:
        """Writes people see."""
        return Boards(GitHubBoard(self.github, self.app) if self.github and self.app else None)

    @cached_property
    def strays(self) -> GitHubStrays | None:
        """What may stand twice; None without an App."""
        return GitHubStrays(self.github, self.app) if self.github and self.app else None

    @cached_property
    def pulls(self) -> GitHubPulls | None:
        """Pull requests."""
        return GitHubPulls(self.github, self.app, self._ground.clock) if self.github and self.app else None

    @cached_property
    def sources(self) -> PlacedSources:
        """Where repositories are fetched from and pushed to."""
        return PlacedSources(GitHubSources(self.github, self._settings.github_url) if self.github else None, self.places)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The repositories that may be worked on, and their rules."""
        return Catalogue(
            self._settings.server.repository, self.forge, AppReach(self.app) if self.app else NoApp(), self._settings.server.policy
        )

    @cached_property
    def authority(self) -> Authority:
        """Whether the work may still leave."""
        return Authority(self.forge, self.admitted)

    @cached_property
    def admitted(self) -> Admitted:
        """Whom and what the server file lets in."""
        server = self._settings.server
        allow, block = server.allow, server.block
        return Admitted(
            app=self._settings.github_app_id or 0,
            repositories=_small(allow.repositories),
            users=_names(allow.users),
            teams=_small(allow.teams),
            bots=frozenset(allow.bots),
            bot_role=allow.bot_role,
            kept_out_repositories=_small(block.repositories),
            kept_out_users=_names(block.users),
            kept_out_teams=_small(block.teams),
            agents=server.floors.agents,
            actor_per_hour=allow.actor_per_hour,
            item_per_hour=allow.item_per_hour,
        )


def _small(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def _names(people: Iterable[int | str]) -> frozenset[int | str]:
    return frozenset(one if isinstance(one, int) else one.lower() for one in people)
