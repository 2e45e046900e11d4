"""Signing in, in a browser: by token, with GitHub, by the link of the terminal."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from app.dashboard.github import GitHubSignIn
from infra.clock import SystemClock
from infra.github.entrance import Entrance
from infra.store.runs import SqlRuns
from jobs.model import Repository
from tests.app import town as place
from tests.app.browser.served import listening, serving
from tests.app.browser.site import Site
from tests.app.town import RULES, asked
from tests.app.web import web
from tests.fakes.github import FakeGitHub
from tests.fakes.github.answers.entrance import CLIENT_SECRET

TOKEN = "a-token-of-the-operator"


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path_factory.mktemp("github")) as fake:
        fake.add_repository("acme/site")
        fake.collaborator("ada", "write", repo="acme/site")
        yield fake
        fake.check()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, github: FakeGitHub) -> Iterator[Site]:
    """An installation that people sign in to."""
    town = place.build(tmp_path_factory.mktemp("town"))
    entrance = Entrance(SystemClock(), api_url=github.url, web_url=github.url)
    with listening() as (listener, address):
        door = GitHubSignIn(entrance, "Iv1.0", CLIENT_SECRET, github.url, address)
        at = web(town, tokens=(TOKEN,), public_url=address, github=door, roles={"ada": "write"})
        with serving(at.app, listener):
            yield Site(address, town, at)
    with ThreadPoolExecutor(1) as elsewhere:  # this thread has playwright's loop in it
        elsewhere.submit(entrance.close).result()
    town.engine.dispose()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    with browser.new_context(base_url=site.address) as context:
        yield context.new_page()


def test_with_github_somebody_sees_what_is_theirs_and_may_steer_it(page: Page, site: Site, github: FakeGitHub) -> None:
    """Proves: T04. Across another site and back, with cookies as the browser treats them."""
    repo = github.repo("acme/site")
    mine = Repository(repo.id, repo.full_name, github.installation("acme/site").id)
    run, _ = SqlRuns(site.town.engine).start(asked("mine", "Make the site faster", number=5, repository=mine), RULES)
    github.hub.browsing = "ada"
    page.goto(f"/runs/{run.id}")
    page.get_by_role("link", name="Sign in with GitHub").click()
    page.get_by_role("link", name="Authorize ada").click()
    expect(page.get_by_role("heading", name="Make the site faster")).to_be_visible()
    expect(page.get_by_text("ada", exact=True)).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".head .chip").first).to_have_text("cancelled")
    page.goto("/runs")
    expect(page.locator("td .title")).to_have_text(["Make the site faster"])
    expect(page.get_by_role("link", name="Settings")).to_have_count(0)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/runs")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_whoever_has_no_role_anywhere_is_told(page: Page, github: FakeGitHub) -> None:
    github.hub.browsing = "stranger"
    page.goto("/login")
    page.get_by_role("link", name="Sign in with GitHub").click()
    page.get_by_role("link", name="Authorize stranger").click()
    expect(page.get_by_role("alert")).to_contain_text("GitHub knows you, stranger")


def test_a_token_signs_in_and_a_wrong_one_is_refused(page: Page) -> None:
    page.goto("/queue")
    assert Axe().run(page).response["violations"] == []
    page.get_by_label("Token").fill("a guess")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("That is not one of the tokens of this installation.")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in with a token").click()
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", name="Settings in force")).to_be_visible()
    assert TOKEN not in page.content()


def test_the_link_of_the_terminal_opens_the_dashboard(page: Page, site: Site) -> None:
    page.goto(f"/login?once={site.at.visits.link(60)}")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(page.locator("#live")).to_have_text("live")
