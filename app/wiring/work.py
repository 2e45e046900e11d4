"""What a worker needs: intake, the engine with its sandbox, delivery, and whatever speaks for runs."""

from functools import cached_property
from pathlib import Path

from app.acting import Acting, NoReview
from app.ci import Ci, NoCi
from app.intake import Intake
from app.knowledge import Sources
from app.perform import NoShared, Perform
from app.relay import Relay, Sender
from app.voice import Voice
from app.wiring.ground import Ground
from app.wiring.outside import Outside
from app.worker import Work
from delivery.github import GitHubDeliveryManager
from delivery.local import LocalDeliveryManager
from delivery.manager import DeliveryManager
from infra.agents.access import Networks, OpenNetworks
from infra.agents.launcher import SandboxedAgents, Surroundings
from infra.agents.launches import LaunchLog
from infra.artifacts import FileArtifacts
from infra.courier import Courier
from infra.egress.providers import PROVIDERS, Upstream
from infra.egress.ways_out import BrokeredModels, ProxiedNetworks
from infra.gates import SandboxedGates
from infra.gates import Workshop as GateShop
from infra.git_remote import GitRemote
from infra.github.ci import CiCheck, GitHubCi
from infra.github.review import GitHubReview
from infra.masked import MaskedArtifacts
from infra.outputs import Outputs
from infra.sandbox import Bubblewrap, Sandbox, Unconfined
from infra.signing import signer
from infra.store.activity import SqlActivity
from infra.store.announcements import SqlAnnouncements
from infra.store.asked import SqlAsked
from infra.store.finding import SqlFinding
from infra.workspaces.local import LocalWorkspaces, Tools
from infra.workspaces.stream import Author
from jobs.errors import Refused
from jobs.model import Run
from jobs.ports import Ports


class Workshop:
    """A worker's services, for one process."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.outside = Outside(ground)
        self._settings = ground.settings

    @cached_property
    def sandbox(self) -> Sandbox:
        """Where untrusted programs run."""
        if self._settings.server.sandbox == "none":
            return Unconfined()
        return Bubblewrap(self._settings.data_dir / "work")

    @cached_property
    def masked(self) -> MaskedArtifacts:
        """What is kept of runs, without our secrets."""
        return MaskedArtifacts(self.ground.artifacts, self.ground.redactor)

    @cached_property
    def networks(self) -> Networks:
        """What sandboxes may reach."""
        return ProxiedNetworks(self.masked) if self.sandbox.confines else OpenNetworks()

    @cached_property
    def models(self) -> BrokeredModels:
        """The way to the models, by the keys of the settings."""
        settings, found = self._settings, {}
        anthropic = settings.anthropic_api_key or settings.claude_code_oauth_token
        if anthropic:
            oauth = settings.anthropic_api_key is None
            found["anthropic"] = Upstream(PROVIDERS["anthropic"], settings.anthropic_url, anthropic.get_secret_value(), bearer=oauth)
        if settings.openai_api_key:
            found["openai"] = Upstream(PROVIDERS["openai"], settings.openai_url, settings.openai_api_key.get_secret_value())
        if settings.gemini_api_key:
            found["google"] = Upstream(PROVIDERS["google"], settings.gemini_url, settings.gemini_api_key.get_secret_value())
        return BrokeredModels(found)

    @property
    def travelling(self) -> FileArtifacts | None:
        """Where snapshots are left for other machines to go on from; None where the store is a file of this one."""
        return self.ground.artifacts if self._settings.store_url else None

    @cached_property
    def workspaces(self) -> LocalWorkspaces:
        """The owner of checkouts."""
        settings, key = self._settings, self._settings.signing_key
        tools = Tools(
            self.outside.git,
            self.outside.sources,
            self.sandbox,
            self.networks,
            self.ground.clock,
            author=Author(settings.server.commits.name, settings.server.commits.email),
            signer=signer(key.get_secret_value()) if key else None,
            artifacts=self.travelling,
        )
        return LocalWorkspaces(self._settings.data_dir, tools)

    @cached_property
    def outputs(self) -> Outputs:
        """Keeps what programs print."""
        return Outputs(self.ground.artifacts, self.ground.redactor)

    @cached_property
    def agents(self) -> SandboxedAgents:
        """Starts agents."""
        data = self._settings.data_dir
        around = Surroundings(
            sandbox=self.sandbox,
            checkouts=self.workspaces,
            stop=self.ground.ledger,
            outputs=self.outputs,
            log=LaunchLog(data / "launches.log"),
            clock=self.ground.clock,
            scratch=data / "work",
            models=self.models,
            networks=self.networks,
            listeners=SqlActivity(self.ground.engine),
            search=self._settings.path,
        )
        return SandboxedAgents(around)

    @cached_property
    def gates(self) -> SandboxedGates:
        """Runs gates."""
        return SandboxedGates(GateShop(self.sandbox, self.workspaces, self.ground.ledger, self.outputs, self.networks))

    @cached_property
    def deliveries(self) -> dict[str, DeliveryManager]:
        """Takes commits out."""
        ground, outside = self.ground, self.outside
        remote = GitRemote(self._settings.data_dir, outside.git, outside.sources, self.travelling)
        managers: dict[str, DeliveryManager] = {"local": LocalDeliveryManager(remote, ground.effects, self._target)}
        if outside.pulls:
            managers["github"] = GitHubDeliveryManager(
                remote, outside.pulls, outside.boards, ground.effects, outside.authority, ground.clock, ground.marker_key, ground.page
            )
        return managers

    @cached_property
    def ports(self) -> Ports:
        """The engine's world."""
        ground = self.ground
        return Ports(ground.ledger, ground.clock, self.workspaces, self.agents, self.gates, self.deliveries, self.masked)

    @cached_property
    def intake(self) -> Intake:
        """Takes webhooks in."""
        ground, outside = self.ground, self.outside
        asked = SqlAsked(ground.engine)
        finding = SqlFinding(ground.engine)
        sources = Sources(outside.forge, outside.catalogue, ground.runs, finding, asked, outside.admitted)
        voice = Voice(outside.boards, asked, outside.strays)
        acting = Acting(ground.runs, finding, ground.bell, self.review or NoReview())
        perform = Perform(acting, voice, self.ci or NoCi(), ground.page, self.workspaces, outside.shared or NoShared())
        return Intake(ground.inbox, asked, sources, perform)

    @cached_property
    def ci(self) -> Ci[CiCheck] | None:
        """Waits for the checks of what was delivered; None without an App."""
        ground, outside = self.ground, self.outside
        if outside.github is None or outside.app is None:
            return None
        return Ci(GitHubCi(outside.github, outside.app), SqlFinding(ground.engine), ground.runs, ground.bell, ground.clock)

    @cached_property
    def review(self) -> GitHubReview | None:
        """Reads what stands on pull requests; None without an App."""
        github, app = self.outside.github, self.outside.app
        return GitHubReview(github, app, GitHubCi(github, app)) if github and app else None

    @cached_property
    def relay(self) -> Relay:
        """Shows runs on their items."""
        ground = self.ground
        announcements, boards = SqlAnnouncements(ground.engine), self.outside.boards
        return Relay(announcements, ground.runs, boards, ground.effects, ground.marker_key, ground.page, ground.clock, self.deliveries)

    @cached_property
    def sender(self) -> Sender:
        """Sends callbacks."""
        settings = self._settings
        secrets = [secret.get_secret_value() for secret in settings.callback_secrets]
        return Sender(self.ground.outbox, Courier(secrets, self.ground.clock, settings.callback_allow_hosts), self.ground.clock)

    def work(self, name: str) -> Work:
        """Everything a worker of that name may be asked for; what its work-horses would each have to make is ready."""
        self.ground.ledger.rehearse()
        if self.outside.github:
            self.outside.github.warm()
        return Work(
            name, self.intake.handle, self.relay.announce, self.ground.ledger, self.ports, self.ground.bell, self.outside.tell_calls
        )

    def _target(self, run: Run) -> str:
        """Where a local run is delivered to."""
        asked = run.request.deliver_to
        named = next((one for one in self._settings.server.repository if one.id == run.repository.id), None)
        path = Path(asked) if asked else (named.to or named.path if named else None)
        if path is None:
            raise Refused("push_refused", f"The server file names no place to deliver {run.repository.full_name} to. Add `to` there.")
        return str(path)
