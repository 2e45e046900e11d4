"""What people see."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from app.api.health import Part
from app.dashboard.diff import LONGEST, MOST_LINES, MOST_SIGNS, lines
from app.dashboard.hiding import without_addresses
from app.dashboard.runs import WIDE, timeline, times
from app.view import Finding
from infra.artifacts import FileArtifacts
from infra.store.effects import SqlEffects
from infra.store.ledger import SqlLedger
from infra.store.probes import SqlProbes
from infra.store.runs import SqlRuns
from jobs.events import Built, Event, Launched, Prepared, Rejected, Retried, Snapshotted
from jobs.evidence import Finding as Found
from jobs.evidence import GateReport, Output
from jobs.model import Run
from jobs.ports import Effect
from tests.app.town import BAD, BASE, LINT, PATCH, TREE, Builder, Town, result, snapshot
from tests.app.web import web

PAGES = ("/", "/runs", "/find", "/find?q=7", "/queue", "/callbacks", "/inbox", "/workers", "/budgets", "/agents", "/settings", "/login")
TESTED = """diff --git a/tests/test_cart.py b/tests/test_cart.py
--- a/tests/test_cart.py
+++ b/tests/test_cart.py
@@ -29,2 +29,3 @@
     total = cart(apple, apple).total()
-    assert total
+    assert isinstance(total, Money)
+    assert total == 4
"""
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
    assert "hidden" not in html.replace('class="hidden"', "").replace('type="hidden"', "").replace('aria-hidden="true"', "")


def test_a_delivered_run_leads_to_its_pull_request_and_shows_its_change(town: Town) -> None:
    html = web(town).client.get(f"/runs/{town['succeeded']}").text
    assert '<a href="https://github.com/acme/shop/pull/12">#12</a>' in html
    assert '<span class="add" data-n="11">+        prices = (item.price * item.quantity for item in self.items)</span>' in html
    assert f'href="/api/v1/runs/{town["succeeded"]}/artifacts/1-code-2.diff"' in html


def test_a_running_run_shows_what_was_said_to_it(town: Town) -> None:
    html = web(town).client.get(f"/runs/{town['running']}").text
    assert "Please keep the index small." in html
    assert re.search(rf'data-live="/live/{town["running"]}\?event=\d+&amp;line=0"', html)


@pytest.mark.parametrize(
    ("query", "names"),
    [("state=parked", ["parked"]), ("repository=acme/docs", ["behind"]), ("state=nonsense&repository=acme/docs", ["behind"])],
)
def test_runs_are_filtered(town: Town, query: str, names: list[str]) -> None:
    html = web(town).client.get(f"/runs?{query}").text
    assert re.findall(r'class="title" href="/runs/([0-9a-f]{32})"', html) == [town[name] for name in names]


@pytest.mark.parametrize("what", ["acme/shop#12", "delivery-1", "slipway/7-total-d1", "https://github.com/acme/shop/pull/12"])
def test_any_id_leads_straight_to_its_run(town: Town, what: str) -> None:
    """Proves: I23, 001-06."""
    SqlEffects(town.engine).done(*_pulled(town))
    answer = web(town).client.get("/find", params={"q": f" {what} "}, follow_redirects=False)
    assert (answer.status_code, answer.headers.get("location")) == (303, f"/runs/{town['succeeded']}")


def _pulled(town: Town) -> tuple[Run, Effect, dict[str, object]]:
    """What the delivery of the run that succeeded wrote down."""
    run = SqlRuns(town.engine).get(town["succeeded"])
    written = {"number": 12, "sha": "c" * 40, "ref": "refs/heads/slipway/7-total-d1"}
    return run, SqlEffects(town.engine).intend(run, "pull", "slipway/7-total-d1"), written


def test_what_belongs_to_several_runs_leads_to_each(town: Town) -> None:
    numbers = f"/runs/{town['failed']} and /runs/{town['parked']}"
    html = web(town).client.get("/find", params={"q": numbers}).text
    assert set(re.findall(r'class="title" href="/runs/([0-9a-f]{32})"', html)) == {town["failed"], town["parked"]}
    assert f"found by run {town['failed']}" in html


@pytest.mark.parametrize("what", ["<script>alert(1)</script>", "", "x" * 5000, "%", "\0"])
def test_what_belongs_to_no_run_is_said_to(town: Town, what: str) -> None:
    answer = web(town).client.get("/find", params={"q": what})
    assert answer.status_code == 200
    assert ("No run that you may see has to do with that." in answer.text) == bool(what)
    assert "<script>alert" not in answer.text


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


def test_a_receivers_secret_is_not_among_the_settings() -> None:
    """Proves: T04."""
    kept = {"callbacks": [{"url": "https://user:word@hooks.example.org/x?key=hidden", "events": ["run.failed"]}], "traces": {"url": None}}
    assert without_addresses(kept) == {
        "callbacks": [{"url": "https://hooks.example.org (7407536f)", "events": ["run.failed"]}], "traces": {"url": None},
    }  # fmt: skip


def test_a_diff_is_marked_line_by_line_and_numbered_as_the_new_file_is() -> None:
    shown = lines(PATCH)
    assert [line.kind for line in shown] == ["file", "head", "head", "hunk", "same", "del", "add", "add"]
    assert [line.number for line in shown] == [None, None, None, None, 10, None, 11, 12]
    assert {line.path for line in shown[2:]} == {"shop/cart.py"}
    assert lines("@@ -1 +1 @@\n--- a line that looks like a head\n")[1].kind == "del"
    assert lines("@@ -1 +3 @@\n+++ b/one that looks like another file\n")[1].number == 3


def test_a_long_diff_ends_with_how_much_is_left_out() -> None:
    many = lines("@@ -1 +1 @@\n" + "+x\n" * 500)
    assert (len(many), many[-1].text) == (MOST_LINES + 1, f"… {501 - MOST_LINES} more lines: the artifact has them all")
    wide = lines("@@ -1 +1 @@\n" + f"+{'x' * 5000}\n" * 200)
    assert sum(len(line.text) for line in wide) <= MOST_SIGNS + LONGEST + 100
    assert wide[-1].text.endswith("more lines: the artifact has them all")


def test_what_a_gate_said_about_a_line_stands_beneath_it() -> None:
    said = Finding("lint", "E501 line too long", "shop/cart.py:12", "warning", "shop/cart.py", 12)
    elsewhere = [Finding("lint", "x", "other.py:12", "failure", "other.py", 12), Finding("lint", "x", "", "failure")]
    assert [(line.text, line.notes) for line in lines(PATCH, [said, *elsewhere]) if line.notes] == [
        ("+        return sum(prices, Money(0))", (said,))
    ]


def test_annotations_are_shown_on_the_diff(town: Town) -> None:
    run = SqlRuns(town.engine).get(town["failed"])
    FileArtifacts(town.engine, town.data / "artifacts").put(run.id, "1-code-2.diff", TESTED.encode())
    html = web(town).client.get(f"/runs/{run.id}").text
    told = "test_total_counts_each_item: Money(2) == Money(4)"
    assert f'+    assert total == 4</span><span class="found failure"><b>tests</b> {told}</span>' in html


def test_the_time_of_a_run_is_shown_stretch_by_stretch(town: Town) -> None:
    """Proves: 004-38."""
    at = [("queued", "prepare", 0.0, 0), ("running", "prepare", 10.0, 1), ("running", "build", 12.0, 1), ("running", "build", 20.0, 1)]
    at += [("running", "verify", 52.0, 1), ("running", "prepare", 60.0, 2), ("succeeded", "done", 61.0, 2)]
    events = [{"state": state, "phase": phase, "at": when, "payload": {"iteration": turn}} for state, phase, when, turn in at]
    spans = timeline(events, 99.0)
    assert [(span.name, span.seconds, span.turn) for span in spans] == [
        ("queued", 10.0, 0), ("prepare", 2.0, 1), ("build", 40.0, 1), ("verify", 8.0, 1), ("prepare", 1.0, 2),
    ]  # fmt: skip
    assert times(spans) == {"queued": 10.0, "prepare": 3.0, "build": 40.0, "verify": 8.0}
    assert abs(sum(span.width for span in spans) - WIDE) < 1
    assert timeline(events[:1], 5.0) == ()
    assert timeline([], 5.0) == ()
    assert '<ul aria-label="Time in each phase">' in web(town).client.get(f"/runs/{town['failed']}").text


def test_a_page_is_light_however_much_there_is_to_say(town: Town) -> None:
    """The page of a run of many turns, long outputs and a huge diff, with everything it loads, is at most 100 KB."""
    at = web(town).client
    told = "x" * 3_000 + "\n"
    noisy = result(stdout=Output(head=told * 5, tail=told * 5, size=10**6), stderr=Output(head=told * 9, size=10**6), summary=told * 3)
    findings = tuple(Found("tests", f"{told}{number}", f"a/{number}.py", number) for number in range(1, 99))
    bad = replace(BAD, output=Output(head=told * 9, size=10**5), findings=findings)
    events: list[Event] = [Prepared(BASE)]
    for turn in range(1, 9):
        events += [Launched("code", turn, "scripted"), Built(noisy), Snapshotted(snapshot("a")), Rejected(GateReport(TREE, (bad, LINT)))]
        events += [Retried(turn + 1, "tree"), Prepared(BASE)]
    builder = Builder(town.engine, SqlRuns(town.engine), SqlLedger(town.engine))
    run = builder.walk(builder.ask("heavy", "t" * 200), *events)
    for number in range(60):
        builder.runs.say(run.id, "octocat", told * 5 + str(number))
    FileArtifacts(town.engine, town.data / "artifacts").put(run.id, "1-code-8.diff", ("@@ -1 +1 @@\n" + f"+{told}" * 9_000).encode())
    static = sum(len(at.get(f"/static/slipway.{kind}").content) for kind in ("css", "js", "svg"))
    for path in (f"/runs/{run.id}", "/", "/runs", "/queue", "/inbox", "/callbacks"):
        assert len(at.get(path).content) + static <= 100_000, path


def test_the_page_of_agents_tells_what_became_of_them(town: Town) -> None:
    """Proves: 002-22."""
    client, probes = web(town).client, SqlProbes(town.engine)
    assert "Nothing changed." in client.get("/agents").text
    probes.note("box-1", "codex", state="ok", version="0.170.0", stamp="a", text="")
    probes.note("box-1", "codex", state="absent", version="", stamp="", text="It is <not> installed.")
    html = client.get("/agents").text
    read(html)
    told = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html[html.index('id="agent-events"') :]))
    assert "codex on box-1 vanished 0.170.0 absent It is &lt;not&gt; installed." in told
    assert "codex on box-1 found absent 0.170.0 –" in told
