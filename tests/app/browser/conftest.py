"""One browser and one served installation for the tests of a module. Playwright's own loop must not outlive them."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests import needs
from tests.app import town as place
from tests.app.browser.served import listening, serving
from tests.app.browser.site import Site
from tests.app.web import web

WAIT_MS = 15_000
"""A page that is to change gets so long; how long it took is measured elsewhere."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window. It shows pages of this machine only, so it does without a sandbox of its own, which root has not."""
    path = needs.browser()
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A town that everybody on this machine may see and steer."""
    town = place.build(tmp_path_factory.mktemp("town"))
    with listening() as (listener, address):
        at = web(town, bind=address.removeprefix("http://"))
        with serving(at.app, listener):
            yield Site(address, town, at)
    town.engine.dispose()


@pytest.fixture
def context(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    """A browser nobody used before. What it complains of fails the test."""
    opened = browser.new_context(base_url=site.address, reduced_motion="reduce")
    opened.set_default_timeout(WAIT_MS)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page of it."""
    shown = context.new_page()
    complaints: list[str] = []
    shown.on("pageerror", lambda error: complaints.append(str(error)))
    shown.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield shown
    assert complaints == []
