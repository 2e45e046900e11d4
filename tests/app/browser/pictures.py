"""The pictures of the documentation: `python -m tests.app.browser.pictures FOLDER`. Looked at before they are kept.

The town, a quarter of an hour older and with agents at work, as Chromium shows it: wide and on a phone, light and dark.
"""

import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa
from playwright.sync_api import Browser, sync_playwright

from app.api.health import Part
from infra.artifacts import FileArtifacts
from infra.clock import SystemClock
from infra.store.probes import SqlProbes
from infra.store.schema import activity, attempt, budget, event, iteration, run
from jobs.budget import DAY_S, MICRO
from tests import needs
from tests.app import town as place
from tests.app.browser.served import listening, serving
from tests.app.town import PATCH, SHOP, Town
from tests.app.web import web

SIZES = {"desktop": {"width": 1280, "height": 1180}, "phone": {"width": 390, "height": 844}}
SUFFIX = {("desktop", "light"): "", ("desktop", "dark"): "-dark", ("phone", "light"): "-phone", ("phone", "dark"): "-phone-dark"}
SHOWN = {"overview": "", "run": "running", "failed": "failed"}
AGES_MIN = {
    "succeeded": 96, "failed": 61, "parked": 34, "awaiting_approval": 22, "running": 9, "cancelled": 140, "rejected": 205, "queued": 4,
    "behind": 2,
}  # fmt: skip
TITLES = {
    "failed": "Two apples cost as much as two apples",
    "running": "The cart's total counts each item once",
    "succeeded": "Search finds words with accents",
}
SAID = (
    ("message", "The total forgets quantities: it adds up prices. I will look at how items are counted."),
    ("tool", "Read shop/cart.py"),
    ("tool", "Grep quantity"),
    ("file", "shop/cart.py"),
    ("tool", "Bash make test"),
    ("error", "tests/test_cart.py::test_total_counts_each_item failed: Money(2) == Money(4)"),
    ("message", "Two equal items are one line of the cart with a quantity of two; the test builds it that way."),
    ("file", "shop/cart.py"),
    ("tool", "Bash make test"),
)
FAILED = """diff --git a/shop/money.py b/shop/money.py
--- a/shop/money.py
+++ b/shop/money.py
@@ -4,6 +4,10 @@ class Money:
     def __str__(self) -> str:
-        return f"${self.amount:.2f}"
+        return f"{self.amount:.2f} €"
+
+    def __eq__(self, other: object) -> bool:
+        return isinstance(other, Money) and self.amount == other.amount
diff --git a/tests/test_cart.py b/tests/test_cart.py
--- a/tests/test_cart.py
+++ b/tests/test_cart.py
@@ -29,3 +29,4 @@ def test_total_counts_each_item() -> None:
     apple = Item("apple", Money(2))
-    assert cart(apple, apple).total()
+    total = cart(apple, apple).total()
+    assert total == Money(4)
"""


def aged(town: Town) -> None:
    """Every run as if it had been asked for some time ago, and had taken its time."""
    with town.engine.begin() as connection:
        for name, minutes in AGES_MIN.items():
            _age(connection, town[name], minutes * 60.0)
        for name, title in TITLES.items():
            request = connection.scalar(sa.select(run.c.request).where(run.c.id == town[name]))
            connection.execute(sa.update(run).where(run.c.id == town[name]).values(request={**request, "title": title}))


def _age(connection: sa.Connection, run_id: str, seconds: float) -> None:
    """What happened to the run, spread over up to eight minutes."""
    rows = connection.execute(sa.select(event.c.seq, event.c.at).where(event.c.run_id == run_id).order_by(event.c.seq)).all()
    start, steps = rows[0].at - seconds, (2.0, 4.0, 6.0, 88.0, 1.0, 31.0, 3.0, 2.0, 5.0, 120.0, 1.0, 34.0, 9.0, 4.0, 4.0)
    at = [start + sum(steps[:number]) for number in range(len(rows))]
    for row, when in zip(rows, at, strict=True):
        connection.execute(sa.update(event).where(event.c.seq == row.seq).values(at=when))
    ended = connection.scalar(sa.select(run.c.ended_at).where(run.c.id == run_id))
    begun = connection.scalar(sa.select(run.c.started_at).where(run.c.id == run_id))
    times = {"created_at": start, "started_at": begun and at[min(1, len(at) - 1)], "ended_at": ended and at[-1]}
    connection.execute(sa.update(run).where(run.c.id == run_id).values(**times))
    for table in (attempt, iteration):
        moved = {name: table.c[name] - seconds for name in ("launched_at", "ended_at")}
        connection.execute(sa.update(table).where(table.c.run_id == run_id).values(**moved))
    row = connection.execute(sa.select(run.c.projection).where(run.c.id == run_id)).scalar_one()
    told = {name: times[name] for name in times if name in row}
    connection.execute(sa.update(run).where(run.c.id == run_id).values(projection={**row, **told}))


def peopled(town: Town) -> None:
    """An agent at work, money spent, agents found."""
    now = SystemClock().now()
    with town.engine.begin() as connection:
        here = {"run_id": town["running"], "attempt": 1, "step": "code", "iteration": 2}
        lines = [{**here, "kind": kind, "text": text, "at": now - 40 + 4 * number} for number, (kind, text) in enumerate(SAID)]
        connection.execute(activity.insert(), lines)
        today = {"unit": "usd", "day": int(now // DAY_S)}
        for subject, spent, most in ((f"repository {SHOP.scope}", 3.42, 5.0), ("installation 7", 4.10, 20.0)):
            amounts = {"most": int(most * MICRO), "spent": int(spent * MICRO), "reserved": int(0.8 * MICRO), "overrun": 0}
            connection.execute(budget.insert().values(subject=subject, **today, **amounts))
    for agent, state, version in (("claude", "ok", "2.1.4"), ("codex", "ok", "0.98.0"), ("gemini", "absent", "")):
        SqlProbes(town.engine).note("box-1", agent, state=state, version=version, stamp=version, text="" if version else "not on the path")
    shelf = FileArtifacts(town.engine, town.data / "artifacts")
    shelf.put(town["failed"], "1-code-2.diff", FAILED.encode())
    shelf.put(town["running"], "1-code-1.diff", PATCH.encode())


def taken(browser: Browser, address: str, town: Town, folder: Path) -> None:
    """Every page at every size in both schemes."""
    for size, viewport in SIZES.items():
        for scheme in ("light", "dark"):
            with browser.new_context(base_url=address, viewport=viewport, color_scheme=scheme, reduced_motion="reduce") as context:
                page = context.new_page()
                for name, run_name in SHOWN.items():
                    page.goto(f"/runs/{town[run_name]}" if run_name else "/")
                    page.wait_for_timeout(400)
                    page.screenshot(path=folder / f"{name}{SUFFIX[size, scheme]}.png", clip={"x": 0, "y": 0, **viewport}, full_page=True)


def main(folder: Path) -> None:
    town = place.build(Path(tempfile.mkdtemp(prefix="slipway-pictures-")))
    aged(town)
    peopled(town)
    slow = "Redis does not answer (ConnectionError): work goes on, later, by the keeper's rounds."
    parts = [Part(name, lambda: None) for name in ("store", "keeper", "workers", "agents")]
    with listening() as (listener, address):
        at = web(town, bind=address.removeprefix("http://"), parts=(parts[0], Part("redis", lambda: slow, needed=False), *parts[1:]))
        with serving(at.app, listener), sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=needs.browser(), args=["--no-sandbox", "--disable-gpu"])
            taken(browser, address, town, folder)
            browser.close()
    town.engine.dispose()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
