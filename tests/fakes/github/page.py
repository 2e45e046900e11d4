"""The one page of GitHub's that people are led to: "Authorize this App"."""

from html import escape
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tests.fakes.github.hub import Hub
from tests.fakes.github.state import SignIn


class SignInPage:
    """Whoever sits at the browser (`hub.browsing`) is signed in already and is asked for a yes."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def __call__(self, request: Request) -> Response:
        """The page; its link leads back with a code."""
        asked, hub = request.query_params, self._hub
        assert asked["code_challenge_method"] == "S256", asked
        with hub.lock:
            code = f"code-{hub.id()}"
            hub.sign_ins[code] = SignIn(hub.user(hub.browsing), asked["code_challenge"])
        back = f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"
        head = '<!doctype html><title>GitHub</title><link rel="icon" href="data:,">'
        return HTMLResponse(f'{head}<a href="{escape(back)}">Authorize {escape(hub.browsing)}</a>')
