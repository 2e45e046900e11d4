"""The launcher's own ledger: whole lines, from any number of writers."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infra.agents.launches import LaunchLog, Line


def line(number: int) -> Line:
    return Line("r" * 32, number, "code", 1, "scripted", 1000.5 + number)


def test_writers_do_not_tear_each_others_lines(tmp_path: Path) -> None:
    """Proves: I06."""
    path = tmp_path / "launches.log"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: LaunchLog(path).append(line(number)), range(100)))
    assert sorted(found.attempt for found in LaunchLog(path).lines()) == list(range(100))


def test_a_line_cut_short_by_a_crash_is_no_launch(tmp_path: Path) -> None:
    """Proves: I06."""
    log = LaunchLog(tmp_path / "launches.log")
    log.append(line(1))
    with (tmp_path / "launches.log").open("a") as file:
        file.write('{"run":"r","att')
    assert list(log.lines()) == [line(1)]


def test_without_a_launch_there_is_no_ledger(tmp_path: Path) -> None:
    assert list(LaunchLog(tmp_path / "launches.log").lines()) == []
