"""A process that slept between its last look and its answer says it when it wakes, when another has long said it: it stands once again."""

from pathlib import Path

import pytest

from tests.fakes.github.hooks import encoded
from tests.faults import matrix
from tests.faults.matrix import Stable, town
from tests.faults.points import Plan

SAID = "<!-- slipway:said="


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("point", ["before board.comment", "after board.comment"])
def test_an_answer_that_two_processes_gave_stands_once(stable: Stable, tmp_path: Path, point: str) -> None:
    """Proves: F28, I04, I14."""
    with town(tmp_path / "town", "github", stable) as made:
        assert made.github
        made.github.open_issue("Another one", "", number=8)
        made.github.comment(8, "/slipway stop")
        delivery = made.github.deliveries[-1]
        matrix.post(made, delivery.headers, encoded(delivery.payload).decode())
        made.posts.reverse()  # the answer is the first thing that is said
        assert matrix.play(made, Plan(point, "stall")) == []
        assert [SAID in comment.body for comment in made.github.comments(8)] == [True]
        posts = [call for call in made.github.calls("POST", "/repos/{owner}/{repo}/issues/{issue_number}/comments") if "/8/" in call.path]
        assert len(posts) == (2 if point.startswith("before") else 1)
