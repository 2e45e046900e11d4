"""A short campaign over a real `slipway up`; the long ones are run by hand: `python -m tests.faults.campaign`."""

from pathlib import Path

import pytest

from tests.faults.campaign import WELL, Report, campaign
from tests.needs import working_sandbox


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_twelve_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    """Proves: I01, I03, I04, I05, I06, I07, I08, I09, I10, I22, F01, F20, F21, F22, F24, F25, 001-01, 001-06, 001-09, 001-56."""
    working_sandbox(tmp_path / "probe")
    report = campaign(tmp_path / "home", kills=12, most_runs=4, seed=12, pause_s=2.0)
    assert report.problems == []
    assert len(report.kills) == 12
    assert sum(report.ends.values()) == 4
    assert report.command == f"exit 0: {WELL}"


@pytest.mark.parametrize(("code", "said"), [(1, "I05 a-run: it is running and its lease ended 99 s ago"), (0, ""), (2, WELL)])
def test_a_campaign_is_not_well_unless_the_operators_own_command_says_so(code: int, said: str) -> None:
    report = Report(seed=1)
    assert report.command == "was not asked"
    report.asked(code, said)
    assert report.problems == [f"slipway invariants, exit {code}: {said}"]
    assert f"invariants     exit {code}: {said}" in report.lines()
