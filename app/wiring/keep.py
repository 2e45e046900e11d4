"""What the keeper needs: its duties, over the store, the bell, the disk and GitHub."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.catalogue import Catalogue
from app.catching_up import MissedDeliveries, UntoldRequests
from app.ci import EVERY_S
from app.doubles import Doubles
from app.housekeeping import Backups, Leftovers, Mirrors, kept_in
from app.keeper import DAY_S, Duty, Keeper, Rounds, standing
from app.probing import LookAtAgents
from app.schedules import Schedules
from app.tracing import TellTraces
from app.version import VERSION
from app.wiring.ground import Ground
from app.wiring.outside import Outside
from app.wiring.work import Workshop
from infra.agents.probing import AgentProbes
from infra.artifact_room import Room
from infra.github.app import GitHubApp
from infra.github.survey import GitHubSurvey
from infra.otlp import Collector
from infra.store.activity import SqlActivity
from infra.store.announcements import SqlAnnouncements
from infra.store.asked import SqlAsked
from infra.store.ended import SqlEnded
from infra.store.keeping import SqlTicks, SqlWorkers
from infra.store.measuring import SqlTallies
from infra.store.probes import SqlProbes
from infra.store.repositories import SqlRepositories
from infra.store.safekeeping import backup
from infra.store.totals import SqlTotals
from jobs.model import Repository
from jobs.rules import Rules

PROBE_S = 300
ROOM_S = 600


@dataclass(frozen=True, slots=True)
class Installed:
    """The repositories that the App is installed on, with their rules."""

    app: GitHubApp
    catalogue: Catalogue

    def repositories(self) -> Sequence[Repository]:
        """Those of every installation that is not suspended."""
        active = (one for one in self.app.installations() if not one.suspended)
        return [repository for one in active for repository in self.app.repositories(one.id)]

    def rules(self, repository: Repository) -> Rules:
        """See `Catalogue.rules`."""
        return self.catalogue.rules(repository)


def rounds(ground: Ground) -> Rounds:
    """What the standing duties look at."""
    engine = ground.engine
    return Rounds(ground.inbox, ground.ledger, SqlAnnouncements(engine), SqlWorkers(engine), SqlTicks(engine), ground.bell)


def duties(ground: Ground) -> tuple[Duty, ...]:
    """Every duty of this installation."""
    shop = Workshop(ground)
    catching_up, planned = _catching_up(ground, shop.outside), _planned(ground, shop.outside)
    waiting = (Duty("look at the checks of what was delivered", EVERY_S, shop.ci.rounds),) if shop.ci else ()
    return (
        *standing(rounds(ground)),
        *_tidying(ground, shop),
        *_saving(ground),
        *catching_up,
        *planned,
        *waiting,
        *_telling(ground),
        *converging(ground, shop.outside),
    )


def _tidying(ground: Ground, shop: Workshop) -> tuple[Duty, ...]:
    kept = ground.settings.server.retention
    return (
        Duty("remove leftovers", 300, Leftovers(shop.workspaces, ground.ledger), each_host=True),
        Duty("look after mirrors", DAY_S, Mirrors(shop.workspaces, SqlRepositories(ground.engine), kept.runs * DAY_S), each_host=True),
        Duty("forget unread outputs", 3600, lambda: ground.artifacts.sweep(kept.runs * DAY_S), each_host=True),
        Duty("empty old webhooks", 3600, lambda: ground.inbox.compact(kept.inbox * DAY_S)),
        Duty("count what happened", 10, SqlTallies(ground.engine).follow),
        Duty("count what is over", 10, SqlTotals(ground.engine).follow),
        Duty("count calls to GitHub", 10, shop.outside.tell_calls, each_host=True),
        Duty("forget old askings", 3600, lambda: SqlAsked(ground.engine).forget(kept.inbox * DAY_S)),
        Duty("forget what agents were doing", 3600, lambda: SqlActivity(ground.engine).forget()),
        Duty("empty old callbacks", 3600, lambda: ground.outbox.compact(kept.callbacks * DAY_S)),
    )


def _saving(ground: Ground) -> tuple[Duty, ...]:
    told = ground.settings.server.backup
    if told.every is None:
        return ()
    directory = kept_in(told, ground.settings.data_dir)
    return (Duty("back up", told.every, Backups(directory, told.keep, ground.clock, lambda file: backup(ground.engine, file))),)


def _telling(ground: Ground) -> tuple[Duty, ...]:
    url = ground.settings.server.traces.url
    if url is None:
        return ()
    ended = SqlEnded(ground.engine, "traced until")
    return (Duty("tell of traces", 10, TellTraces(ended, ground.reading, Collector(url, VERSION))),)


def _catching_up(ground: Ground, outside: Outside) -> tuple[Duty, ...]:
    if outside.app is None or outside.github is None:
        return ()
    missed = MissedDeliveries(outside.app, ground.inbox, ground.clock)
    reach, survey = Installed(outside.app, outside.catalogue), GitHubSurvey(outside.github)
    untold = UntoldRequests(outside.app.id, reach, survey, ground.inbox, ground.clock)
    return (Duty("ask for missed webhooks", 300, missed), Duty("look for untold requests", 3600, untold))


def converging(ground: Ground, outside: Outside) -> tuple[Duty, ...]:
    """What makes one of what two processes did."""
    if outside.strays is None:
        return ()
    return (
        Duty("take back what stands twice", 30, Doubles(ground.effects, ground.ledger, outside.strays, ground.marker_key, ground.clock)),
    )


def _planned(ground: Ground, outside: Outside) -> tuple[Duty, ...]:
    told = ground.settings.server.schedule
    schedules = Schedules(told, SqlTicks(ground.engine), ground.runs, outside.catalogue, ground.bell, ground.clock)
    return (Duty("look at the schedules", 20, schedules),) if told else ()


def keeper(ground: Ground, *, name: str, host: str) -> Keeper:
    """A keeper of that name on that host."""
    probes = AgentProbes(Workshop(ground).sandbox, ground.settings.path)
    look = LookAtAgents(probes, SqlProbes(ground.engine), host)
    room = Room(ground.engine, ground.artifacts, ground.artifact_folder, ground.settings.server.retention.disk, host)
    here = (
        Duty("look at the agents", PROBE_S, look, each_host=True),
        Duty("keep outputs within their room", ROOM_S, room, each_host=True),
    )
    mine = (*duties(ground), *here)
    return Keeper(SqlTicks(ground.engine), mine, ground.clock, name=name, host=host)
