"""Payloads with something wrong in them; `python -m tests.app.bad_input` tries every one."""

from pathlib import Path

from tests.app.bad_input import hear, inputs


def test_a_field_that_is_gone_or_wrong_is_neither_a_5xx_nor_dropped_in_silence(tmp_path: Path) -> None:
    """Proves: F16."""
    found = hear(tmp_path, inputs(211, handled=True))
    assert found.problems == []
    assert found.sent == sum(found.answers.values()) > 100
    assert sum(found.states.values()) == found.answers["202 accepted"]
    assert {"done", "ignored", "dead"} == set(found.states)
