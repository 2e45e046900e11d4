"""A slice of the campaigns of local deliveries and of callbacks: see the modules that are commands."""

from pathlib import Path

from tests.faults import callback_weather, local_weather


def test_local_deliveries_with_a_fault_in_each_arrive_whole_or_not_at_all(tmp_path: Path) -> None:
    """Proves: F70, F74, F81, F83, F90, I04, I07."""
    ends, wrong = local_weather.campaign(tmp_path, 14, seed=7)
    assert wrong == []
    assert {end.partition(":")[0] for end in ends} == set(local_weather.FAULTS)


def test_callbacks_with_a_fault_in_each_arrive_with_one_id_and_one_body(tmp_path: Path) -> None:
    """Proves: F95, F96, F97, F99, F100, I10."""
    weather, wrong = callback_weather.campaign(tmp_path, 40, seed=7)
    assert wrong == []
    assert {*callback_weather.ANSWERS, *callback_weather.OURS} <= set(weather.faults)
