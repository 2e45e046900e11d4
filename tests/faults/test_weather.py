"""GitHub fails somewhere on the way of a delivery."""

from pathlib import Path

from tests.faults.weather import FAULTS, weather


def test_each_delivery_that_meets_a_fault_is_one_pull_request_or_a_failure_with_a_name(tmp_path: Path) -> None:
    """Proves: F70, F71, F72, F73, F75, F76, F77, I04, I14."""
    found = weather(tmp_path, deliveries=len(FAULTS), seed=11)
    assert found.problems == []
    assert set(found.met) == set(FAULTS)
    assert sum(found.ended.values()) == len(FAULTS)
