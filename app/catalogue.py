"""The repositories this installation may work on, and the rules each of them gets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from app.server_file import LocalRepository
from handlers import words
from jobs import config
from jobs.config import HOME, ConfigInvalid, Mistake
from jobs.errors import Refused, UserError
from jobs.model import Repository
from jobs.policy import Policy
from jobs.rules import Role, Rules
from jobs.text import for_prompt

MOST_TEMPLATE = 16_000


class Reach(Protocol):
    """The repositories the App is installed on."""

    def reach(self, full_name: str) -> Repository:
        """The repository of that name. Raises UserError when the App does not reach it, Fault when nobody can tell now."""
        ...


class NoApp:
    """Without an App nothing of GitHub's is reached."""

    def reach(self, full_name: str) -> Repository:
        """Raises UserError."""
        raise UserError(f"{full_name} is not known here: name it in the server file under [[repository]], or configure a GitHub App.")


class Installation(Protocol):
    """An account the App is installed on."""

    @property
    def id(self) -> int:
        """Its id."""
        ...

    @property
    def account(self) -> str:
        """The account's login."""
        ...

    @property
    def suspended(self) -> bool:
        """Whether it is suspended at present."""
        ...


class Installations(Protocol):
    """Where the App is installed, as GitHub tells it."""

    def installations(self) -> Sequence[Installation]:
        """Every account the App is installed on."""
        ...

    def repositories(self, installation: int) -> Sequence[Repository]:
        """Every repository an installation reaches."""
        ...


@dataclass(frozen=True, slots=True)
class AppReach:
    """`Reach` by the App's own lists."""

    app: Installations

    def reach(self, full_name: str) -> Repository:
        """See `Reach`."""
        owner = full_name.partition("/")[0].lower()
        installed = (one for one in self.app.installations() if one.account.lower() == owner and not one.suspended)
        for installation in installed:
            for repository in self.app.repositories(installation.id):
                if repository.full_name.lower() == full_name.lower():
                    return repository
        raise UserError(f"The App is not installed on {full_name}: install it there, or name a local repository of the server file.")


class Configured(Protocol):
    """Where configurations are read. Raises Refused(`config_invalid`) for what is no file, Fault without an answer."""

    def config(self, repository: Repository) -> str | None:
        """The text of `.github/slipway.yml` on the default branch; None when there is none."""
        ...

    def file(self, repository: Repository, path: str) -> str | None:
        """The text of any file on the default branch; None when there is none."""
        ...

    def defaults(self, repository: Repository) -> str | None:
        """The text of the same file in the owner's repository `.github`; None when there is none."""
        ...


def admit(rules: Rules, agent: str | None, among: Sequence[str] | None = None) -> None:
    """Return when a request may name the agent, `among` those the operator admits (None: all). Raises UserError that names those it may."""
    known = rules.agents(among)
    if agent is not None and agent not in known:
        raise UserError(words.unknown_agent(agent, known))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Local repositories by the server file, all others by the App's installations."""

    local: Sequence[LocalRepository]
    forge: Configured
    app: Reach
    policy: Policy

    def find(self, name: str) -> Repository:
        """The repository of that full name (case does not matter). Raises UserError or Fault as `Reach`."""
        for known in self.local:
            if known.full_name.lower() == name.lower():
                return placed(known)
        return self.app.reach(name)

    def rules(self, repository: Repository) -> Rules:
        """Its configuration within this server's policy. Raises UserError naming every mistake, Fault when it cannot be read."""
        try:
            return self.read(repository)
        except ConfigInvalid as invalid:
            raise UserError(f"{config.PATH} of {repository.full_name} cannot be used:\n{invalid}") from invalid

    def admit(self, rules: Rules, agent: str | None) -> None:
        """Return when a request may name the agent. Raises UserError that names those it may."""
        admit(rules, agent, self.policy.floors.agents)

    def read(self, repository: Repository) -> Rules:
        """As `rules`, with the mistakes themselves. Raises ConfigInvalid, Fault."""
        text = self.forge.config(repository)
        own = None if text is None else config.read(text)
        shared = self._shared(repository)
        rules = self.policy.apply(own, shared)
        homes = {**_prompts_of(shared, shared_home(repository)), **_prompts_of(own, "")}
        return rules.model_copy(update={"templates": self._templates(repository, rules, homes)}) if rules.prompts else rules

    def _templates(self, repository: Repository, rules: Rules, homes: Mapping[Role, str]) -> dict[Role, str]:
        """The repository's own words for a role, from its default branch: a pull request cannot change what its reviewer is told.

        `homes` says in which file the words of a role were asked for, as `Mistake.home` does.
        """
        found = {role: self.forge.file(repository, path) for role, path in rules.prompts.items()}
        wrong = {role: _wrong(rules.prompts[role], text) for role, text in found.items()}
        if any(wrong.values()):
            raise ConfigInvalid(
                [Mistake(0, f"prompts.{role}", text, homes.get(role, config.SERVER)) for role, text in wrong.items() if text]
            )
        return {role: for_prompt(text or "") for role, text in found.items()}

    def _shared(self, repository: Repository) -> Rules | None:
        """What the owner's repositories have in common. A mistake in it says that it is there, and not in the repository's own file."""
        home = shared_home(repository)
        try:
            text = None if repository.full_name == home else self._defaults(repository)
            if text is None:
                return None
            shared = config.read(text)
            self.policy.apply(shared)
        except ConfigInvalid as invalid:
            raise ConfigInvalid([replace(one, home=home) for one in invalid.mistakes]) from invalid
        return shared

    def _defaults(self, repository: Repository) -> str | None:
        try:
            return self.forge.defaults(repository)
        except Refused as refused:
            if refused.reason.code != "config_invalid":
                raise
            raise ConfigInvalid([Mistake(0, "", refused.reason.text)]) from refused  # no file, so nothing in it


def shared_home(repository: Repository) -> str:
    """The repository in which its owner keeps the configuration of all of theirs."""
    return f"{repository.full_name.partition('/')[0]}/{HOME}"


def _prompts_of(rules: Rules | None, home: str) -> dict[Role, str]:
    return dict.fromkeys(rules.prompts, home) if rules else {}


def _wrong(path: str, text: str | None) -> str:
    """Why a prompt cannot be used; empty when it can."""
    if text is None:
        return f"{path} is not on the default branch"
    if not text.strip():
        return f"{path} is empty"
    return f"{path} is longer than {MOST_TEMPLATE:,} characters" if len(text) > MOST_TEMPLATE else ""


def placed(known: LocalRepository) -> Repository:
    """A repository of the server file."""
    return Repository(known.id, known.full_name, 0, known.default_branch, str(known.path))
