"""`slipway demo`: the main job on this machine, with nothing configured, and proof of every part of it."""

import base64
import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from app.cli.options import json_option
from app.cli.screen import as_json, say, styled
from app.demo import story
from app.demo.receiver import Received, Receiver
from app.demo.sample import NUMBER, TITLE, Sample
from app.demo.service import Service, free_port
from infra.clock import SystemClock
from infra.git import Git, Place
from infra.sandbox import Bubblewrap
from jobs.errors import Fault, UserError

PATIENCE_S = 90.0
FINAL = {"run.succeeded", "run.failed", "run.cancelled", "run.rejected"}
PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of it, part by part."""

    run: Mapping[str, Any]
    callback: Received | None
    branch: str
    record: bool
    sandboxed: bool

    def missing(self) -> Iterator[str]:
        """What should have been seen and was not."""
        if self.run.get("state") != "succeeded":
            reason = self.run.get("reason") or {}
            yield f"the run is {self.run.get('state', 'not there')}: {reason.get('text', 'it did not end in time')}"
        if not self.branch:
            yield "the branch did not arrive in the repository it was delivered to"
        if not self.record:
            yield "the record of the run did not arrive beside the branch"
        if self.callback is None:
            yield "no callback with a right signature told of the end"


@click.command()
@json_option
@click.option("--keep", is_flag=True, help="Keep the directory with everything in it.")
@click.option("--open", "open_", is_flag=True, help="Leave the service up with its dashboard, until Ctrl-C.")
def demo(*, json_: bool, keep: bool, open_: bool) -> None:
    """See the whole story on this machine: a label becomes a verified change, delivered and told of."""
    root = Path(tempfile.mkdtemp(prefix="slipway-demo-"))
    try:
        seen = _demonstrated(Sample(root), _Teller(quiet=json_), open_=open_)
    finally:
        if not (keep or open_):
            shutil.rmtree(root, ignore_errors=True)
    _report(seen, Sample(root), json_=json_, kept=keep or open_)


def _demonstrated(sample: Sample, teller: "_Teller", *, open_: bool) -> Seen:
    git = Git(sample.root / "git")
    webhook_secret = secrets.token_hex(32)
    callback_secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    sandboxed = _sandbox_works(sample.root)
    with Receiver(callback_secret) as receiver:
        sample.make(git, receiver.url, sandboxed=sandboxed)
        teller.scene(sample, sandboxed=sandboxed)
        port = free_port()
        env = _env(sample, port, webhook_secret, callback_secret, receiver.address)
        service = Service(env, port, sample.root / "service.log")
        with service:
            teller.line("", f"the service is up on {service.url}, with its own Redis and SQLite")
            answer = service.deliver("issues", secrets.token_hex(16), sample.payload(), webhook_secret)
            if answer != 202:
                raise UserError(f"The service answered the webhook with {answer} instead of 202. Its log: {service.log}")
            teller.line("", f"posted a signed `issues.labeled` webhook for issue #{NUMBER}: 202")
            run_id = service.first_run(PATIENCE_S)
            for event in service.follow(run_id, PATIENCE_S) if run_id else ():
                teller.event(event)
            callback = _final(receiver, PATIENCE_S / 3) if run_id else None
            run = service.get(f"/api/v1/runs/{run_id}") or {} if run_id else {}
            seen = Seen(run, callback, *_arrived(git, sample, run), sandboxed)
            if open_:
                _stay_open(service)
    return seen


def _env(sample: Sample, port: int, webhook_secret: str, callback_secret: str, receiver: str) -> dict[str, str]:
    """The whole environment of the service: nothing of this process's own gets in."""
    return {
        "PATH": PATH,
        "HOME": str(sample.root),
        "SLIPWAY_DATA_DIR": str(sample.data),
        "SLIPWAY_CONFIG": str(sample.server_file),
        "SLIPWAY_BIND": f"127.0.0.1:{port}",
        "SLIPWAY_WEBHOOK_SECRETS": webhook_secret,
        "SLIPWAY_CALLBACK_SECRETS": callback_secret,
        "SLIPWAY_CALLBACK_ALLOW_HOSTS": receiver,
        "SLIPWAY_LOG_FORMAT": "json",
    }


def _sandbox_works(root: Path) -> bool:
    try:
        Bubblewrap(root).probe()
    except Fault:
        return False
    return True


def _final(receiver: Receiver, patience_s: float) -> Received | None:
    """The callback that told of the end."""
    clock = SystemClock()
    until = clock.monotonic() + patience_s
    while clock.monotonic() < until:
        told = [one for one in receiver.received if one.type in FINAL]
        if told:
            return told[0]
        clock.sleep(0.1)
    return None


def _arrived(git: Git, sample: Sample, run: Mapping[str, Any]) -> tuple[str, bool]:
    """The branch and the record, as the repository that was delivered to has them."""
    delivery, place = run.get("delivery") or {}, Place(sample.delivered)
    branch, sha = str(delivery.get("branch", "")), str(delivery.get("sha", ""))
    there = git.run("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", at=place).stdout.text.strip()
    record = git.run("rev-parse", "--verify", "--quiet", f"refs/slipway/{run.get('id')}", at=place)
    return branch if sha and there == sha else "", record.ok


def _stay_open(service: Service) -> None:
    say(styled(f"\nThe dashboard is at {service.url}/ (Ctrl-C ends it)", "head"))
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            SystemClock().sleep(3600)


def _report(seen: Seen, sample: Sample, *, json_: bool, kept: bool) -> None:
    missing = list(seen.missing())
    if json_:
        callback = (
            {"id": seen.callback.id, "type": seen.callback.type, "verified": True, "body": seen.callback.body} if seen.callback else None
        )
        paths = {"root": str(sample.root), "repository": str(sample.source), "delivered": str(sample.delivered), "data": str(sample.data),
                 "kept": kept}  # fmt: skip
        as_json({"run": dict(seen.run), "callback": callback, "paths": paths, "sandboxed": seen.sandboxed, "missing": missing})
    elif not missing:
        _tell_success(seen, sample, kept=kept)
    if missing:
        raise UserError("The demo did not see everything it should have:\n" + "\n".join(f"- {one}" for one in missing))


def _tell_success(seen: Seen, sample: Sample, *, kept: bool) -> None:
    say(styled(f"\n✓ {TITLE}: verified, delivered and told of", "good"))
    say(f"  branch    {seen.branch}")
    say(f"  record    refs/slipway/{seen.run['id']}")
    say(f"  callback  {seen.callback.type if seen.callback else ''}, signature verified")
    if kept:
        say(f"  look at   git -C {sample.delivered} log -p {seen.branch}")
        say(f"            SLIPWAY_DATA_DIR={sample.data} slipway show {seen.run['id']}")
    else:
        say(styled("  everything was removed again; 'slipway demo --keep' leaves it for a look, '--open' the dashboard", "dim"))


@dataclass(frozen=True, slots=True)
class _Teller:
    """Prints the story, unless it is to be quiet."""

    quiet: bool

    def scene(self, sample: Sample, *, sandboxed: bool) -> None:
        """What there is before anything happens."""
        self.line("head", f"Issue #{NUMBER}: {TITLE}")
        self.line("dim", f"a sample repository in {sample.source}")
        if not sandboxed:
            self.line("warn", "this host has no working sandbox: the demo's own agent runs without one ('slipway doctor' says why)")

    def event(self, event: Mapping[str, Any]) -> None:
        """What happened."""
        for style, text in story.lines(event):
            self.line(style, text)

    def line(self, style: str, text: str) -> None:
        """One line."""
        if not self.quiet:
            say(styled("• " if style not in ("head", "dim") else "  " if style == "dim" else "", style), styled(text, style))
