"""The only git. Closed to everything outside: no configuration but ours, no prompt, helper or hook, one transport at a time."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from infra import process
from infra.process import Bounds, Captured, Command
from infra.redact import Redactor
from jobs.errors import Fault, Refused
from jobs.evidence import Ended
from jobs.model import Repository

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
REF = re.compile(
    r"refs/(?:heads|tags|pull|slipway|base|pins|kept)/(?!.*(?:\.\.|@\{|//|\.lock(?:/|$)|/\.|[/.]$))[^\x00-\x20\x7f~^:?*\[\\./-][^\x00-\x20\x7f~^:?*\[\\]*"
)
"""Fewer names than `git check-ref-format` lets pass."""
PATH = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin"

CLOSED: Mapping[str, str] = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.untrackedCache": "false",
    "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null",
    "core.autocrlf": "false",
    "core.fileMode": "true",
    "core.symlinks": "true",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "core.fsyncMethod": "batch",
    "core.quotePath": "false",
    "credential.helper": "",
    "diff.ignoreSubmodules": "all",
    "diff.renames": "false",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "push.recurseSubmodules": "no",
    "push.gpgSign": "false",
    "commit.gpgSign": "false",
    "transfer.fsckObjects": "true",
    "fetch.fsckObjects": "true",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
}
"""Set on every call, above any file. Programs on the other side of a local transport do not see it."""


HELPER = """!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' "$SLIPWAY_GIT_USER" "$SLIPWAY_GIT_PASSWORD"; }; f"""


@dataclass(frozen=True, slots=True)
class Credential:
    """What a remote is shown. Never part of a URL or of a command line, and of no text."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a repository is: an https URL, or an absolute path of this machine."""

    url: str
    credential: Credential | None = None

    @property
    def local(self) -> bool:
        """Whether it is a path."""
        return self.url.startswith("/")


class Sources(Protocol):
    """Knows where repositories are, and the credential of the moment."""

    def source(self, repository: Repository, *, write: bool = False) -> Source:
        """Where to fetch from, or with `write` push to. Raises Fault (`github_auth`, `repository_gone`, …)."""
        ...

    def tip(self, repository: Repository, branch: str) -> str | None:
        """The commit a branch stands at now; None where only a fetch can tell. Raises Fault."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """What git works on: a git directory of ours, never one an agent could write; perhaps an index and a work tree."""

    git_dir: Path
    index: Path | None = None
    work_tree: Path | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """What a call reads and what it is told beside its arguments."""

    text: bytes = b""
    file: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)


NOTHING = Input()


@dataclass(frozen=True, slots=True)
class Patience:
    """For how many seconds a call of git is waited for, before its whole group of processes is ended."""

    fetch_s: float = 900.0
    push_s: float = 300.0
    other_s: float = 120.0


class Git:
    """Runs git. `home` is a directory of ours; plain http is for loopback and the hosts named in `plain_http` only."""

    def __init__(
        self, home: Path, *, plain_http: frozenset[str] = frozenset(), program: str = "git", patience: Patience | None = None
    ) -> None:
        self._home = home
        self._plain_http = LOOPBACK | plain_http
        self._program = program
        self.patience = patience or Patience()

    def probe(self) -> str:
        """The version. Raises Fault(`checkout_failed`) when there is no git."""
        return self.ask("version", at=None).strip()

    def run(
        self,
        *arguments: str,
        at: Place | None,
        given: Input = NOTHING,
        source: Source | None = None,
        timeout_s: float | None = None,
        output_bytes: int = 256 * 1000**2,
    ) -> Captured:
        """Run git to its end, whatever that is. `source` is the remote of a fetch or push: only its protocol is open.

        Raises Fault(`checkout_failed`) when git cannot be started or does not end in time, `disk_full` when there is no room.
        """
        env = {**self._environment(at, source), **given.env}
        cwd = at.work_tree or at.git_dir if at else self._made_home()
        command = Command((self._program, *arguments), env, cwd, given.text, given.file)
        try:
            captured = process.run(command, Bounds(timeout_s or self.patience.other_s, output_bytes=output_bytes))
        except OSError as error:
            raise Fault("checkout_failed", _not_started(error, cwd)) from error
        if captured.ok:
            return captured
        captured = without(source.credential if source else None, captured)
        if "No space left on device" in captured.stderr.text:
            raise Fault("disk_full", "There is no room left on the disk for git: free some.", evidence=captured.stderr.output().text)
        return captured

    def ask(self, *arguments: str, at: Place | None, given: Input = NOTHING, code: str = "checkout_failed") -> str:
        """Run git and return what it printed. Raises Fault(`code`) when it fails."""
        captured = self.run(*arguments, at=at, given=given)
        if not captured.ok:
            raise failure(f"`git {arguments[0]}` did not succeed", captured, code)
        return captured.stdout.text

    def checked_ref(self, name: str) -> str:
        """`name` if it is a full reference name that is safe to use. Raises Refused(`push_refused`)."""
        if not REF.fullmatch(name) or len(name.encode(errors="replace")) > 250:
            raise Refused("push_refused", f"{name!r} cannot be used as the name of a branch: rename it or change `delivery.branch`.")
        return name

    def _made_home(self) -> Path:
        self._home.mkdir(parents=True, exist_ok=True)
        return self._home

    def _environment(self, at: Place | None, source: Source | None) -> dict[str, str]:
        env = {
            "PATH": PATH,
            "HOME": "/nonexistent",
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_SSH_COMMAND": "false",
            "GIT_ALLOW_PROTOCOL": "none",
        }
        settings = dict(CLOSED)
        if source is not None:
            env |= self._opened(source) | _telling(source)
            settings |= _asking(source)
        if at is not None:
            env |= _placed(at)
        return env | _counted(settings)

    def _opened(self, source: Source) -> dict[str, str]:
        """The one protocol of `source`, opened. Raises Refused(`repository_unreachable`)."""
        if source.local:
            return {"GIT_ALLOW_PROTOCOL": "file", "GIT_CONFIG_GLOBAL": str(self._owning(source.url))}
        parts = urlsplit(source.url)
        allowed = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in self._plain_http)
        if not allowed or "@" in parts.netloc or not parts.hostname:
            raise Refused("repository_unreachable", "A repository has to be reached by an https URL without a name in it, or by a path.")
        return {"GIT_ALLOW_PROTOCOL": parts.scheme}

    def _owning(self, path: str) -> Path:
        """A configuration for the other side of a local transport: exactly this repository may belong to somebody else."""
        name = hashlib.sha256(path.encode()).hexdigest()[:16]
        file = self._made_home() / f"local-{name}.gitconfig"
        quoted = path.replace("\\", "\\\\").replace('"', '\\"')
        text = f'[safe]\n\tdirectory = "{quoted}"\n\tdirectory = "{quoted}/.git"\n[receive]\n\tfsckObjects = true\n[gc]\n\tauto = 0\n'
        if "\n" in path:
            raise Refused("repository_unreachable", "The path of a repository cannot have a line break in it.")
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
        return file


def without(credential: Credential | None, captured: Captured) -> Captured:
    """What a failed call printed, which becomes evidence, without the credential: a remote may repeat what it was shown."""
    if credential is None:
        return captured
    mask = Redactor((credential.password, f"{credential.user}:{credential.password}")).text
    return replace(captured, stdout=captured.stdout.masked(mask), stderr=captured.stderr.masked(mask))


def _not_started(error: OSError, cwd: Path) -> str:
    if str(error.filename) == str(cwd):
        return f"{cwd} cannot be entered ({error.strerror}): let the user that Slipway runs as read it."
    return f"git cannot be started ({error.strerror}): install git 2.39 or newer."


def failure(what: str, captured: Captured, code: str) -> Fault:
    """A git call that did not do what it should, as a fault with git's own words as evidence."""
    said = captured.stderr.output().text.strip()
    if captured.ended is Ended.TIMEOUT:
        what = f"{what}: it took too long"
    last = said.splitlines()[-1] if said else "it said nothing"
    return Fault(code, f"{what} ({last}).", evidence=said)


def sha_of(text: str) -> str:
    """`text` as the id of an object. Raises Fault(`checkout_failed`) for anything else."""
    if not SHA.fullmatch(text):
        raise Fault("checkout_failed", f"{text[:80]!r} is not the id of a commit.")
    return text


def _placed(at: Place) -> dict[str, str]:
    places = {"GIT_DIR": at.git_dir, "GIT_INDEX_FILE": at.index, "GIT_WORK_TREE": at.work_tree}
    return {name: str(path) for name, path in places.items() if path is not None}


def _asking(source: Source) -> dict[str, str]:
    """The settings by which git finds the credential when the remote's own host asks for it.

    Not as a header of our own: git sends those to whatever host it is redirected to. Redirects have to be followed on every
    request, because git forgets the new address of a renamed repository when it was asked for a password first.
    """
    if source.credential is None or source.local:
        return {}
    parts = urlsplit(source.url)
    return {f"credential.{parts.scheme}://{parts.netloc}.helper": HELPER, "http.followRedirects": "true"}


def _telling(source: Source) -> dict[str, str]:
    """What the helper tells."""
    if source.credential is None or source.local:
        return {}
    return {"SLIPWAY_GIT_USER": source.credential.user, "SLIPWAY_GIT_PASSWORD": source.credential.password}


def _counted(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings as the environment variables git reads them from."""
    env = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return env
