"""The description of our own pull request after another run of ours changed it."""

from dataclasses import replace
from typing import Any

import pytest

from delivery.manager import Pull
from delivery.marks import marker
from delivery.plan import plan
from delivery.retelling import retold
from jobs import messages
from jobs.errors import Refused
from jobs.model import Run
from tests.delivery import runs
from tests.delivery.test_github import manager
from tests.fakes.forge import BOT, FakeForge

FIRST = plan(runs.run(), key=runs.KEY).body


def later(run_id: str = "cd34" * 8) -> Run:
    return runs.run(of=runs.on_pull(), id=run_id, summary="Says it louder.")


def test_what_the_first_run_said_stays_and_the_newest_says_what_is_new() -> None:
    """Proves: 004-36, I23."""
    second = retold(FIRST, later(), key=runs.KEY, page=lambda _: None)
    assert second == (
        f"{FIRST}\n\n"
        "**A later run changed this for `ada`**, on top of `bbbbbbbbbbbb`.\n\n"
        "> Says it louder.\n\n"
        "| Gate | Result | Time |\n| --- | --- | --- |\n| `tests` | passed | 12 s |\n\n"
        f"Run `{'cd34' * 8}` · attempt 1 · cost unknown · 12,345 tokens · delivery `d-2`\n\n"
        f"{marker(later(), runs.KEY)}"
    )
    third = retold(second, later("ef56" * 8), key=runs.KEY, page=lambda _: None)
    assert third == second.replace("cd34" * 8, "ef56" * 8).replace(marker(later(), runs.KEY), "").rsplit("\n\n", 1)[0] + (
        f"\n\n{marker(later('ef56' * 8), runs.KEY)}"
    )


@pytest.mark.parametrize(
    "body",
    [
        "Written by a person.",
        "",
        FIRST.replace(marker(runs.run(), runs.KEY), marker(runs.run(), b"guess")),
        FIRST + marker(later(), runs.KEY),
    ],
    ids=["person", "empty", "forged", "told already"],
)
def test_what_is_not_ours_or_told_already_is_left(body: str) -> None:
    """Proves: T37."""
    assert retold(body, later(), key=runs.KEY, page=lambda _: None) is None


def test_a_mark_of_another_repository_is_none_here() -> None:
    """Proves: I21."""
    moved = replace(later().request, repository=replace(runs.REPOSITORY, id=43))
    assert retold(FIRST, replace(later(), request=moved), key=runs.KEY, page=lambda _: None) is None


def test_the_mark_is_there_however_long_it_was() -> None:
    """Proves: I20."""
    long = FIRST.replace("Greets in French.", "x" * messages.MOST_PAGE)
    told = retold(long, later(), key=runs.KEY, page=lambda _: None)
    assert told
    assert told.endswith(marker(later(), runs.KEY))


def ours(forge: FakeForge, **changes: Any) -> None:
    pull = Pull(9, "https://forge.example/pull/9", runs.BASE, "topic", runs.REPOSITORY.id, BOT, True, False, False, FIRST)
    forge.pulls.append(replace(pull, **changes))
    forge.refs["refs/heads/topic"] = runs.BASE


def test_a_pull_request_of_ours_is_brought_up_to_date_once() -> None:
    """Proves: 004-36, I04."""
    forge = FakeForge()
    ours(forge)
    for _ in range(2):
        assert manager(forge).deliver(later()).warnings == ()
    assert forge.writes.count("update") == 1
    assert "Says it louder." in forge.pulls[0].body


def test_somebody_elses_with_our_words_in_it_is_left_and_a_refusal_is_a_warning() -> None:
    """Proves: T37."""
    forge = FakeForge()
    ours(forge, author=11)
    assert manager(forge).deliver(later()).warnings == ()
    assert "update" not in forge.writes
    forge = FakeForge(refuse={"update": Refused("github_refused", "Not accessible.")})
    ours(forge)
    assert manager(forge).deliver(later()).warnings == ("GitHub did not take the description: Not accessible.",)
