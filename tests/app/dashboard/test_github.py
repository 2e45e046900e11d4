"""Signing in with GitHub: who is let in, what they see, and what they may do."""

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from app.access import VISIT
from app.dashboard import github
from app.dashboard.github import GitHubSignIn
from app.knowledge import Knowledge
from handlers.facts import Facts
from infra.clock import SystemClock
from infra.forges import Forges
from infra.git import Git
from infra.github.entrance import Entrance
from infra.local_forge import LocalForge
from infra.store.asked import SqlAsked
from infra.store.finding import SqlFinding
from infra.store.runs import SqlRuns
from jobs.model import Actor, Repository, Run
from tests.app import town as place
from tests.app.dashboard.test_forms import csrf
from tests.app.town import DOCS, OCTO, RULES, SHOP, Town, asked
from tests.app.web import ACTOR_PER_HOUR, FakeConfigs, Web, web
from tests.fakes.github import FakeGitHub
from tests.fakes.github.answers.entrance import CLIENT_SECRET
from tests.infra.github.conftest import Client, connected

PUBLIC = "https://slipway.example.org"
SEE_OTHER = 303
REPOSITORIES = ("acme/site", "acme/secret")


@dataclass
class Installed:
    """An installation of the service, whose App is installed on two repositories of the fake GitHub."""

    fake: FakeGitHub
    client: Client
    town: Town
    at: Web
    runs: dict[str, Run]

    def leave(self, **query: str) -> dict[str, str]:
        """Press the button; what GitHub is asked."""
        answer = self.at.client.get("/login/github", params=query, follow_redirects=False)
        assert answer.status_code == SEE_OTHER
        parts = urlsplit(answer.headers["location"])
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.fake.url}/login/oauth/authorize"
        return {name: values[0] for name, values in parse_qs(parts.query).items()}

    def sign_in(self, login: str, where: str = "/") -> str:
        """There and back again; the page that came of it."""
        asked_of_github = self.leave(next=where)
        code = self.fake.sign_in(login, asked_of_github["code_challenge"])
        answer = self.at.client.get(github.CALLBACK, params={"code": code, "state": asked_of_github["state"]})
        return answer.text


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One store for all tests here that leave it as it is, or change only runs of their own."""
    built = place.build(tmp_path_factory.mktemp("town"))
    yield built
    built.engine.dispose()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Town]:
    """A store for one test."""
    built = place.build(tmp_path)
    yield built
    built.engine.dispose()


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path_factory.mktemp("github")) as github:
        for name in REPOSITORIES:
            github.add_repository(name)
        yield github
        github.check()


@pytest.fixture
def installed(town: Town, fake: FakeGitHub, tmp_path: Path) -> Iterator[Installed]:
    clock = SystemClock()
    client, entrance = connected(fake, clock), Entrance(clock, api_url=fake.url, web_url=fake.url)
    runs = {name: _run(town, fake, name) for name in REPOSITORIES}
    forge = Forges(client.forge, LocalForge(Git(tmp_path / "git"), {}))

    def know() -> Knowledge:
        return Knowledge(forge, FakeConfigs(), SqlRuns(town.engine), SqlFinding(town.engine), SqlAsked(town.engine), Facts())

    door = GitHubSignIn(entrance, "Iv1.0", CLIENT_SECRET, fake.url, PUBLIC)
    yield Installed(fake, client, town, web(town, public_url=PUBLIC, github=door, know=know, peer="192.0.2.9"), runs)
    client.github.close()
    entrance.close()


def _run(town: Town, fake: FakeGitHub, name: str) -> Run:
    """A run of this test's own."""
    repo = fake.repo(name)
    repository = Repository(repo.id, repo.full_name, fake.installation(name).id)
    return SqlRuns(town.engine).start(asked(token_hex(8), f"Work on {name}", repository=repository), RULES)[0]


def test_somebody_with_a_role_is_led_there_and_back_and_sees_their_repositories(installed: Installed) -> None:
    """Proves: T04, I21."""
    installed.fake.collaborator("ada", "write", repo="acme/site")
    page = installed.sign_in("ada", f"/runs/{installed.runs['acme/site'].id}")
    assert f'content="0; url=/runs/{installed.runs["acme/site"].id}"' in page
    mine, others = (installed.at.client.get(f"/runs/{run.id}") for run in installed.runs.values())
    assert (mine.status_code, others.status_code) == (200, 404)
    listed = installed.at.client.get("/runs").text
    assert installed.runs["acme/site"].id in re.findall(r'class="title" href="/runs/([0-9a-f]{32})"', listed)
    assert set(re.findall(r'<span class="sub">(\S+) ·', listed)) == {"acme/site"}
    assert ">ada</span>" in listed


def test_github_is_asked_with_a_state_and_a_challenge_and_the_cookie_is_nobody_elses(installed: Installed) -> None:
    sent = installed.leave()
    assert {"client_id": "Iv1.0", "redirect_uri": f"{PUBLIC}/login/callback", "code_challenge_method": "S256"}.items() <= sent.items()
    answer = installed.at.client.get("/login/github", follow_redirects=False)
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Secure", "Path=/login"} <= {part.strip() for part in cookie.split(";")}
    body = cookie.split("=", 1)[1].split(".")[0]
    verifier = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode().split('"')[3]
    challenge = parse_qs(urlsplit(answer.headers["location"]).query)["code_challenge"][0]
    assert base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=") == challenge
    assert CLIENT_SECRET not in cookie


def test_the_visit_is_a_cookie_that_no_script_and_no_other_site_can_use(installed: Installed) -> None:
    installed.fake.collaborator("ada", "read", repo="acme/site")
    sent = installed.leave()
    code = installed.fake.sign_in("ada", sent["code_challenge"])
    answer = installed.at.client.get(github.CALLBACK, params={"code": code, "state": sent["state"]})
    visit, taken_back = answer.headers.get_list("set-cookie")
    assert {"HttpOnly", "SameSite=strict", "Secure", "Path=/"} <= {part.strip() for part in visit.split(";")}
    assert taken_back.startswith(f'{github.COOKIE}=""; ')
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"state": "another"}, "did not begin in this browser"),
        ({"state": ""}, "did not begin in this browser"),
        ({"code": ""}, "GitHub was told not to sign you in"),
        ({"code": "guess"}, "its code is over or was used already"),
        ({"error": "access_denied", "code": ""}, "GitHub was told not to sign you in"),
    ],
)
def test_a_way_back_that_is_not_whole_lets_nobody_in(installed: Installed, change: dict[str, str], says: str) -> None:
    """Proves: T04."""
    installed.fake.collaborator("ada", "write", repo="acme/site")
    sent = installed.leave()
    code = installed.fake.sign_in("ada", sent["code_challenge"])
    answer = installed.at.client.get(github.CALLBACK, params={"code": code, "state": sent["state"], **change})
    assert (answer.status_code, says in answer.text) == (403, True)
    assert VISIT not in installed.at.client.cookies


def test_a_code_cannot_be_planted_in_another_browser(installed: Installed) -> None:
    """Proves: T04. The attacker's own code, on a link somebody else opens, signs nobody in."""
    sent = installed.leave()
    code = installed.fake.sign_in("mallory", sent["code_challenge"])
    victim = TestClient(installed.at.app, base_url=PUBLIC, client=("192.0.2.10", 5000))
    answer = victim.get(github.CALLBACK, params={"code": code, "state": sent["state"]})
    assert (answer.status_code, VISIT in victim.cookies) == (403, False)


@pytest.mark.parametrize("cookie", ["", "x", "x.y", "e30.0", "ä.ö", "." * 40])
def test_a_cookie_we_did_not_write_is_no_beginning(cookie: str) -> None:
    door = GitHubSignIn(None, "Iv1.0", CLIENT_SECRET, "", PUBLIC)  # type: ignore[arg-type]  # GitHub is not asked
    assert door.back(cookie, "", 0.0) is None
    _, written = door.leave("/", 0.0)
    assert door.back(written, "", 0.0) is None
    assert GitHubSignIn(None, "Iv1.0", "another", "", PUBLIC).back(written, "", 0.0) is None  # type: ignore[arg-type]  # as above


def test_whoever_takes_too_long_begins_again() -> None:
    door = GitHubSignIn(None, "Iv1.0", CLIENT_SECRET, "", PUBLIC)  # type: ignore[arg-type]  # GitHub is not asked
    location, cookie = door.leave("/queue", 0.0)
    state = parse_qs(urlsplit(location).query)["state"][0]
    in_time = door.back(cookie, state, github.LASTS_S - 1)
    assert in_time is not None
    assert in_time.where == "/queue"
    assert door.back(cookie, state, github.LASTS_S) is None


def test_somebody_without_a_role_anywhere_is_told_and_not_let_in(installed: Installed) -> None:
    page = installed.sign_in("stranger")
    assert "GitHub knows you, stranger, and names no repository" in page
    assert VISIT not in installed.at.client.cookies


def test_github_away_is_said_and_lets_nobody_in(installed: Installed) -> None:
    installed.fake.fail("POST", "/login/oauth/access_token", "html", status=200)
    sent = installed.leave()
    code = installed.fake.sign_in("ada", sent["code_challenge"])
    answer = installed.at.client.get(github.CALLBACK, params={"code": code, "state": sent["state"]})
    assert answer.status_code == 503
    assert VISIT not in installed.at.client.cookies


@pytest.mark.parametrize(("role", "status", "after"), [("read", 403, "queued"), ("triage", 403, "queued"), ("write", 303, "cancelled")])
def test_a_button_takes_what_the_command_takes(installed: Installed, role: str, status: int, after: str) -> None:
    """Proves: T04."""
    installed.fake.collaborator("ada", role, repo="acme/site")
    installed.sign_in("ada")
    run = installed.runs["acme/site"]
    mark = csrf(installed.at.client)
    answer = installed.at.client.post(f"/runs/{run.id}/stop", data={"csrf": mark}, follow_redirects=False)
    assert answer.status_code == status
    assert SqlRuns(installed.town.engine).get(run.id).state == after
    if status != SEE_OTHER:
        assert f"Ada has the role &#39;{role}&#39;, and `/slipway stop` needs &#39;write&#39;." in _page(installed, run, mark)


def _page(installed: Installed, run: Run, mark: str) -> str:
    return installed.at.client.post(f"/runs/{run.id}/stop", data={"csrf": mark}, headers={"Accept": "text/html"}).text


def test_a_role_that_was_taken_away_is_gone_at_once(installed: Installed) -> None:
    """Proves: T04. What may be done is asked of GitHub each time, not remembered from the sign-in."""
    installed.fake.collaborator("ada", "write", repo="acme/site")
    installed.sign_in("ada")
    installed.fake.collaborator("ada", "read", repo="acme/site")
    run = installed.runs["acme/site"]
    assert installed.at.client.post(f"/runs/{run.id}/stop", data={"csrf": csrf(installed.at.client)}).status_code == 403
    assert SqlRuns(installed.town.engine).get(run.id).state == "queued"


def visiting(town: Town, role: str = "write", sees: tuple[str, ...] = (SHOP.scope,)) -> Web:
    """Octocat, signed in, with a role where they see anything."""
    at = web(town, tokens=("boss",), public_url=PUBLIC, peer="192.0.2.9", roles={OCTO.login: role})
    at.client.cookies.set(VISIT, at.visits.welcome(Actor(OCTO.id, OCTO.login), sees, 60))
    return at


@pytest.mark.parametrize("path", ["/", "/runs", "/queue", "/callbacks"])
def test_no_page_shows_anything_of_another_repository(town: Town, path: str) -> None:
    """Proves: I21."""
    assert "acme/shop" in visiting(town).client.get(path).text or path == "/callbacks"
    html = visiting(town, sees=(DOCS.scope,)).client.get(path).text
    assert "acme/shop" not in html
    assert not set(re.findall(r"/runs/([0-9a-f]{32})", html)) - {town["behind"]}
    nothing = visiting(town, sees=("4:2", "7:4", "17:42", "7:420")).client.get(path).text
    assert re.findall(r"/runs/([0-9a-f]{32})", nothing) == []


@pytest.mark.parametrize("what", ["acme/shop#7", "delivery-1", "{id}", "7"])
def test_no_id_leads_to_a_run_of_another_repository(town: Town, what: str) -> None:
    """Proves: I21."""
    asked = {"q": what.format(id=town["succeeded"])}
    assert town["succeeded"] in str(visiting(town).client.get("/find", params=asked).url)
    others = visiting(town, sees=(DOCS.scope,)).client.get("/find", params=asked)
    assert "No run that you may see has to do with that." in others.text
    assert "acme/shop" not in others.text.replace(asked["q"], "")


@pytest.mark.parametrize("path", ["", "/events", "/artifacts/1-code-2.diff"])
def test_the_api_behind_a_page_knows_no_other_repository_either(town: Town, path: str) -> None:
    """Proves: I21."""
    address = f"/api/v1/runs/{town['succeeded']}{path}"
    assert visiting(town).client.get(address).status_code == 200
    assert visiting(town, sees=(DOCS.scope,)).client.get(address).status_code == 404
    assert visiting(town, sees=(DOCS.scope,)).client.get(f"/live/{town['succeeded']}").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/runs"),
        ("POST", "/api/v1/runs"),
        ("POST", "/api/v1/runs/{id}/stop"),
        ("POST", "/api/v1/pause"),
        ("GET", "/metrics"),
        ("GET", "/inbox"),
        ("GET", "/workers"),
        ("GET", "/settings"),
    ],
)
def test_what_operators_see_and_what_programs_do_is_not_for_a_visit(town: Town, method: str, path: str) -> None:
    """Proves: T04."""
    answer = visiting(town, "admin").client.request(method, path.format(id=town["queued"]), json={} if method == "POST" else None)
    assert answer.status_code == 403
    assert "token" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("role", "fields", "status"),
    [
        ("write", {"scope": SHOP.scope}, 403),
        ("maintain", {"scope": SHOP.scope}, 303),
        ("maintain", {"repository": "acme/shop"}, 303),
        ("admin", {"repository": "acme/docs"}, 404),
        ("admin", {"scope": DOCS.scope}, 404),
        ("admin", {"scope": "*"}, 403),
        ("admin", {}, 403),
        ("admin", {"scope": "7:42:1"}, 422),
    ],
)
def test_a_repository_is_paused_by_its_maintainers_and_everything_by_operators(
    fresh: Town, role: str, fields: dict[str, str], status: int
) -> None:
    at = visiting(fresh, role)
    answer = at.client.post("/pause", data={"csrf": csrf(at.client), **fields}, follow_redirects=False)
    assert answer.status_code == status
    assert (SqlRuns(fresh.engine).paused(SHOP.scope) is not None) == (status == SEE_OTHER)
    assert SqlRuns(fresh.engine).paused(DOCS.scope) is None


def test_rows_are_replayed_by_operators(town: Town) -> None:
    at = visiting(town, "admin")
    assert at.client.post("/inbox/1/replay", data={"csrf": csrf(at.client)}).status_code == 403


def test_asking_has_a_bound(fresh: Town) -> None:
    at = visiting(fresh)
    mark = csrf(at.client)
    said = [
        at.client.post(f"/runs/{fresh['running']}/say", data={"csrf": mark, "text": "?"}, follow_redirects=False).status_code
        for _ in range(ACTOR_PER_HOUR + 1)
    ]
    assert said == [303] * ACTOR_PER_HOUR + [403]


def test_signing_out_ends_the_visit_itself(town: Town) -> None:
    at = visiting(town)
    kept = at.client.cookies[VISIT]
    at.client.post("/logout", data={"csrf": csrf(at.client)})
    assert at.visits.find(kept) is None


def test_a_printed_link_lets_an_operator_in_once(town: Town) -> None:
    """Proves: T04."""
    at = web(town, tokens=("boss",), public_url=PUBLIC, peer="192.0.2.9")
    link = at.visits.link(60)
    assert at.client.get("/login", params={"once": link}, follow_redirects=False).headers["location"] == "/"
    assert at.client.get("/settings").status_code == 200
    other = TestClient(at.app, base_url=PUBLIC, client=("192.0.2.10", 5000))
    again = other.get("/login", params={"once": link})
    assert (again.status_code, "used already, or is over" in again.text) == (403, True)
    assert VISIT not in other.cookies


def test_guessing_links_and_codes_is_slowed_down(town: Town) -> None:
    client = web(town, tokens=("boss",), public_url=PUBLIC, peer="192.0.2.9").client
    assert [client.get("/login", params={"once": str(n)}).status_code for n in range(11)] == [403] * 10 + [429]


def test_without_an_app_there_is_no_such_way_in(town: Town) -> None:
    client = web(town, tokens=("boss",)).client
    assert "with GitHub" not in client.get("/login").text
    assert client.get("/login/github").status_code == 404
    assert client.get(github.CALLBACK).status_code == 404
