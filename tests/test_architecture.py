"""The shape of the engine, read from its source: one of each thing there is to be one of, values instead of callbacks, nothing large."""

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import subprocess
import sys
import typing
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import delivery
import handlers
import jobs
from delivery import DELIVERIES
from delivery.manager import DeliveryManager
from infra.bootstrap import CHECKS
from jobs import errors
from jobs.convergence import PARKS, POLICIES
from jobs.errors import REASONS, Class
from jobs.events import EVENTS
from jobs.model import Phase
from jobs.phases import PHASES
from jobs.ports import Ports
from jobs.rules import DeliveryRule
from tests.test_project import ROOT, project

ROOMS = ("app", "handlers", "jobs", "delivery", "infra")
MOST_LINES, MOST_IN_A_FUNCTION = 450, 45
LONG = {"infra/store/migrations/versions/r0001_tables.py"}
"""Tables as they first were: a list of columns, and never changed again."""


@cache
def trees() -> dict[str, ast.Module]:
    """The product's sources, parsed."""
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in paths}


@cache
def every() -> list[tuple[str, ast.AST]]:
    """Every node of every file."""
    return [(path, node) for path, tree in trees().items() for node in ast.walk(tree)]


@cache
def nodes(kind: type[ast.AST], where: str = "") -> list[tuple[str, typing.Any]]:
    return [(path, node) for path, node in every() if isinstance(node, kind) and path.startswith(where)]


@cache
def callers() -> dict[str, set[str]]:
    """The files that call a function or method of each name."""
    found = defaultdict(set)
    for path, call in nodes(ast.Call):
        named = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        found[named].add(path)
    return found


def importers(module: str, name: str) -> set[str]:
    """The files that import a name from a module."""
    return {path for path, node in nodes(ast.ImportFrom) if node.module == module and name in {one.name for one in node.names}}


def classes(package: typing.Any) -> Iterator[type]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(found.name)
        yield from (each for _, each in inspect.getmembers(module, inspect.isclass) if each.__module__ == module.__name__)


def test_there_is_one_engine_and_every_run_walks_it() -> None:
    """A worker's run and one of the command line go through the same loop, and only the loop knows the phases.

    Proves: 000-24, 000-31, 004-05, 004-09, 004-17.
    """
    assert importers("jobs.runner", "walk") | importers("jobs", "runner") == {"app/worker.py", "app/local_run.py"}
    assert importers("jobs.phases", "PHASES") == {"jobs/runner.py"}
    assert callers()["advance"] == {"infra/store/journal.py"}, "one function moves a run, and one place stores that"


def test_each_phase_is_one_function_in_a_file_of_its_own() -> None:
    """Proves: 003-27, 004-32."""
    assert set(PHASES) == set(Phase) - {Phase.DONE}
    homes = [phase.__module__ for phase in PHASES.values()]
    assert len(set(homes)) == len(homes)
    assert all(list(inspect.signature(phase).parameters) == ["run", "ports"] for phase in PHASES.values())
    assert all(inspect.signature(phase).return_annotation.__name__ == "Event" for phase in PHASES.values())


def test_there_is_one_way_to_start_an_agent_and_one_to_make_a_checkout() -> None:
    """Planner, implementer and reviewer are started by the same line, in a checkout from the same owner.

    Proves: 000-24, 000-25, 000-26.
    """
    assert {path for path in callers()["launch"] if path.startswith(("jobs/", "app/"))} == {"jobs/phases/build.py"}
    phases = {f"jobs/phases/{name}.py" for name in ("prepare", "build", "snapshot")}
    assert {path for path in callers()["prepare"] if path.startswith(("jobs/phases", "app/"))} == phases
    assert importers("infra.workspaces.local", "LocalWorkspaces") == {"app/wiring/work.py"}


def test_what_the_engine_carries_are_frozen_values_with_types() -> None:
    """Proves: 000-29, 004-11."""
    records = [each for package in (jobs, handlers, delivery) for each in classes(package) if dataclasses.is_dataclass(each)]
    assert len(records) > 80
    thawed = {each.__name__ for each in records if not each.__dataclass_params__.frozen}  # type: ignore[attr-defined]
    assert thawed <= {"_Reader"}, "only a parser moves along its text"
    assert project()["tool"]["mypy"]["strict"] is True  # type: ignore[index]
    assert set(typing.cast("list[str]", project()["tool"]["mypy"]["packages"])) == set(ROOMS)  # type: ignore[index]


def test_no_phase_port_or_handler_takes_a_callback() -> None:
    """The world is one frozen object of typed ports; a function as a parameter is only a pure question asked at once.

    Proves: 003-11, 004-07.
    """
    taken = {
        f"{path}:{node.name}"
        for room in ("jobs/", "handlers/", "delivery/")
        for path, node in nodes(ast.FunctionDef, room)
        for one in (*node.args.args, *node.args.kwonlyargs)
        if one.annotation and "Callable" in ast.unparse(one.annotation)
    }
    assert taken <= {"jobs/invariants.py:_by_run", "delivery/patience.py:looked_again"}
    ports = typing.get_type_hints(Ports)
    assert all("Callable" not in str(kind) for kind in ports.values())
    assert [field.name for field in dataclasses.fields(Ports)] == list(ports)


@pytest.mark.parametrize("kind", DELIVERIES)
def test_a_delivery_is_a_class_behind_one_narrow_interface(kind: str) -> None:
    """A forge more is one class with `deliver` and `retract`, and one line in the table. Proves: 004-21, 004-25."""
    asked = {name: member for name, member in vars(DeliveryManager).items() if inspect.isfunction(member) and not name.startswith("_")}
    assert 1 <= len(asked) <= 4
    for name, member in asked.items():
        assert list(inspect.signature(getattr(DELIVERIES[kind], name)).parameters) == list(inspect.signature(member).parameters)
    known = importers(DELIVERIES[kind].__module__, DELIVERIES[kind].__name__)
    assert known == {"app/wiring/work.py", "delivery/__init__.py"}, "nobody but the wiring knows which one it is"


def test_every_failure_has_a_class_and_every_class_its_policy() -> None:
    """Proves: 004-23, 003-23."""
    assert set(POLICIES) == set(Class)
    assert set(PARKS) <= set(Class)
    assert set(REASONS.values()) == set(Class)
    named = {
        node.args[0].value
        for _, node in nodes(ast.Call)
        if getattr(node.func, "id", "") in {"Fault", "Refused", "Reason", "Failure"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert named <= REASONS.keys(), "a failure is raised that nobody classified"
    assert len(named) > 40
    assert all(issubclass(each, Exception) for each in (errors.Fault, errors.Refused, errors.LeaseLost))


def test_commands_and_engine_speak_of_the_same_run() -> None:
    """No second model of a run: whoever acts on one, by comment, command line, page or API, moves it by the engine's events.

    Proves: 001-35.
    """
    runs = [f"{path}:{node.name}" for path, node in nodes(ast.ClassDef) if node.name in {"Run", "RunState", "RunRequest", "Phase"}]
    assert runs == ["jobs/model.py:RunState", "jobs/model.py:Phase", "jobs/model.py:RunRequest", "jobs/model.py:Run"]
    moved = {path for path, node in nodes(ast.Call) if getattr(node.func, "attr", "") == "record" and path.startswith("infra/store")}
    assert moved == {f"infra/store/{name}.py" for name in ("claims", "expiry", "journal", "ledger", "runs")}


def test_files_and_functions_are_small() -> None:
    """Proves: 004-06."""
    sizes = {path: (ROOT / path).read_text().count("\n") for path in trees() if path not in LONG}
    assert {path: lines for path, lines in sizes.items() if lines > MOST_LINES} == {}
    assert sum(lines > 300 for lines in sizes.values()) < len(sizes) / 20, "rarely over three hundred"
    assert sorted(sizes.values())[len(sizes) // 2] < 110, "the usual file is near a hundred lines"
    lengths = {
        f"{path}:{node.name}": node.end_lineno - node.lineno + 1
        for path, node in nodes(ast.FunctionDef)
        if path not in LONG and node.end_lineno
    }
    assert {name: lines for name, lines in lengths.items() if lines > MOST_IN_A_FUNCTION} == {}
    assert sorted(lengths.values())[len(lengths) // 2] <= 8, "the usual function is near eight"


@pytest.mark.parametrize("words", [words for words in CHECKS if words[0] != "python"], ids=" ".join)
def test_format_lint_types_and_layers_are_checked_with_every_test_run(words: tuple[str, ...]) -> None:
    """Proves: 000-29, 003-12."""
    program, *arguments = words
    checked = subprocess.run([Path(sys.executable).with_name(program), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_layers_and_coverage_are_what_is_checked() -> None:
    """Coverage only by `infra/bootstrap.py check`. Proves: 003-12, 004-24."""
    contracts = typing.cast("list[dict[str, object]]", project()["tool"]["importlinter"]["contracts"])  # type: ignore[index]
    assert contracts[0]["layers"] == ["app", "handlers | infra", "delivery", "jobs"]
    assert ("lint-imports",) in CHECKS
    assert "--cov-fail-under=85" in CHECKS[-1]


def test_tests_replace_ports_and_patch_nothing() -> None:
    """Proves: 000-28."""
    patched = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Import | ast.ImportFrom) and "mock" in ast.unparse(node).split())
        or (isinstance(node, ast.Attribute) and ast.unparse(node) in {"monkeypatch.setattr", "monkeypatch.setitem", "monkeypatch.delattr"})
    }
    assert patched == set()


def test_stories_are_told_in_their_own_folder_and_testing_is_documented() -> None:
    """Proves: 000-34, 003-36."""
    told = (ROOT / "docs" / "testing.md").read_text()
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name[0] not in "._"} - {"payloads"}
    assert {name for name in folders if f"`tests/{name}`" not in told and f"`tests/{name}/" not in told} == set()
    assert len(list((ROOT / "tests" / "stories").glob("test_*.py"))) > 10


def test_every_event_is_a_value_with_a_schema() -> None:
    """Proves: 001-05, 001-41."""
    assert all(dataclasses.is_dataclass(event) and event.__dataclass_params__.frozen for event in EVENTS)  # type: ignore[attr-defined]
    names = [event.__name__ for event in EVENTS]
    assert len(set(names)) == len(names)


def test_the_parts_of_the_reliability_refactor_are_modules_of_their_own() -> None:
    """Proves: 003-29. What keeps results, kinds of errors, who tries again, how a delivery may fail, checkouts, and what can happen."""
    keeps = importlib.import_module("infra.store.attempts")
    checkouts = importlib.import_module("infra.workspaces.local")
    assert callable(keeps.note)
    assert {Class.AGENT, Class.GATE, Class.GITHUB} <= set(POLICIES)
    assert typing.get_args(DeliveryRule.model_fields["mode"].annotation) == ("required", "best_effort", "disabled")
    assert inspect.isclass(checkouts.LocalWorkspaces)
    assert len(EVENTS) == len(set(EVENTS))
