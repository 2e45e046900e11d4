"""The table of commands, and how the command line says no."""

import importlib
from pathlib import Path

import click
import pytest

from app.cli.main import ENTRIES
from infra.store.keeping import SqlWorkers
from tests.app.cli.terminal import slipway
from tests.app.town import Town

LEADS = {"demo"}


def test_alone_it_says_what_to_do_next(tmp_path: Path) -> None:
    said = slipway(tmp_path)
    assert said.code == 0
    assert "slipway demo      see it work here, nothing configured" in said.out


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_every_command_of_the_table_is_there_and_explains_itself(name: str) -> None:
    module, _, attribute = ENTRIES[name].target.partition(":")
    command = getattr(importlib.import_module(module), attribute)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.help


def test_alone_it_knows_what_is_here(town: Town, tmp_path: Path) -> None:
    assert slipway(tmp_path / "none").out.endswith("\nNothing was started here yet. Next: slipway demo\n")
    assert "Next: slipway doctor" in slipway(tmp_path, SLIPWAY_BIND="nowhere").out
    assert slipway(town.data).out.endswith(f"\nA run waits for a yes to its plan. Next: slipway show {town['awaiting_approval']}\n")
    slipway(town.data, "pause", "--why", "Maintenance.")
    assert slipway(town.data).out.endswith("\nEverything is paused: Maintenance. Next: slipway resume\n")
    SqlWorkers(town.engine).bury(-60)
    assert slipway(town.data).out.endswith("\nNo worker runs. Next: slipway up\n")
    town.engine.dispose()
    (town.data / "store" / "slipway.db").write_bytes(b"not a database" * 100)
    broken = slipway(town.data)
    assert (broken.code, broken.err, "Next: slipway doctor" in broken.out) == (0, "", True)


def test_help_names_every_command(tmp_path: Path) -> None:
    out = slipway(tmp_path, "--help").out
    assert all(f"  {name} " in out for name in ENTRIES)


@pytest.mark.parametrize(
    ("argv", "err"),
    [
        (["frobnicate"], "slipway: No such command 'frobnicate'. Try 'slipway --help'.\n"),
        (["runs", "--sta", "x"], "slipway: No such option '--sta'. Did you mean '--state'? Try 'slipway runs --help'.\n"),
        (["show"], "slipway: Missing argument 'RUN'. Try 'slipway show --help'.\n"),
        (["inbox"], "slipway: Say what to do: list or replay. Try 'slipway inbox --help'.\n"),
        (
            ["schema"],
            "slipway: Missing argument '{config|api|callback|result}'. Choose from: config, api, callback, result."
            " Try 'slipway schema --help'.\n",
        ),
        (
            ["worker", "--queue", "agent"],
            "slipway: Invalid value for '--queue': 'agent' is not one of 'short', 'agents', 'test', 'callbacks'."
            " Try 'slipway worker --help'.\n",
        ),
    ],
)
def test_a_mistake_in_the_call_is_one_line_and_exit_2(tmp_path: Path, argv: list[str], err: str) -> None:
    said = slipway(tmp_path, *argv)
    assert (said.code, said.out, said.err) == (2, "", err)


def test_settings_that_cannot_be_used_are_told_one_a_line(tmp_path: Path) -> None:
    said = slipway(tmp_path, "runs", SLIPWAY_BIND="nowhere", SLIPWAY_WEBHOOK_SECRETS="short")
    assert said.code == 1
    assert [line.split(":")[:2] for line in said.err.splitlines()] == [
        ["slipway", " SLIPWAY_WEBHOOK_SECRETS"],
        ["slipway", " SLIPWAY_BIND"],
    ]


def test_colour_is_for_terminals_only(tmp_path: Path) -> None:
    assert "\x1b" not in slipway(tmp_path, "doctor").out


@pytest.mark.parametrize(
    ("words", "place", "offers"),
    [("slipway sh", "1", {"show"}), ("slipway inbox ", "2", {"list", "replay"}), ("slipway runs --st", "2", {"--state"})],
)
def test_the_shell_completes_commands_and_options(tmp_path: Path, words: str, place: str, offers: set[str]) -> None:
    said = slipway(tmp_path, _SLIPWAY_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=place)
    assert {line.split(",")[1] for line in said.out.splitlines()} == offers


def test_the_shell_completes_run_ids(town: Town) -> None:
    said = slipway(town.data, _SLIPWAY_COMPLETE="bash_complete", COMP_WORDS=f"slipway stop {town['queued'][:6]}", COMP_CWORD="2")
    assert said.out == f"plain,{town['queued']}\n"
