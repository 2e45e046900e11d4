"""Between the wire and the answers: who calls, may they, is the route known, are they within their limits."""

import hashlib
import json
import re
import urllib.parse
import uuid
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from tests.fakes.github.calls import Answer, Call
from tests.fakes.github.faults import Trouble
from tests.fakes.github.hub import Hub
from tests.fakes.github.routes import ANY, APP, NOBODY, PERSON, ROUTES, Route
from tests.fakes.github.state import Entry, Repository
from tests.fakes.github.tokens import Caller, Deny, app_caller

LIMIT = 5000
WINDOW_S = 3600
VIOLATION = 599
PREFIX = "/api/v3"


@dataclass(frozen=True)
class Asked:
    """A request off the wire."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """An answer for the wire; `trouble` is what the edge does to it."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    trouble: Trouble | None = None


def pattern(template: str) -> re.Pattern[str]:
    """A template as an expression; `{path}` may hold slashes."""
    parts = re.split(r"\{(\w+)\}", template)
    text = "".join(f"(?P<{part}>{'.+' if part == 'path' else '[^/]+'})" if odd % 2 else re.escape(part) for odd, part in enumerate(parts))
    return re.compile(text + r"\Z")


TABLE = [(route, pattern(route.template)) for route in ROUTES]


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The row of a path, and its variables. `/repositories/{id}/…` is another way to say `/repos/{owner}/{repo}/…`."""
    by_id = re.match(r"/repositories/(\d+)(/.+)\Z", path)
    spelled = f"/repos/-/{by_id[1]}{by_id[2]}" if by_id else path
    for route, expression in TABLE:
        match = expression.match(spelled)
        if match and route.method == method:
            found = {key: urllib.parse.unquote(value) for key, value in match.groupdict().items()}
            return route, ({**found, "repository_id": by_id[1]} if by_id else found)
    return None


class Gate:
    """Answers API requests and keeps the ledger."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    def handle(self, asked: Asked) -> Reply:
        """One request, whole: fault script, answer, ledger."""
        with self.hub.lock:
            path = asked.path.removeprefix(PREFIX)
            found = find(asked.method, path)
            template = found[0].template if found else path
            trouble = self.hub.faults.strike(asked.method, template)
            if trouble and not trouble.after:
                self._hold(asked, trouble.hold_s)
                self._write(asked, template, None, None, trouble.status, trouble)
                return self._troubled(trouble, Reply(trouble.status))
            reply = self._answer(asked, path, found)
            return self._troubled(trouble, reply) if trouble else reply

    def _answer(self, asked: Asked, path: str, found: tuple[Route, dict[str, str]] | None) -> Reply:
        caller, repo, held = Caller(), None, False
        try:
            if not found:
                raise self._violation(f"{asked.method} {path} is not in the table of routes")
            caller = self._caller(asked, found[0])
            held = bool(caller.token) and self.hub.now() < caller.token.installation.held_until
            self._spend(caller)
            repo = self._repository(found[0], found[1], caller, asked)
            reply = self._reply(asked, self._call(asked, *found, caller, repo), caller)
        except Deny as deny:
            reply = self._dressed(deny.status, deny.body, deny.headers, caller)
        self._write(asked, found[0].template if found else path, caller, repo, reply.status, None, held=held)
        return reply

    def _violation(self, text: str) -> Deny:
        self.hub.violations.append(text)
        return Deny(VIOLATION, f"The fake GitHub does not do this: {text}")

    def _caller(self, asked: Asked, route: Route) -> Caller:
        """Raises Deny(401) for bad credentials, and 403 where a token stands in for a JWT or the other way round."""
        kind, _, text = asked.headers.get("authorization", "").partition(" ")
        now = self.hub.now()
        if route.needs == NOBODY:
            if text:
                raise self._violation(f"{asked.method} {route.template} with credentials it must not see")
            return Caller()
        if kind.lower() not in ("bearer", "token") or not text:
            raise Deny(401, "Requires authentication")
        if route.needs == PERSON:
            return self._person(text)
        if route.needs == APP:
            return app_caller(self.hub.app, text, now)
        if text.count(".") == 2 and not text.startswith("ghs_"):
            raise Deny(401, "Bad credentials")
        caller = self.hub.tokens.caller(text, now)
        if caller.token and caller.token.installation.suspended:
            raise Deny(403, "This installation has been suspended")
        return caller

    def _person(self, text: str) -> Caller:
        """Who signed in and got this token. Raises Deny(401)."""
        found = next((one for one in self.hub.sign_ins.values() if one.token == text), None)
        if not found:
            raise Deny(401, "Bad credentials")
        return Caller(person=found.user)

    def _hold(self, asked: Asked, seconds: float) -> None:
        """From now on the caller's installation has been told to wait."""
        token = self.hub.tokens.minted.get(asked.headers.get("authorization", "").partition(" ")[2])
        if token and seconds:
            token.installation.held_until = self.hub.now() + seconds

    def _spend(self, caller: Caller) -> None:
        """Count the call against the installation's limit. Raises Deny(403) when it is used up."""
        if not caller.token:
            return
        installation, now = caller.token.installation, self.hub.now()
        if now >= installation.reset_at:
            installation.remaining, installation.reset_at = LIMIT, now + WINDOW_S
        if installation.remaining <= 0:
            installation.held_until = installation.reset_at
            raise Deny(403, f"API rate limit exceeded for installation ID {installation.id}.")
        installation.remaining -= 1
        if not installation.remaining:
            installation.held_until = installation.reset_at

    def _repository(self, route: Route, names: dict[str, str], caller: Caller, asked: Asked) -> Repository | None:
        """The repository of the route. Raises Deny: moved, not there, or not for this token."""
        hub = self.hub
        if "repository_id" in names:
            repo = hub.repositories.get(int(names["repository_id"])) if names["repository_id"].isdigit() else None
        elif "repo" in names:
            full_name = f"{names['owner']}/{names['repo']}"
            repo = hub.named(full_name)
            moved = hub.old_names.get(full_name.lower())
            if repo is None and moved:
                rest = asked.path.removeprefix(PREFIX).removeprefix(f"/repos/{full_name}")
                status = 301 if asked.method == "GET" else 307
                raise Deny(status, "Moved Permanently", headers={"location": f"{hub.shapes.api}/repositories/{moved}{rest}"})
        else:
            return None
        if repo is None or repo.deleted or not self._reaches(caller, repo, asked.method):
            raise Deny(404, "Not Found")
        return repo

    def _reaches(self, caller: Caller, repo: Repository, method: str) -> bool:
        token = caller.token
        if token is None:
            return caller.app is not None
        inside = repo.id in token.repositories and repo.id in token.installation.repositories
        return inside or (not repo.private and method == "GET")

    def _call(self, asked: Asked, route: Route, names: dict[str, str], caller: Caller, repo: Repository | None) -> Answer:
        if route.needs not in (APP, ANY, PERSON, NOBODY) and not caller.may(route.needs):
            accepted = {"x-accepted-github-permissions": route.needs.replace(":", "=").replace("|", "; ")}
            raise Deny(403, "Resource not accessible by integration", headers=accepted)
        unknown = set(asked.query) - route.query
        if unknown:
            raise self._violation(f"{asked.method} {route.template} with unknown parameters {sorted(unknown)}")
        body = self._body(asked, route)
        return route.answer(Call(self.hub, caller, names, asked.query, body, repo))

    def _body(self, asked: Asked, route: Route) -> Any:
        if not asked.body:
            return None
        try:
            body = json.loads(asked.body)
        except ValueError:
            raise Deny(400, "Problems parsing JSON") from None
        unknown = set(body) - route.fields
        if unknown:
            raise self._violation(f"{asked.method} {route.template} with unknown fields {sorted(unknown)}")
        return body

    def _reply(self, asked: Asked, answer: Answer, caller: Caller) -> Reply:
        headers = {}
        if answer.next_query:
            query = urllib.parse.urlencode({**asked.query, **answer.next_query})
            headers["link"] = f'<{self.hub.shapes.api}{asked.path}?{query}>; rel="next"'
        if isinstance(answer.body, str):
            return Reply(answer.status, {"content-type": "text/plain; charset=utf-8"}, answer.body.encode())
        reply = self._dressed(answer.status, answer.body, headers, caller)
        if asked.method == "GET":
            reply.headers["etag"] = 'W/"' + hashlib.sha256(reply.body).hexdigest() + '"'
            if asked.headers.get("if-none-match") == reply.headers["etag"]:
                return Reply(304, reply.headers)
        return reply

    def _dressed(self, status: int, body: Any, headers: dict[str, str], caller: Caller | None) -> Reply:
        """An answer with the headers that GitHub puts on all of them."""
        empty = status == 204
        token = caller.token if caller else None
        limits = {}
        if token:
            left, reset = token.installation.remaining, int(token.installation.reset_at)
            limits = {"x-ratelimit-limit": str(LIMIT), "x-ratelimit-remaining": str(left), "x-ratelimit-reset": str(reset)}
            limits |= {"x-ratelimit-used": str(LIMIT - left), "x-ratelimit-resource": "core"}
        common = {
            "content-type": "application/json; charset=utf-8",
            "date": formatdate(self.hub.now(), usegmt=True),
            "x-github-media-type": "github.v3; format=json",
            "x-github-request-id": uuid.uuid4().hex[:16].upper(),
        }
        return Reply(status, {**common, **limits, **headers}, b"" if empty else json.dumps(body).encode())

    def _troubled(self, trouble: Trouble, reply: Reply) -> Reply:
        """The reply as the fault leaves it; cutting and hanging is the edge's part."""
        date = {"date": formatdate(self.hub.now(), usegmt=True), "x-github-request-id": uuid.uuid4().hex[:16].upper()}
        json_type = {"content-type": "application/json; charset=utf-8"}
        match trouble.kind:
            case "status":
                body = json.dumps(trouble.document or {"message": trouble.message}).encode()
                return Reply(trouble.status, {**date, **json_type, **trouble.headers}, body, trouble)
            case "html":
                return Reply(trouble.status, {**date, "content-type": "text/html", **trouble.headers}, b"<html>Unicorn!</html>", trouble)
            case "empty":
                return Reply(trouble.status, {**date, **trouble.headers}, b"", trouble)
            case "truncated":
                return Reply(
                    reply.status, {**date, **json_type}, (reply.body or b'{"id": 1, "half')[: max(1, len(reply.body) // 2)], trouble
                )
            case _:
                return Reply(reply.status, {}, b"", trouble)

    def _write(
        self,
        asked: Asked,
        template: str,
        caller: Caller | None,
        repo: Repository | None,
        status: int,
        trouble: Trouble | None,
        *,
        held: bool = False,
    ) -> None:
        """A line of the ledger."""
        try:
            body = json.loads(asked.body) if asked.body else None
        except ValueError:
            body = asked.body.decode(errors="replace")
        name, number = caller.name if caller else "unknown", repo.id if repo else None
        fault = trouble.kind if trouble else ""
        line = Entry(asked.method, template, asked.path, asked.query, name, number, body, self.hub.now(), status, fault, held)
        self.hub.ledger.append(line)
