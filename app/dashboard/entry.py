"""The doors of signing in and out. Every way in is counted when it fails, and written down either way."""

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from app.access import COOKIE, LOCAL, SESSION_S, VISIT, Access, same_origin
from app.api.problems import Problem
from app.dashboard import github
from app.dashboard.forms import MOST_FORM_BYTES, SEE_OTHER, fields_of, ours
from app.dashboard.github import Journey
from app.dashboard.rendering import page
from app.dashboard.sign_in import Ways, local_path
from jobs.errors import Refused
from jobs.model import Actor
from jobs.ports import Clock

PERSON_S = 3600
"""What GitHub lets somebody see is believed for so long; then they sign in again, for which GitHub asks them nothing."""
WRONG_TOKEN = "That is not one of the tokens of this installation."  # noqa: S105 - a sentence
WRONG_LINK = "That link was used already, or is over. `slipway up` prints a new one when it starts."
STRANGE = "This sign-in did not begin in this browser, or took longer than ten minutes. Sign in again."
DENIED = "GitHub was told not to sign you in. Sign in again, or use a token."
NOTHING = (
    "GitHub knows you, {login}, and names no repository that this App is installed on and you have a role in. Ask for access to one, "
    "or use a token."
)
audit = structlog.get_logger("slipway.audit")


class Entry:
    """Makes the endpoints over the ways in."""

    def __init__(self, ways: Ways, access: Access, clock: Clock) -> None:
        self._ways, self._access, self._clock = ways, access, clock

    def routes(self) -> list[BaseRoute]:
        """`/login` with all that belongs to it, and `/logout`."""
        return [
            Route("/login", self.form, methods=["GET"]),
            Route("/login", self.token, methods=["POST"], max_body_size=MOST_FORM_BYTES),
            Route("/login/github", self.leave),
            Route(github.CALLBACK, self.back),
            Route("/logout", self.sign_out, methods=["POST"], max_body_size=MOST_FORM_BYTES),
        ]

    async def form(self, request: Request) -> Response:
        """The page that asks; or, with the secret of a printed link, the end of it."""
        where = request.query_params.get("next", "/")
        link = request.query_params.get("once")
        if link is None:
            here = await run_in_threadpool(self._access.who, request, self._clock.now())
            return RedirectResponse(local_path(where), SEE_OTHER) if here and here.id == LOCAL else self._form(where)
        self._ways.tries.check(_address(request))
        secret = await run_in_threadpool(self._ways.visits.follow, link, SESSION_S)
        self._told(request, "link", let_in=secret is not None)
        if secret is None:
            return self._form(where, WRONG_LINK, 403)
        return self._in(request, RedirectResponse("/", SEE_OTHER), VISIT, secret)

    async def token(self, request: Request) -> Response:
        """Signing in with a token."""
        self._ways.tries.check(_address(request))
        fields = await fields_of(request)
        cookie = self._access.sign_in(fields.get("token", ""), self._clock.now()) if same_origin(request) else None
        self._told(request, "token", let_in=cookie is not None)
        where = local_path(fields.get("next", "/"))
        if cookie is None:
            return self._form(where, WRONG_TOKEN, 403)
        return self._in(request, RedirectResponse(where, SEE_OTHER), COOKIE, cookie)

    async def leave(self, request: Request) -> Response:
        """To GitHub."""
        location, cookie = self._github().leave(local_path(request.query_params.get("next", "/")), self._clock.now())
        answer = RedirectResponse(location, SEE_OTHER)
        answer.set_cookie(  # GitHub's page leads back here, which is another site's doing: `strict` would not come along
            github.COOKIE, cookie, max_age=github.LASTS_S, path="/login", httponly=True, secure=self._secure(request), samesite="lax"
        )
        return answer

    async def back(self, request: Request) -> Response:
        """From GitHub, with a code, or with what went wrong there."""
        self._ways.tries.check(_address(request))
        asked = request.query_params
        journey = self._github().back(request.cookies.get(github.COOKIE, ""), asked.get("state", ""), self._clock.now())
        answer = await self._arrived(request, journey, asked.get("code", "")) if journey else self._form("/", STRANGE, 403)
        answer.delete_cookie(github.COOKIE, path="/login", httponly=True, secure=self._secure(request), samesite="lax")
        return answer

    async def _arrived(self, request: Request, journey: Journey, code: str) -> Response:
        """A page of ours leads on: a cookie that no other site may send is not sent along a redirect from another site."""
        if not code:
            return self._form(journey.where, DENIED, 403)
        try:
            person = await run_in_threadpool(self._github().person, code, journey)
        except Refused as refused:
            self._told(request, "github", let_in=False)
            return self._form(journey.where, refused.reason.text, 403)
        self._told(request, "github", let_in=bool(person.sees), who=f"github:{person.login}", person=person.id)
        if not person.sees:
            return self._form(journey.where, NOTHING.format(login=person.login), 403)
        secret = await run_in_threadpool(self._ways.visits.welcome, Actor(person.id, person.login), person.sees, PERSON_S)
        return self._in(request, HTMLResponse(self._page("continue.html", where=journey.where)), VISIT, secret, PERSON_S)

    async def sign_out(self, request: Request) -> Response:
        """The end of a session."""
        principal = await run_in_threadpool(self._access.who, request, self._clock.now())
        if principal is not None:
            await ours(request, principal)
            await run_in_threadpool(self._ways.visits.end, request.cookies.get(VISIT, ""))
        answer = RedirectResponse("/login", SEE_OTHER)
        for name in (COOKIE, VISIT):
            answer.delete_cookie(name, httponly=True, secure=self._secure(request), samesite="strict")
        return answer

    def _github(self) -> github.GitHubSignIn:
        if self._ways.github is None:
            raise Problem(404, "Nobody signs in with GitHub here: that needs an App's client id and secret, and SLIPWAY_PUBLIC_URL.")
        return self._ways.github

    def _told(self, request: Request, way: str, *, let_in: bool, **who: object) -> None:
        """Written down, and a failure counted."""
        audit.info("sign in", way=way, address=_address(request), let_in=let_in, **who)
        if not let_in:
            self._ways.tries.note(_address(request))

    def _in(self, request: Request, answer: Response, name: str, value: str, lasts_s: int = SESSION_S) -> Response:
        answer.set_cookie(name, value, max_age=lasts_s, httponly=True, secure=self._secure(request), samesite="strict")
        return answer

    def _secure(self, request: Request) -> bool:
        return self._access.secure or request.url.scheme == "https"

    def _form(self, where: str, wrong: str = "", status: int = 200) -> Response:
        tokens, with_github = bool(self._access.tokens), self._ways.github is not None
        return HTMLResponse(self._page("login.html", next=local_path(where), wrong=wrong, tokens=tokens, github=with_github), status)

    def _page(self, template: str, **shown: object) -> str:
        return page(template, {**shown, "principal": None, "stream": None, "now": self._clock.now(), "here": "/login"})


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
