"""What the web role needs: the webhook, and a desk for API and dashboard."""

from functools import cached_property

from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.types import ASGIApp

from app import logs
from app.access import access
from app.api.health import Part
from app.api.ports import Desk
from app.api.seats import Seats
from app.api.watching import Watch
from app.dashboard.github import GitHubSignIn
from app.dashboard.office import Office
from app.dashboard.sign_in import Tries, Ways
from app.dashboard.standing import Standing
from app.knowledge import Knowledge
from app.main import application
from app.probing import unwell
from app.setup import door
from app.setup.registration import Registration
from app.webhook import Webhook, closed
from app.wiring.ground import Ground
from app.wiring.outside import Outside
from handlers.facts import Facts
from infra.artifact_room import crowded
from infra.github.entrance import Entrance
from infra.redis_server import RedisUnavailable
from infra.rq_queue import BackgroundBell
from infra.store.asked import SqlAsked
from infra.store.doubt import StoreInDoubt
from infra.store.finding import SqlFinding
from infra.store.folding import Folding
from infra.store.probes import SqlProbes
from infra.store.pulse import Pulse
from infra.store.rooms import SqlRooms
from infra.store.visits import SqlVisits

SILENT_S = 60.0


class Front:
    """The web role's services, for one process."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.outside = Outside(ground)

    def close(self) -> None:
        """Finish the commit in flight and ring what is left."""
        webhook = self.__dict__.get("webhook")
        if isinstance(webhook, Webhook):
            webhook.close()
        if "bell" in self.__dict__:
            self.bell.close()
        if "folding" in self.__dict__:
            self.folding.close()

    @cached_property
    def bell(self) -> BackgroundBell:
        """Rings without waiting."""
        return BackgroundBell(self.ground.bell)

    @cached_property
    def folding(self) -> Folding:
        """Keeps the journal of the store short, so that no delivery waits for it."""
        return Folding(self.ground.engine)

    @cached_property
    def webhook(self) -> ASGIApp:
        """The route of GitHub's deliveries; closed while there is no secret."""
        secrets = [secret.get_secret_value().encode() for secret in self.ground.settings.webhook_secrets]
        return Webhook(secrets, self.ground.inbox, self.bell, audit=logs.audit(self.ground.settings)) if secrets else closed

    @cached_property
    def desk(self) -> Desk:
        """What API and dashboard have at hand."""
        ground, settings = self.ground, self.ground.settings
        tokens = [token.get_secret_value() for token in settings.api_tokens]
        return Desk(
            reading=ground.reading,
            runs=ground.runs,
            catalogue=self.outside.catalogue,
            artifacts=ground.artifacts,
            callbacks=ground.outbox,
            bell=self.bell,
            access=access(tokens, settings.bind, settings.public_url, SqlVisits(ground.engine)),
            clock=ground.clock,
            seats=Seats(),
            watch=Watch(ground.reading, ground.clock.monotonic),
        )

    @cached_property
    def _pulse(self) -> Pulse:
        return Pulse(self.ground.engine, self.ground.clock)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """What readiness depends on."""
        return (
            Part("store", self._store),
            Part("redis", self._redis, needed=False),
            Part("keeper", lambda: self._seen("keeper"), needed=False),
            Part("workers", lambda: self._seen("worker"), needed=False),
            Part("agents", self._agents, needed=False),
            Part("outputs", self._outputs, needed=False),
            Part("receivers", self._receivers, needed=False),
        )

    @cached_property
    def application(self) -> Starlette:
        """The whole web application."""
        ground = self.ground
        office = Office(
            self.desk,
            ground.reading,
            ground.inbox,
            ground.outbox,
            self.parts,
            ground.settings.redacted(),
            ways=Ways(Tries(ground.clock.monotonic), SqlVisits(ground.engine), self._github()),
            standing=Standing(self._knowledge),
        )
        self.folding.start()
        return application(office, self.webhook, self)

    def counts(self) -> dict[str, dict[tuple[str, ...], float]]:
        """What the store counts for all processes, and this one's own requests. Of a store in doubt there is only that to be told."""
        verdicts = self.webhook.counts if isinstance(self.webhook, Webhook) else {}
        return {
            **self._stored(),
            "slipway_store_in_doubt": {(): float(self._store() is not None)},
            "slipway_webhook_requests": {(name,): float(number) for name, number in verdicts.items()},
        }

    def _stored(self) -> dict[str, dict[tuple[str, ...], float]]:
        try:
            self.outside.tell_calls()
            return self.ground.reading.counts()
        except StoreInDoubt:
            return {}

    def set_up(self, token: str) -> Starlette:
        """The web application of an installation that has nothing to work for yet. `token` is the one the terminal shows."""
        settings, clock = self.ground.settings, self.ground.clock
        entrance = Entrance(clock, api_url=settings.github_api_url, web_url=settings.github_url)
        registration = Registration(token, entrance, settings.data_dir, clock.monotonic)
        return door.application(registration, settings.github_url, settings.public_url, self.parts)

    def _github(self) -> GitHubSignIn | None:
        """Signing in with GitHub: with a client of an App, and where GitHub knows to lead people back to."""
        settings = self.ground.settings
        if not (settings.github_client_id and settings.github_client_secret and settings.public_url):
            return None
        entrance = Entrance(self.ground.clock, api_url=settings.github_api_url, web_url=settings.github_url)
        secret = settings.github_client_secret.get_secret_value()
        return GitHubSignIn(entrance, settings.github_client_id, secret, settings.github_url, settings.public_url)

    def _knowledge(self) -> Knowledge:
        """Nothing known yet."""
        ground, outside = self.ground, self.outside
        facts = Facts(admitted=outside.admitted)
        return Knowledge(outside.forge, outside.catalogue, ground.runs, SqlFinding(ground.engine), SqlAsked(ground.engine), facts)

    def _store(self) -> str | None:
        try:
            self.ground.reading.ping()
        except StoreInDoubt as doubt:
            return str(doubt)
        return self._pulse.trouble()

    def _redis(self) -> str | None:
        try:
            self.ground.bell.ping()
        except (RedisError, RedisUnavailable) as error:
            return f"Redis does not answer ({type(error).__name__}): work goes on, later, by the keeper's rounds."
        return None

    def _agents(self) -> str | None:
        try:
            return unwell(SqlProbes(self.ground.engine).listing())
        except StoreInDoubt as doubt:
            return str(doubt)

    def _outputs(self) -> str | None:
        """A warning: a disk that is full puts the store in doubt, and that is what makes the service not ready."""
        try:
            return crowded(SqlRooms(self.ground.engine).listing())
        except StoreInDoubt as doubt:
            return str(doubt)

    def _receivers(self) -> str | None:
        try:
            closed = self.ground.reading.health()["closed_receivers"]
        except StoreInDoubt as doubt:
            return str(doubt)
        if not closed:
            return None
        told = f"{len(closed)} receiver{'s' if len(closed) > 1 else ''} of callbacks switched off after failing for days"
        return f"{told}: `slipway callbacks list --state dead` says which; mend each, then replay one of its callbacks."

    def _seen(self, role: str) -> str | None:
        try:
            health = self.ground.reading.health()
        except StoreInDoubt as doubt:
            return str(doubt)
        alive = [one for one in health["workers"] if one["role"] == role and one["seen_at"] > health["now"] - SILENT_S]
        return None if alive else f"No {role} was seen in the last minute: start one with `slipway up` or `slipway {role}`."
