"""Before there is an App, and for people: registration from the manifest, and sign-in with GitHub."""

from dataclasses import dataclass, field

from infra.github.answer import Declined
from infra.github.api import Api
from infra.github.client import PAGE, call, rows
from infra.github.routes import Route
from infra.github.wire import Wire
from jobs.errors import Refused
from jobs.model import Repository
from jobs.ports import Clock


@dataclass(frozen=True, slots=True)
class NewApp:
    """An App just registered. Its secrets are shown once, by this answer."""

    id: int
    slug: str
    url: str
    client_id: str
    private_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """Who signed in, by numeric id.

    `sees` are the scopes of the repositories that the App is installed on and that GitHub says they may read: by being their owner,
    a collaborator or a member of the organisation, so that a stranger does not see a public one.
    """

    id: int
    login: str
    sees: frozenset[str] = frozenset()


class Entrance:
    """Calls that need no App. `web_url` is where people sign in."""

    def __init__(
        self, clock: Clock, *, api_url: str = "https://api.github.com", web_url: str = "https://github.com", timeout_s: float = 15.0
    ) -> None:
        self._wire = Wire(timeout_s)
        self._clock, self._api_url = clock, api_url
        self._api = Api(self._wire, clock, api_url)
        self._web = Api(self._wire, clock, web_url)

    def close(self) -> None:
        """Close the connections of this process."""
        self._wire.close()

    def register(self, code: str) -> NewApp:
        """The App that GitHub made of our manifest. The code is good once, for an hour. Raises Refused(`github_auth`), Fault."""
        try:
            made = self._wire.run(self._api.post(Route.CONVERT_MANIFEST.value.template, {"code": code}, data=b""))
        except Declined as no:
            text = "GitHub does not know this registration code: it was used already, or is over an hour old. Start again at /setup."
            raise Refused("github_auth", text, evidence=no.said) from no
        return NewApp(
            made["id"], made["slug"], made["html_url"], made["client_id"], made["pem"], made["webhook_secret"] or "", made["client_secret"]
        )

    def sign_in(self, client_id: str, client_secret: str, code: str, *, redirect: str, verifier: str) -> Person:
        """Who came back from GitHub's sign-in page with this code, and what they may look at.

        Their token is used for these questions and dropped. Raises Refused(`github_auth`) for a code that is not good, Fault when
        nobody can tell.
        """
        data = {"client_id": client_id, "client_secret": client_secret, "code": code, "redirect_uri": redirect, "code_verifier": verifier}
        answer = self._wire.run(self._web.post(Route.SIGN_IN.value.template, data=data, accept="application/json"))
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not token:
            text = "GitHub did not accept the sign-in: its code is over or was used already. Sign in again."
            raise Refused("github_auth", text, evidence=str(answer.get("error", "")) if isinstance(answer, dict) else "")
        return self._wire.run(self._person(str(token)))

    async def _person(self, token: str) -> Person:
        api = Api(self._wire, self._clock, self._api_url)  # of their own: an answer kept for one person is never another's
        user = await call(api, Route.ME, None, {}, oauth_token=token)
        found = await rows(api, Route.MY_INSTALLATIONS, {"per_page": PAGE}, "installations", oauth_token=token)
        sees = set[str]()
        for installation in (row["id"] for row in found if row["suspended_at"] is None):
            parts = {"per_page": PAGE, "installation": installation}
            sees |= {
                Repository(row["id"], row["full_name"], installation).scope
                for row in await rows(api, Route.MY_REPOSITORIES, parts, "repositories", oauth_token=token)
            }
        return Person(int(user["id"]), str(user["login"]), frozenset(sees))
