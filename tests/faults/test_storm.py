"""Webhooks that come twice, in any order, or late."""

from pathlib import Path

from tests.faults.storm import ASKING, storm


def test_a_storm_of_doubled_shuffled_and_withheld_webhooks_makes_exactly_the_runs_asked_for(tmp_path: Path) -> None:
    """Proves: I01, I03, F05, F07, F14, F20."""
    weather = storm(tmp_path, deliveries=240, seed=5)
    assert weather.sent > weather.distinct == weather.rows == 240
    assert weather.answers.keys() == {202}
    assert weather.runs == weather.asked == 240 // ASKING
    assert weather.problems == []
