"""The checks of `slipway doctor`: one small function each, named in one table. A check changes nothing that lasts."""

import errno
import http.client
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import redis
from redis.exceptions import RedisError

from app.doctor_agents import agents_are_there, agents_stayed
from app.doctor_store import backups_are_made, disk_takes_files, store_opens
from app.examined import Check, Found, scratch
from app.settings import Settings, SettingsInvalid
from infra import redis_server
from infra.artifact_room import REMEDY, WARNED_AT, shown, taken
from infra.clock import SystemClock
from infra.github.app import GitHubApp
from infra.github.client import GitHub
from infra.github.lane import MemoryLane
from infra.github_auth import AppKey
from infra.process import Bounds, Command, run
from infra.redact import Redactor
from infra.sandbox import Bubblewrap
from infra.sandbox.attempts import ATTEMPTS, Attempt
from infra.signing import signer
from jobs.errors import Fault

OLDEST_GIT = (2, 34)
PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Checked:
    """A check by name and what it found."""

    name: str
    state: str
    text: str


def examine(load: Callable[[], Settings], checks: Mapping[str, Check] | None = None) -> tuple[Checked, ...]:
    """Every check, in order. With settings that cannot be used nothing else can be checked."""
    try:
        settings = load()
    except SettingsInvalid as error:
        return tuple(Checked("settings", "fail", problem) for problem in error.problems)
    chosen = CHECKS if checks is None else checks
    return tuple(_checked(name, check, settings) for name, check in chosen.items())


def healthy(found: tuple[Checked, ...]) -> bool:
    """Whether nothing failed."""
    return all(one.state != "fail" for one in found)


def as_json(found: tuple[Checked, ...]) -> dict[str, Any]:
    """The examination as JSON data."""
    return {"ok": healthy(found), "checks": [asdict(one) for one in found]}


def _checked(name: str, check: Check, settings: Settings) -> Checked:
    try:
        found = check(settings)
    except Fault as fault:
        evidence = f" It said: {fault.evidence.strip()[-400:]}" if fault.evidence.strip() else ""
        found = Found("fail", fault.reason.text + evidence)
    return Checked(name, found.state, found.text)


def settings_are_whole(settings: Settings) -> Found:
    """The settings say what the service is, and nothing that looks like one is ignored."""
    if settings.warnings:
        return Found("warn", "; ".join(settings.warnings))
    return Found("ok", f"complete; data directory {settings.data_dir}")


def redis_answers(settings: Settings) -> Found:
    """There is a Redis to ring with."""
    if settings.redis_url is None:
        return _embedded(settings)
    client = redis.Redis.from_url(settings.redis_url, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S)
    try:
        client.ping()
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "noeviction")
    except RedisError as error:
        return Found("fail", f"Redis does not answer ({type(error).__name__}). Check SLIPWAY_REDIS_URL and that the server runs.")
    finally:
        client.close()
    if policy != "noeviction":
        return Found("warn", f"maxmemory-policy is {policy}: set it to noeviction, or bells are lost and runs start late.")
    return Found("ok", "answers")


def _embedded(settings: Settings) -> Found:
    state = redis_server.answer(redis_server.place(settings.data_dir, settings.runtime_dir).socket)
    return Found("ok", "the embedded one; it runs" if state != "down" else "the embedded one; 'slipway up' starts it")


def git_is_new_enough(settings: Settings) -> Found:
    """There is a git that knows what we ask of it."""
    said = run(Command(("git", "--version"), {"PATH": settings.path, "LC_ALL": "C"}), Bounds(PATIENCE_S))
    words = said.stdout.output().text.split()
    version = words[2] if said.ok and len(words) > 2 else ""
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    oldest = ".".join(map(str, OLDEST_GIT))
    if not numbers:
        return Found("fail", f"No git was found. Install git {oldest} or newer.")
    if numbers < OLDEST_GIT:
        return Found("fail", f"git {version} is too old. Install {oldest} or newer.")
    return Found("ok", f"git {version}")


def sandbox_holds(settings: Settings) -> Found:
    """Untrusted programs can be locked in; proved by locking one in."""
    if settings.server.sandbox == "none":
        return Found("warn", "switched off in the server file: agents run with this user's rights. Only for repositories you trust.")
    with scratch(settings) as place:
        return Found("ok", Bubblewrap(place).probe())


def _attempted(attempt: Attempt) -> Check:
    """A check that a program inside cannot do something; proved by letting one try."""

    def check(settings: Settings) -> Found:
        if settings.server.sandbox == "none":
            return Found("warn", "not tried: the sandbox is switched off")
        with scratch(settings) as place:
            sandbox = Bubblewrap(place)
            try:
                sandbox.probe()
            except Fault:
                return Found("fail", "not tried: there is no sandbox to try it in, see above")
            through = attempt(sandbox, place)
        if through:
            return Found("fail", f"{through[0].upper()}{through[1:]}. Let no agent work on this machine, and tell us how it is made.")
        return Found("ok", "tried and prevented")

    return check


def outputs_have_room(settings: Settings) -> Found:
    """What is kept of runs takes no more of the disk than it may."""
    used, most = taken(settings.data_dir / "artifacts"), settings.server.retention.disk
    said = f"outputs of runs take {shown(used)} of {shown(most)} on this machine"
    if used > most * WARNED_AT:
        return Found("warn", f"{said}. {REMEDY}")
    return Found("ok", said)


def commits_are_signed(settings: Settings) -> Found:
    """The public half of the key that commits are signed with, for the account that is to be believed."""
    who = f"commits are by {settings.server.commits.name} <{settings.server.commits.email}>"
    if settings.signing_key is None:
        return Found("ok", f"{who}, not signed")
    public = signer(settings.signing_key.get_secret_value()).public
    return Found("ok", f"{who}; GitHub verifies them where an account has this signing key: {public}")


def callbacks_can_go_out(settings: Settings) -> Found:
    """Whether there is something to sign callbacks with."""
    secrets = len(settings.callback_secrets)
    if not secrets:
        return Found("ok", "no SLIPWAY_CALLBACK_SECRETS: whoever a repository or a request names as a receiver is told nothing")
    return Found("ok", f"signed with {secrets} secret{'s' if secrets > 1 else ''}; {len(settings.server.callbacks)} receivers of every run")


def github_knows_us(settings: Settings) -> Found:
    """GitHub accepts the App's key."""
    if settings.github_app_id is None or settings.github_private_key is None:
        return Found(
            "warn", "No GitHub App is configured: only local repositories can be worked on. 'slipway up' shows how to make one at /setup."
        )
    key, clock = AppKey(str(settings.github_app_id), settings.github_private_key.get_secret_value()), SystemClock()
    github = GitHub(key, MemoryLane(clock), clock, Redactor(settings.secrets), base_url=settings.github_api_url, timeout_s=PATIENCE_S)
    try:
        slug = GitHubApp(github, key.app_id).slug()
    finally:
        github.close()
    return Found("ok", f"the App {slug!r} at {settings.github_api_url}")


def address_is_free_or_ours(settings: Settings) -> Found:
    """The very address we are to listen on can be had, or we are there already."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
            return Found("ok", f"{settings.bind} is free")
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return Found("fail", f"{settings.bind} cannot be listened on ({error.strerror}). Change SLIPWAY_BIND.")
    if _is_slipway(settings.host, settings.port):
        return Found("ok", f"{settings.bind} is served by Slipway")
    return Found("fail", f"{settings.bind} is taken by another program. Stop it, or change SLIPWAY_BIND.")


def _is_slipway(host: str, port: int) -> bool:
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared with, not listened on
    connection = http.client.HTTPConnection(near, port, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/readyz")
        return b'"parts"' in connection.getresponse().read(10_000)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


CHECKS: Mapping[str, Check] = {
    "settings": settings_are_whole,
    "disk": disk_takes_files,
    "store": store_opens,
    "backup": backups_are_made,
    "redis": redis_answers,
    "git": git_is_new_enough,
    "sandbox": sandbox_holds,
    **{name: _attempted(attempt) for name, attempt in ATTEMPTS.items()},
    "agents": agents_are_there,
    "agent events": agents_stayed,
    "outputs": outputs_have_room,
    "address": address_is_free_or_ours,
    "github": github_knows_us,
    "commits": commits_are_signed,
    "callbacks": callbacks_can_go_out,
}
