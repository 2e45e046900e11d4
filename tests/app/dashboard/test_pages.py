"""What people see."""

import re
from html.parser import HTMLParser

import pytest

from app.api.health import Part
from app.dashboard.diff import lines
from tests.app.town import PATCH, Town
from tests.app.web import web

PAGES = ("/", "/runs", "/queue", "/callbacks", "/inbox", "/workers", "/settings", "/login")
VOID = {"meta", "link", "input", "img", "br", "hr"}


class Reader(HTMLParser):
    """Collects tags, and complains about one that is not closed where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return reader


def pages(town: Town) -> list[str]:
    return [*PAGES, *(f"/runs/{run_id}" for run_id in town.ids.values())]


def test_every_page_is_whole_names_its_controls_and_loads_nothing_from_elsewhere(town: Town) -> None:
    client = web(town).client
    for path in pages(town):
        reader = read(client.get(path).text)
        ids = [attrs["id"] for _, attrs in reader.tags if "id" in attrs]
        assert len(ids) == len(set(ids)), path
        assert all(attrs["aria-labelledby"] in ids for _, attrs in reader.tags if "aria-labelledby" in attrs), path
        for tag, attrs in reader.tags:
            assert not {"style", "onclick", "onload"} & attrs.keys(), path
            if tag in {"script", "link", "img"}:
                assert (attrs.get("src") or attrs.get("href") or "").startswith("/static/"), path
        assert [attrs for tag, attrs in reader.tags if tag == "html"] == [{"lang": "en"}]


def test_the_overview_shows_what_runs_what_waits_and_why_the_rest_does_not(town: Town) -> None:
    """Proves: 004-38."""
    parts = (Part("redis", lambda: "Redis does not answer.", needed=False),)
    html = web(town, parts=parts).client.get("/").text
    for section, names in (("needs", ["awaiting_approval", "parked"]), ("running", ["running"]), ("waiting", ["queued", "behind"])):
        block = html.split(f'id="{section}" data-live')[1].split("</section>")[0]
        assert re.findall(r"/runs/([0-9a-f]{32})", block) == [town[name] for name in names]
    assert "The model&#39;s provider asks for patience. The run goes on by itself." in html
    assert "Redis does not answer." in html


def test_what_an_agent_or_a_stranger_wrote_is_text(town: Town) -> None:
    client = web(town).client
    for path in ("/", "/runs", f"/runs/{town['failed']}"):
        html = client.get(path).text
        assert "<script>alert" not in html
        assert "Prices in euros &lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_a_failed_run_explains_itself(town: Town) -> None:
    """Proves: 000-36, 003-21."""
    html = web(town).client.get(f"/runs/{town['failed']}").text
    for part in (
        "The tests still fail after 2 turns. Look at the findings, then retry with a hint.",
        "E       assert Money(2) == Money(4)",
        "<code>tests/test_cart.py:31</code> test_total_counts_each_item: Money(2) == Money(4)",
        'class="broke">Verify',
        "Run it again",
    ):
        assert part in html
    assert "hidden" not in html.replace('class="hidden"', "").replace('type="hidden"', "")


def test_a_delivered_run_leads_to_its_pull_request_and_shows_its_change(town: Town) -> None:
    html = web(town).client.get(f"/runs/{town['succeeded']}").text
    assert '<a href="https://github.com/acme/shop/pull/12">#12</a>' in html
    assert '<span class="add">+        prices = (item.price * item.quantity for item in self.items)</span>' in html
    assert f'href="/api/v1/runs/{town["succeeded"]}/artifacts/1-code-2.diff"' in html


def test_a_running_run_shows_what_was_said_to_it(town: Town) -> None:
    html = web(town).client.get(f"/runs/{town['running']}").text
    assert "Please keep the index small." in html
    assert f'data-live="/live/{town["running"]}"' in html


@pytest.mark.parametrize(
    ("query", "names"),
    [("state=parked", ["parked"]), ("repository=acme/docs", ["behind"]), ("state=nonsense&repository=acme/docs", ["behind"])],
)
def test_runs_are_filtered(town: Town, query: str, names: list[str]) -> None:
    html = web(town).client.get(f"/runs?{query}").text
    assert re.findall(r'class="title" href="/runs/([0-9a-f]{32})"', html) == [town[name] for name in names]


@pytest.mark.parametrize("path", ["/runs/nothing", "/nowhere", "/runs?cursor=x", "/static/../main.py"])
def test_a_person_gets_a_page_when_something_is_wrong(town: Town, path: str) -> None:
    answer = web(town).client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code in {400, 404}
    assert "To the overview" in answer.text


def test_a_shortened_id_shows_nothing(town: Town) -> None:
    assert web(town).client.get(f"/runs/{town['queued'][:8]}").status_code == 404


def test_settings_show_no_secret(town: Town) -> None:
    """Proves: T04."""
    client = web(town, tokens=("a-very-secret-token",)).client
    html = client.get("/settings", headers={"Authorization": "Bearer a-very-secret-token"}).text
    assert "**********" in html
    assert "a-very-secret-token" not in html


def test_a_diff_is_marked_line_by_line() -> None:
    kinds = [kind for kind, _ in lines(PATCH)]
    assert kinds == ["file", "head", "head", "hunk", "same", "del", "add", "add"]
    assert lines("@@ -1 +1 @@\n--- a line that looks like a head\n")[1][0] == "del"
    assert lines("+x\n" * 10, most=3)[-1] == ("hunk", "… 7 more lines: the artifact has them all")
