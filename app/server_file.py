"""The server file (`SLIPWAY_CONFIG`, TOML): what the operator decides for every repository. Unknown keys are errors."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from infra.sandbox.unconfined import WARNING
from jobs.budget import Budgets
from jobs.policy import Floors, Permission, Policy
from jobs.rules import CallbackRule, Rule
from jobs.units import Seconds, octets

MOST_BYTES = 1024**2
ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


class ServerFileInvalid(ValueError):
    """The server file cannot be used; `problems` names every mistake in it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


Count = Annotated[int, Field(ge=1, le=10_000)]


class Pools(Rule):
    """How much runs at the same time: `workers` take runs, `test` those of tests and `short` everything else, on this machine.

    The others are limits of the whole installation.
    """

    workers: Annotated[int, Field(ge=0, le=256)] = 2
    short: Annotated[int, Field(ge=0, le=64)] = 2
    test: Annotated[int, Field(ge=0, le=64)] = 0
    per_repository: Count = 2
    per_installation: Count = 8
    total: Count = 32


Team = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+/[A-Za-z0-9_.-]+$")]


class Admission(Rule):
    """Who is listened to. Empty lists of repositories, users and teams mean: whoever GitHub says has the right.

    Users are logins or numeric ids; teams, written `organisation/slug`, count in that organisation's repositories and need the permission
    `members: read`; bots are numeric ids, and each counts as having `bot_role`, for GitHub gives Apps no role.
    """

    repositories: tuple[str, ...] = ()
    users: tuple[int | str, ...] = ()
    teams: tuple[Team, ...] = ()
    bots: tuple[int, ...] = ()
    bot_role: Permission = "write"
    actor_per_hour: Count = 30
    item_per_hour: Count = 10


class KeptOut(Rule):
    """Who is not listened to, and not answered either; written as in `allow`, and stronger than it."""

    repositories: tuple[str, ...] = ()
    users: tuple[int | str, ...] = ()
    teams: tuple[Team, ...] = ()


def _absolute(value: Path) -> Path:
    if not value.is_absolute():
        raise ValueError("write the whole path, beginning with /")
    return value


WholePath = Annotated[Path, AfterValidator(_absolute)]


class LocalRepository(Rule):
    """A repository of this machine's file system, with no GitHub behind it. `trusted` are the logins who may ask; `*` is everybody."""

    id: Annotated[int, Field(ge=1)]
    full_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$")]
    path: WholePath
    default_branch: str = "main"
    deliver: Literal["local"] = "local"
    to: WholePath | None = None
    trusted: tuple[str, ...] = ()


class Commits(Rule):
    """In whose name the service commits. For the App: `my-app[bot]` and `<its user id>+my-app[bot]@users.noreply.github.com`."""

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^<>\x00-\x1f\x7f]+$")] = "slipway"
    email: Annotated[str, Field(max_length=200, pattern=r"^[^<>\s@]+@[^<>\s@]+$")] = "slipway@noreply.invalid"


class Backup(Rule):
    """How often the store is copied to `directory` (default: `backups` in the data directory), and how many copies stay."""

    every: Seconds | None = None
    keep: Annotated[int, Field(ge=1, le=1000)] = 7
    directory: WholePath | None = None


class GitLimits(Rule):
    """How long one call of git may take: a fetch, a push, and any other. `limits.wall` of a run ends them sooner."""

    fetch: Seconds = 900
    push: Seconds = 300
    other: Seconds = 120


class Retention(Rule):
    """For how many days after it was last read a final run, and a finished webhook or callback, is kept.

    `disk` is what outputs of runs may take on one machine: from four fifths of it on the keeper warns, and over it those that nobody has
    read for longest go first.
    """

    runs: Count = 30
    inbox: Count = 30
    callbacks: Count = 30
    disk: Annotated[int, BeforeValidator(octets), Field(gt=0)] = 50 * 1000**3


def _cron(value: str) -> str:
    if len(value.split()) != 5:
        raise ValueError("write five fields: minute, hour, day of the month, month, day of the week, like '30 2 * * 1-5'")
    try:
        CronSim(value, ANY_TIME)
    except CronSimError as error:
        raise ValueError(f"{error}: see 'man 5 crontab' for what each of the five fields may hold") from error
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("not a time zone: write one like UTC or Europe/Vienna") from error
    return value


class Schedule(Rule):
    """A run that is asked for by the clock: `cron` has five fields, in `zone`. What was missed is made up for once, or not at all.

    Nobody waits for it at a screen: its `priority` is below that of what people ask for (0), unless it is told otherwise.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    cron: Annotated[str, AfterValidator(_cron)]
    repository: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$")]
    title: str
    body: str = ""
    flow: str = "implement"
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    missed: Literal["run_once", "skip"] = "run_once"
    priority: Annotated[int, Field(ge=-10, le=10)] = -1


def _no_duplicates(value: tuple[LocalRepository, ...]) -> tuple[LocalRepository, ...]:
    for what in ("id", "full_name"):
        if len({getattr(one, what) for one in value}) != len(value):
            raise ValueError(f"two repositories have the same {what}")
    return value


def _named_apart(value: tuple[Schedule, ...]) -> tuple[Schedule, ...]:
    if len({one.name for one in value}) != len(value):
        raise ValueError("two schedules have the same name")
    return value


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Traces(Rule):
    """Where a trace of each run goes once it has ended: a collector that speaks OTLP over HTTP, like `http://127.0.0.1:4318`."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s@]+$")] | None = None


class ServerFile(Rule):
    """The whole file. `settings` may hold what the environment holds, by its name without `SLIPWAY_`, in small letters; never a secret."""

    settings: dict[str, Annotated[str, BeforeValidator(_text)]] = Field(default_factory=dict)
    limits: Pools = Pools()
    budget: Budgets = Budgets()
    allow: Admission = Admission()
    block: KeptOut = KeptOut()
    sandbox: Literal["bubblewrap", "none"] = "bubblewrap"
    defaults: dict[str, Any] = Field(default_factory=dict)
    floors: Floors = Floors()
    allow_keys: tuple[str, ...] | None = None
    callbacks: tuple[CallbackRule, ...] = ()
    commits: Commits = Commits()
    git: GitLimits = GitLimits()
    backup: Backup = Backup()
    retention: Retention = Retention()
    traces: Traces = Traces()
    repository: Annotated[tuple[LocalRepository, ...], AfterValidator(_no_duplicates)] = ()
    schedule: Annotated[tuple[Schedule, ...], AfterValidator(_named_apart)] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an operator should be told at each start."""
        return (f'sandbox = "none" in the server file: {WARNING}',) if self.sandbox == "none" else ()

    @property
    def policy(self) -> Policy:
        """What the operator says about every repository's rules."""
        return Policy(self.defaults, self.budget.within(self.floors), self.allow_keys)


def read(path: Path) -> ServerFile:
    """The server file. Raises ServerFileInvalid with every mistake."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ServerFileInvalid([f"SLIPWAY_CONFIG: {path} cannot be read ({error.strerror}): correct the path or unset it"]) from error
    if len(data) > MOST_BYTES:
        raise ServerFileInvalid([f"{path}: larger than {MOST_BYTES} bytes; this is not a server file"])
    try:
        parsed = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise ServerFileInvalid([f"{path}: not readable as TOML: {error}"]) from error
    return _checked(path, parsed)


def _checked(path: Path, data: dict[str, Any]) -> ServerFile:
    try:
        file = ServerFile.model_validate(data)
    except ValidationError as error:
        raise ServerFileInvalid([f"{path}: {_mistake(one)}" for one in error.errors(include_url=False, include_input=False)]) from error
    mistakes = file.policy.mistakes()
    if mistakes:
        raise ServerFileInvalid([f"{path}: {mistake}" for mistake in mistakes])
    return file


def _mistake(detail: Any) -> str:
    text = {"extra_forbidden": "unknown key", "missing": "a value is needed here"}.get(detail["type"], detail["msg"])
    return f"{'.'.join(map(str, detail['loc']))}: {text.removeprefix('Value error, ')}"
