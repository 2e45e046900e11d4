"""What the pages tell a reader to type exists, and what they show as an example is taken by the service."""

import importlib
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from app import server_file
from app.cli.main import ENTRIES, cli
from jobs import config
from jobs.errors import REASONS

ROOT = Path(__file__).parents[1]
PAGES = sorted((*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")))
WORDS = {"…", "…`"}


def typed(text: str) -> Iterator[list[str]]:
    """The command lines of `slipway` in a page: in spans of code and in blocks."""
    blocks = re.findall(r"^```(?:sh)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))]
    for line in (*lines, *spans):
        if match := re.match(r"(?:[A-Z_]+=\S+ )?(?:\.venv/bin/)?slipway ((?!\S*[:.])[a-z].*)", line):
            yield shlex.split(match[1].split(" > ")[0].replace("'", ""), comments=True)


def wrong(words: list[str]) -> str | None:
    """What is not there of a command line."""
    command: click.Command = cli
    for place, word in enumerate(words):
        if not isinstance(command, click.Group):
            return _unknown_option(command, words[place:])
        with click.Context(command) as context:
            found = command.get_command(context, word)
        if found is None:
            return f"no command {word!r}"
        command = found
    return None


def _unknown_option(command: click.Command, words: list[str]) -> str | None:
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help", "-h"}
    strange = [word for word in words if word.startswith("-") and word != "-" and word.partition("=")[0] not in known]
    return f"no option {strange[0]}" if strange else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    """Proves: 001-60, 001-61."""
    found = {" ".join(words): wrong(words) for words in typed(page.read_text()) if words[0] not in {"web|worker|keeper|up", "COMMAND"}}
    assert {line: text for line, text in found.items() if text} == {}


def test_the_pages_are_read_at_all() -> None:
    lines = [words for page in PAGES for words in typed(page.read_text())]
    assert len(lines) > 60
    assert wrong(["show", "RUN", "--evidense", "DIR"]) == "no option --evidense"
    assert wrong(["inbox", "reply", "7"]) == "no command 'reply'"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_of_configuration_are_taken(page: Path) -> None:
    for example in re.findall(r"^```yaml\n(version: 1\n.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        config.read(example)


def test_the_example_of_a_schedule_is_taken(tmp_path: Path) -> None:
    """Proves: 002-15. Syntax, format and an example stand on the page, and the example is what the server file takes."""
    page = (ROOT / "docs" / "operations.md").read_text()
    (example,) = re.findall(r"^```toml\n(\[\[schedule\]\]\n.*?)^```", page, re.MULTILINE | re.DOTALL)
    file = tmp_path / "slipway.toml"
    file.write_text(example)
    (schedule,) = server_file.read(file).schedule
    assert (schedule.cron, schedule.zone, schedule.missed) == ("30 2 * * 1", "Europe/Vienna", "run_once")


def test_a_canary_is_judged_by_reasons_that_exist() -> None:
    """Proves: 001-60. Staging, canary, soak and roll-back each have a step, and roll-back its triggers."""
    page = (ROOT / "docs" / "operations.md").read_text()
    careful = page[page.index("## A new version, carefully") :]
    assert all(f"**{step}" in careful for step in ("Before.", "Stage it on a clone.", "Canary.", "Soak.", "All.", "Go back"))
    triggers = re.findall(r"`([a-z]+_[a-z]+|poison)`", careful[careful.index("**Go back") :].partition("`slipway invariants`")[0])
    assert len(triggers) > 3
    assert set(triggers) - REASONS.keys() == set()


def test_the_page_about_testing_names_what_is_there() -> None:
    """Proves: 003-36, 000-34. Stories are in tests/stories."""
    page = (ROOT / "docs" / "testing.md").read_text()
    folders = re.findall(r"`(tests/[a-z_/]+|bench/)`", page)
    assert "tests/stories" in folders
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []
    modules = re.findall(r"`python -m ((?:tests|bench)\.[a-z_.]+)", page)
    assert len(modules) > 3
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []


def test_every_command_is_on_the_page_of_commands() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    assert [name for name in ENTRIES if f"`slipway {name}" not in page] == []
