"""git over HTTP: token checked, then handed to the real `git http-backend`; a push moves pull requests and sends webhooks."""

import re
from dataclasses import dataclass

from tests.fakes.github import events, gitside
from tests.fakes.github.answers import pulls
from tests.fakes.github.gate import Asked, Reply
from tests.fakes.github.hub import Hub
from tests.fakes.github.state import Entry, Issue, Repository, User
from tests.fakes.github.tokens import Caller, Deny

PATH = re.compile(r"/(?P<owner>[^/]+)/(?P<repo>[^/]+?)(?:\.git)?/(?P<service>info/refs|git-upload-pack|git-receive-pack)\Z")
LOGIN = {"www-authenticate": 'Basic realm="GitHub"'}


@dataclass
class SmartGit:
    """Answers git's own requests."""

    hub: Hub

    def matches(self, path: str) -> bool:
        """Whether the path is git's and not the API's."""
        return PATH.match(path) is not None

    def handle(self, asked: Asked) -> Reply:
        """One request of a fetch or push. In the ledger its method is GIT."""
        match = PATH.match(asked.path)
        assert match
        service = asked.query.get("service", match["service"])
        template = f"/{{owner}}/{{repo}}.git/{service}"
        with self.hub.lock:
            trouble = self.hub.faults.strike("GIT" if match["service"] != "info/refs" else "GIT-REFS", template)
            if trouble and not trouble.after:
                self._write(asked, template, Caller(), None, trouble.status, trouble.kind)
                return Reply(trouble.status, dict(trouble.headers), trouble.message.encode(), trouble)
            reply = self._answer(asked, match, template, writes=service == "git-receive-pack")
        return Reply(trouble.status, {}, trouble.message.encode(), trouble) if trouble else reply

    def _answer(self, asked: Asked, match: re.Match[str], template: str, *, writes: bool) -> Reply:
        caller, repo = Caller(), None
        try:
            caller = self._caller(asked)
            repo = self._repository(asked, match, caller)
            self._permit(caller, repo, writes=writes)
            reply = self._backend(asked, repo, match["service"], caller)
        except Deny as deny:
            reply = Reply(deny.status, {"content-type": "text/plain", **deny.headers}, str(deny).encode())
        self._write(asked, template, caller, repo, reply.status, "")
        return reply

    def _caller(self, asked: Asked) -> Caller:
        authorization = asked.headers.get("authorization")
        if not authorization:
            return Caller()
        try:
            return self.hub.tokens.caller(gitside.password(authorization) or "", self.hub.now())
        except Deny:
            raise Deny(401, "Invalid username or token.", headers=LOGIN) from None

    def _repository(self, asked: Asked, match: re.Match[str], caller: Caller) -> Repository:
        full_name = f"{match['owner']}/{match['repo']}"
        repo = self.hub.named(full_name)
        if repo is None and (moved := self.hub.old_names.get(full_name.lower())):
            now = self.hub.repositories[moved].full_name
            query = f"?service={asked.query['service']}" if "service" in asked.query else ""
            raise Deny(301, "Moved", headers={"location": f"{self.hub.shapes.web}/{now}.git/{match['service']}{query}"})
        reached = repo and caller.token and repo.id in caller.token.repositories and repo.id in caller.token.installation.repositories
        if repo is None or (repo.private and not reached):
            raise Deny(404, "Repository not found.") if caller.token else Deny(401, "Authentication required", headers=LOGIN)
        return repo

    def _permit(self, caller: Caller, repo: Repository, *, writes: bool) -> None:
        if caller.token and caller.token.installation.suspended:
            raise Deny(403, "This installation has been suspended")
        if not writes:
            if repo.private and not caller.may("contents:read"):
                raise Deny(403, "Write access to repository not granted.")
            return
        if caller.token is None:
            raise Deny(401, "Authentication required", headers=LOGIN)
        if repo.archived:
            raise Deny(403, "This repository was archived so it is read-only.")
        if not caller.may("contents:write") or repo.id not in caller.token.repositories:
            raise Deny(403, f"Permission to {repo.full_name}.git denied to {self.hub.app.bot.login}.")

    def _backend(self, asked: Asked, repo: Repository, service: str, caller: Caller) -> Reply:
        before = gitside.refs(repo.path)
        query = "&".join(f"{key}={value}" for key, value in asked.query.items())
        status, headers, body = gitside.backend(
            repo.path,
            service,
            method=asked.method,
            query=query,
            headers=asked.headers,
            body=asked.body,
            workflows=caller.may("workflows:write"),
        )
        moved(self.hub, repo, before, self.hub.app.bot, later=True)
        return Reply(status, headers, body)

    def _write(self, asked: Asked, template: str, caller: Caller, repo: Repository | None, status: int, fault: str) -> None:
        number = repo.id if repo else None
        self.hub.ledger.append(Entry("GIT", template, asked.path, asked.query, caller.name, number, None, self.hub.now(), status, fault))


def moved(hub: Hub, repo: Repository, before: dict[str, str], sender: User, *, later: bool, deliver: bool = True) -> None:
    """Send what a changed branch means: a `push`, and `pull_request.synchronize` for each open one with that head."""
    after = gitside.refs(repo.path)
    for ref in sorted(before.keys() | after.keys()):
        old, new = before.get(ref, gitside.ZERO), after.get(ref, gitside.ZERO)
        if old == new or not ref.startswith("refs/heads/"):
            continue
        told = [("push", events.push(hub, repo, ref, old, new, sender))]
        branch = ref.removeprefix("refs/heads/")
        told += _synchronized(hub, repo, branch, old, new, sender) if new != gitside.ZERO else _closed(hub, repo, branch, old, sender)
        for event, payload in told:
            if event not in hub.app.events:
                continue
            delivery = hub.hooks.record(hub.id(), event, payload, hub.now())
            if deliver:
                hub.hooks.send_later(delivery) if later else hub.hooks.send(delivery)


Told = list[tuple[str, dict[str, object]]]


def _synchronized(hub: Hub, repo: Repository, branch: str, old: str, new: str, sender: User) -> Told:
    told = []
    for target, item in _open(hub, repo, branch):
        pulls.keep_ref(hub, target, item)
        told.append(("pull_request", events.pull_request(hub, target, item, "synchronize", sender, before=old, after=new)))
    return told


def _closed(hub: Hub, repo: Repository, branch: str, old: str, sender: User) -> Told:
    """GitHub closes a pull request whose branch is gone."""
    told = []
    for target, item in _open(hub, repo, branch):
        pulls.close(hub, item, sender)
        if item.pull:
            item.pull.frozen_sha = old
        told.append(("pull_request", events.pull_request(hub, target, item, "closed", sender)))
    return told


def _open(hub: Hub, repo: Repository, branch: str) -> list[tuple[Repository, Issue]]:
    return [
        (target, item)
        for target in hub.repositories.values()
        for item in target.items.values()
        if item.pull and item.state == "open" and (item.pull.head_repository, item.pull.head_ref) == (repo.id, branch)
    ]
