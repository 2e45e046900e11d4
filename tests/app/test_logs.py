"""What is logged: one line an event, from us and from libraries, without secrets."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from app import logs
from app.settings import load

CANARY = "canary-9f8e7d6c5b4a39281706"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def said(tmp_path: Path, form: str | None = None) -> io.StringIO:
    environ = {"HOME": str(tmp_path), "SLIPWAY_API_TOKENS": CANARY, **({"SLIPWAY_LOG_FORMAT": form} if form else {})}
    stream = io.StringIO()
    logs.configure(load(environ), stream)
    return stream


def test_ours_and_a_librarys_events_are_json_lines_where_nobody_watches(tmp_path: Path) -> None:
    stream = said(tmp_path)
    structlog.get_logger("slipway.test").info("started", role="web", pid=7)
    logging.getLogger("some_dependency").warning("it is %s", "late")
    ours, theirs = (json.loads(line) for line in stream.getvalue().splitlines())
    assert {key: ours[key] for key in ("event", "role", "pid", "level", "logger")} == {
        "event": "started", "role": "web", "pid": 7, "level": "info", "logger": "slipway.test",
    }  # fmt: skip
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("it is late", "warning", "some_dependency")


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_secret_is_logged_not_even_by_a_traceback(tmp_path: Path, form: str) -> None:
    """Proves: I11."""
    stream = said(tmp_path, form)
    log = structlog.get_logger("slipway.test")
    log.info(f"with {CANARY}", header={"authorization": f"Bearer {CANARY}"})
    try:
        raise ValueError(f"bad token {CANARY}")
    except ValueError:
        log.exception("failed")
        logging.getLogger("some_dependency").exception("failed too")
    text = stream.getvalue()
    assert "ValueError" in text
    assert CANARY not in text


def test_talkative_libraries_are_heard_from_warnings_on(tmp_path: Path) -> None:
    stream = said(tmp_path)
    logging.getLogger("rq.worker").info("job OK")
    logging.getLogger("rq.worker").warning("job lost")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["job lost"]


def test_no_value_makes_a_line_without_end(tmp_path: Path) -> None:
    """Proves: 002-10. Cut after masking, so that no half of a secret is left at the edge."""
    stream = said(tmp_path)
    structlog.get_logger("slipway.test").warning("it said", text=f"{'x' * 1_000_000}{CANARY}the end", run="r" * 32)
    line = json.loads(stream.getvalue())
    assert len(stream.getvalue()) < 10_000
    assert line["text"].startswith("[… 1000") and line["text"].endswith("the end")
    assert (line["run"], CANARY in stream.getvalue()) == ("r" * 32, False)
