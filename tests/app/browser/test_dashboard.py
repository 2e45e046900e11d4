"""The dashboard as people use it: in Chromium, with eyes, without script, by keyboard and by ear."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from infra.store.schema import activity
from jobs.model import RunState
from tests.app.browser.site import Site
from tests.app.town import RULES, asked

PHONE = {"width": 390, "height": 844}
PAGES = ("/", "/runs", "/find", "/find?q=nothing", "/queue", "/callbacks", "/inbox", "/workers", "/budgets", "/agents", "/settings")
RUNS = ("succeeded", "failed", "parked", "awaiting_approval", "running")
LAWS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"], "resultTypes": ["violations"]}
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, "resultTypes": ["violations"]}


def every_page(site: Site) -> list[str]:
    return [*PAGES, *(site.run(name) for name in RUNS)]


def broken(page: Page, path: str, options: dict[str, object]) -> list[str]:
    """What axe finds wrong with a page, and where."""
    page.goto(path)
    found = Axe().run(page, options=options).response["violations"]
    return [f"{path}: {one['id']}: {one['help']}: {node['html'][:160]} {node['any'][:1]}" for one in found for node in one["nodes"]]


def test_every_page_keeps_the_rules_of_access(page: Page, site: Site) -> None:
    """Names, roles, order, contrast and landmarks, by axe: WCAG 2.1 A and AA, and good practice."""
    assert [found for path in every_page(site) for found in broken(page, path, LAWS)] == []


def test_the_dark_scheme_can_be_read_as_well(browser: Browser, site: Site) -> None:
    with browser.new_context(base_url=site.address, color_scheme="dark", reduced_motion="reduce") as dark:
        page = dark.new_page()
        assert [found for path in every_page(site) for found in broken(page, path, CONTRAST)] == []


def test_nothing_sticks_out_on_a_phone(browser: Browser, site: Site) -> None:
    with browser.new_context(base_url=site.address, viewport=PHONE, has_touch=True, is_mobile=True) as phone:
        page = phone.new_page()
        for path in every_page(site):
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path


def test_nothing_is_loaded_from_elsewhere(page: Page, site: Site) -> None:
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    for path in every_page(site):
        page.goto(path)
    assert [url for url in loaded if not url.startswith(site.address)] == []


def test_a_page_shows_what_happens_without_being_loaded_again(page: Page, site: Site) -> None:
    """Proves: 004-26, 004-38."""
    page.goto(site.run("running"))
    expect(page.locator("#live")).to_have_text("live")
    page.evaluate("window.kept = true")
    site.runs.say(site.town["running"], "octocat", "Mind the umlauts.")
    expect(page.get_by_text("Mind the umlauts.").first).to_be_visible()
    assert page.evaluate("window.kept")


def test_the_agent_is_followed_line_by_line(page: Page, site: Site) -> None:
    """Proves: 004-26."""
    told = _tell(site, "Read shop/search.py")
    page.goto(site.run("running"))
    lines = page.locator("#lines li")
    expect(lines).to_have_count(told)
    expect(page.locator("#live")).to_have_text("live")
    _tell(site, "<b>Edit</b> shop/search.py")
    expect(lines).to_have_count(told + 1)
    expect(lines.last).to_contain_text("<b>Edit</b> shop/search.py")


def _tell(site: Site, text: str) -> int:
    """The agent does something; how many lines there are now."""
    run = site.runs.get(site.town["running"])
    line = {"run_id": run.id, "attempt": run.attempt, "step": "code", "iteration": 2, "kind": "tool", "text": text, "at": 1_800_000_000.0}
    with site.town.engine.begin() as connection:
        connection.execute(activity.insert(), [line])
    return len(site.at.client.get(f"/runs/{run.id}").text.split('class="tool" data-seq=')) - 1


def test_a_new_run_appears_on_the_overview(page: Page, site: Site) -> None:
    page.goto("/")
    expect(page.locator("#live")).to_have_text("live")
    site.runs.start(asked("live", "A run that was asked for just now", number=71), RULES)
    expect(page.get_by_role("link", name="A run that was asked for just now")).to_be_visible()


def test_what_somebody_types_and_opened_survives_news(page: Page, site: Site) -> None:
    page.goto(site.run("running"))
    expect(page.locator("#live")).to_have_text("live")
    page.get_by_label("Tell the agent").fill("Half a sent")
    printed = page.locator("details", has_text="What the agent printed").first
    printed.locator("summary").click()
    page.get_by_label("Tell the agent").focus()
    site.runs.say(site.town["running"], "octocat", "News meanwhile.")
    expect(page.get_by_text("News meanwhile.").first).to_be_visible()
    expect(page.get_by_label("Tell the agent")).to_have_value("Half a sent")
    expect(printed).to_have_attribute("open", "")


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_every_act_is_a_click_away_with_script_and_without(browser: Browser, site: Site, script: bool) -> None:
    """Proves: 004-38. Stop, run again, approve, say, pin, pause, resume and both replays."""
    with browser.new_context(base_url=site.address, java_script_enabled=script) as context:
        page = context.new_page()
        _stop_and_run_again(page, site)
        _say(page, site, f"Said {'with' if script else 'without'} script.")
        _pin_and_unpin(page, site)
        _pause_and_resume(page)
        for path, button in (("/inbox", "Work again"), ("/callbacks", "Send again")):
            page.goto(path)
            before = page.get_by_role("button", name=button).count()
            page.get_by_role("button", name=button).first.click()
            expect(page.get_by_role("button", name=button)).to_have_count(before - 1)


def _stop_and_run_again(page: Page, site: Site) -> None:
    page.goto(site.run("failed"))
    page.get_by_role("button", name="Run it again").click()
    expect(page.locator(".head .chip").first).to_have_text("queued")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".head .chip").first).to_have_text("cancelled")


def _say(page: Page, site: Site, text: str) -> None:
    page.goto(site.run("running"))
    page.get_by_label("Tell the agent").fill(text)
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".bubble", has_text=text)).to_be_visible()


def _pin_and_unpin(page: Page, site: Site) -> None:
    page.goto(site.run("succeeded"))
    page.get_by_role("button", name="Pin").click()
    expect(page.get_by_text("what it left behind is kept")).to_be_visible()
    page.get_by_role("button", name="Unpin").click()
    expect(page.get_by_role("button", name="Pin", exact=True)).to_be_visible()


def _pause_and_resume(page: Page) -> None:
    page.goto("/queue")
    page.get_by_label("Repository").fill("acme/docs")
    page.get_by_label("Why").fill("The printers are here.")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("acme/docs is paused.")).to_be_visible()
    expect(page.get_by_text("The printers are here.")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("acme/docs is paused.")).to_have_count(0)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Everything is paused.")).to_be_visible()
    page.get_by_role("button", name="Resume everything").click()
    expect(page.get_by_text("Everything is paused.")).to_have_count(0)


def test_a_plan_is_approved_and_a_parked_run_goes_on(page: Page, site: Site) -> None:
    page.goto(site.run("awaiting_approval"))
    page.get_by_label("Changes to the plan, if any").fill("Small steps.")
    page.get_by_role("button", name="Approve the plan").click()
    expect(page.locator(".head .chip").first).to_have_text("queued")
    page.goto(site.run("parked"))
    page.get_by_role("button", name="Go on now").click()
    expect(page.locator(".head .chip").first).to_have_text("queued")
    assert site.runs.get(site.town["parked"]).state is RunState.QUEUED


def test_runs_are_filtered(page: Page) -> None:
    page.goto("/runs")
    page.get_by_label("State").select_option("cancelled")
    page.get_by_label("Repository").fill("acme/shop")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("link", name="Rename everything")).to_be_visible()
    expect(page.get_by_role("link", name="Document the API")).to_have_count(0)


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_from_any_page_an_id_leads_to_its_run_by_keyboard_alone(browser: Browser, site: Site, script: bool) -> None:
    """Proves: I23."""
    with browser.new_context(base_url=site.address, java_script_enabled=script) as context:
        page = context.new_page()
        page.goto("/queue")
        page.get_by_role("link", name="Settings").focus()
        page.keyboard.press("Tab")
        page.keyboard.type("nothing")
        page.keyboard.press("Enter")
        expect(page.get_by_text("No run that you may see has to do with that.")).to_be_visible()
        page.get_by_label("An id, an address or a text with one in it").fill(f"run={site.town['failed']}")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(f"{site.run('failed')}$"))


def test_on_a_phone_a_link_leads_to_the_field(browser: Browser, site: Site) -> None:
    with browser.new_context(base_url=site.address, viewport=PHONE, has_touch=True, is_mobile=True) as phone:
        page = phone.new_page()
        page.goto(site.run("running"))
        page.get_by_role("link", name="Find", exact=True).tap()
        page.get_by_role("searchbox").fill(site.town["failed"])
        page.get_by_role("button", name="Find").tap()
        expect(page).to_have_url(re.compile(f"{site.run('failed')}$"))


def test_the_keyboard_reaches_everything(page: Page, site: Site) -> None:
    page.goto(site.run("running"))
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
    page.get_by_label("Tell the agent").focus()
    page.keyboard.type("Typed, tabbed and entered.")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Send")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".bubble", has_text="Typed, tabbed and entered.")).to_be_visible()


def test_the_stream_is_taken_up_again_where_it_broke(context: BrowserContext, site: Site) -> None:
    page = context.new_page()
    broke: list[str] = []

    def once(route: Route) -> None:
        broke.append(route.request.url)
        if len(broke) == 1:
            route.fulfill(status=200, content_type="text/event-stream", body="retry: 10\n\n")  # and the connection is gone
        else:
            route.continue_()

    page.route(re.compile(r"/live/"), once)
    page.goto(site.run("running"))
    expect(page.locator("#live")).to_have_text("live")
    site.runs.say(site.town["running"], "octocat", "After the break.")
    expect(page.get_by_text("After the break.").first).to_be_visible()
    assert len(broke) >= 2
