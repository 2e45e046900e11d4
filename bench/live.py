"""Streams: what 200 listeners cost, and 10,000 that never read; when an event is seen: `python -m bench.live [LISTENERS]`.

The second part needs Chromium (Debian: chromium-headless-shell); without it it says so.
"""

import multiprocessing
import os
import random
import resource
import shutil
import socket
import statistics
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path

import uvicorn
from playwright.sync_api import Page, sync_playwright

from infra.store.runs import SqlRuns
from infra.store.schema import activity
from tests import needs
from tests.app import town as place
from tests.app.browser.served import listening, serving
from tests.app.town import Town
from tests.app.web import web

LISTENERS, SEATS, ROUNDS = 10_000, 200, 40
FORK = multiprocessing.get_context("fork")
SEEN = """(text) => new Promise((found) => {
  const look = () => document.body.innerText.includes(text) && (found(Date.now()), true);
  if (!look()) new MutationObserver((_, observer) => look() && observer.disconnect())
    .observe(document.body, { childList: true, subtree: true, characterData: true });
})"""


def serve(data: Path, listener: socket.socket) -> None:
    """The web role of a town, in a process of its own."""
    _many_files()
    town = place.Town(data, place.open_store(data), {})
    at = web(town, bind="{}:{}".format(*listener.getsockname()))
    uvicorn.Server(uvicorn.Config(at.app, log_config=None, access_log=False, timeout_graceful_shutdown=1)).run(sockets=[listener])


def crowd(address: str, pid: int, run_id: str, count: int) -> None:
    """So many that ask for a stream and read nothing: what they are answered, and what it costs."""
    port = int(address.rpartition(":")[2])
    asked = f"GET /live/{run_id} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n".encode()
    before, quiet = memory_mb(pid), health_ms(address)
    everybody = []
    for _ in range(count):
        one = socket.create_connection(("127.0.0.1", port), timeout=60)
        one.sendall(asked)
        everybody.append(one)
    time.sleep(5)
    after, busy = memory_mb(pid), health_ms(address)
    answers = Counter(one.recv(64, socket.MSG_PEEK)[9:12].decode() for one in everybody)
    print(f"{count:,} listeners that never read: {dict(answers)}")
    print(f"memory of the web process: {before:.0f} MB before, {after:.0f} MB with all of them")
    print(f"/healthz, median of 20: {quiet:.1f} ms before, {busy:.1f} ms with all of them")
    for one in everybody:
        one.close()


def audience(address: str, pid: int, town: Town, count: int, rounds: int = 10) -> None:
    """So many that follow a run and read: what they take of a processor while nothing happens, and when each of them hears of an event."""
    port, run_id = int(address.rpartition(":")[2]), town["queued"]
    asked = f"GET /api/v1/runs/{run_id}/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n".encode()
    everybody = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(count)]
    for one in everybody:
        one.sendall(asked)
    time.sleep(5)
    begun, used = time.perf_counter(), processor_s(pid)
    time.sleep(10)
    share = (processor_s(pid) - used) / (time.perf_counter() - begun)
    delays: list[float] = []
    for number in range(rounds):
        mark = f"The {number}th thing said."
        stored = time.perf_counter()
        SqlRuns(town.engine).say(run_id, "bench", mark)
        delays += [heard(one, mark) - stored for one in everybody]
    told = f"median {statistics.median(delays) * 1000:.0f} ms, p95 {sorted(delays)[int(len(delays) * 0.95)] * 1000:.0f} ms"
    print(f"{count} listeners that read: {share * 100:.0f} % of a processor while nothing happens; an event is heard after {told}")
    for one in everybody:
        one.close()


def heard(listener: socket.socket, mark: str) -> float:
    """When a listener has read a text."""
    seen = b""
    while mark.encode() not in seen:
        seen = seen[-1000:] + listener.recv(65536)
    return time.perf_counter()


def processor_s(pid: int) -> float:
    """What a process has used of a processor so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """Resident memory."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def health_ms(address: str) -> float:
    """How long an answer takes."""
    taken = []
    for _ in range(20):
        begun = time.perf_counter()
        urllib.request.urlopen(f"{address}/healthz", timeout=60).read()
        taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


def seen(page: Page, address: str, town: Town) -> None:
    """Milliseconds from the moment an event, or a line of an agent, is stored to the moment it is in the page."""
    page.goto(f"{address}/runs/{town['running']}")
    page.wait_for_function("document.getElementById('live').textContent === 'live'")
    runs = SqlRuns(town.engine)
    line = {"run_id": town["running"], "attempt": 1, "step": "code", "iteration": 2, "kind": "tool"}

    def say(text: str) -> None:
        runs.say(town["running"], "octocat", text)

    def tell(text: str) -> None:
        with town.engine.begin() as connection:
            connection.execute(activity.insert(), [{**line, "text": text, "at": time.time()}])

    tell("first")
    page.wait_for_selector("#lines li")
    for what, store in (("an event", say), ("a line of an agent", tell)):
        taken = sorted(once(page, f"{what} number {number}", store) for number in range(ROUNDS))
        print(f"{what}, from stored to seen: median {statistics.median(taken):.0f} ms, p95 {taken[int(ROUNDS * 0.95)]:.0f} ms")


def once(page: Page, text: str, store: object) -> float:
    """One of them."""
    time.sleep(random.uniform(0, 0.6))  # not in step with the stream's own beat
    begun = time.time() * 1000
    store(text)  # type: ignore[operator]  # a function of a text
    return float(page.evaluate(SEEN, text)) - begun


def _many_files() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main(count: int) -> None:
    _many_files()
    data = Path(tempfile.mkdtemp(prefix="slipway-bench-"))
    try:
        town = place.build(data)
        with listening() as (listener, address):
            server = FORK.Process(target=serve, args=(data, listener))
            server.start()
            assert server.pid is not None
            audience(address, server.pid, town, SEATS)
            crowd(address, server.pid, town["running"], count)
            server.terminate()
            server.join(20)
        with listening() as (listener, address):
            app = web(town, bind=address.removeprefix("http://")).app
            with serving(app, listener), sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=needs.browser(), args=["--no-sandbox", "--disable-gpu"])
                seen(browser.new_page(), address, town)
                browser.close()
        town.engine.dispose()
    finally:
        shutil.rmtree(data)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else LISTENERS)
