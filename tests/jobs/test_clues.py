"""Ids in texts, however they were pasted."""

import pytest

from jobs.clues import MOST, Clue, clues
from tests.delivery import runs

RUN, SHA, GUID, CALL = "ab12" * 8, "c" * 40, "b6c9d0f2-1234-4abc-8def-0123456789ab", "msg_" + "d" * 32


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (RUN, [Clue("run", RUN)]),
        ("Run `ab12ab12` · attempt 1", [Clue("beginning", "ab12ab12")]),
        (runs.RECEIPT.branch, [Clue("beginning", "ab12ab12")]),
        (f"https://slipway.example/runs/{RUN}", [Clue("run", RUN)]),
        (SHA, [Clue("commit", SHA)]),
        (f"https://github.com/acme/greeter/commit/{SHA}", [Clue("commit", SHA)]),
        (f"delivery={GUID} run={RUN}", [Clue("run", RUN), Clue("webhook", GUID)]),
        (CALL, [Clue("callback", CALL)]),
        ("acme/greeter#7", [Clue("item", "7", "acme/greeter")]),
        ("https://github.com/acme/greeter/pull/12", [Clue("item", "12", "acme/greeter")]),
        (
            "https://github.com/acme/greeter/issues/7#issuecomment-501",
            [Clue("item", "7", "acme/greeter"), Clue("said", "501")],
        ),
        ("https://github.com/acme/greeter/runs/31", [Clue("said", "31")]),
        ("#12", [Clue("number", "12")]),
        ("12", [Clue("number", "12")]),
        ("topic", [Clue("word", "topic")]),
        ("two words", []),
        ("", []),
        (" ", []),
    ],
)
def test_a_text_is_read_for_what_is_in_it(text: str, expected: list[Clue]) -> None:
    """Proves: I23, 001-06."""
    assert list(clues(text)) == expected


def test_a_text_full_of_ids_has_only_so_many_clues() -> None:
    assert len(clues(" ".join(f"acme/greeter#{n}" for n in range(1000)))) == MOST
