"""A short campaign over a real `slipway up`; the long ones are run by hand: `python -m tests.faults.campaign`."""

from pathlib import Path

import pytest

from tests.faults.campaign import campaign
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
