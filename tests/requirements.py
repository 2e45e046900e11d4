"""Brings the states in docs/requirements.md up to what the tests say: `python -m tests.requirements`."""

import re

from tests.test_requirements import TABLE, proved


def brought_up(text: str) -> str:
    """The table with proved and open where they belong."""
    shown = proved()
    return re.sub(
        r"^(\| (\d{3}-\d{2}) \| .+ \| )(?:proved|open)( \|)$",
        lambda row: f"{row[1]}{'proved' if row[2] in shown else 'open'}{row[3]}",
        text,
        flags=re.MULTILINE,
    )


if __name__ == "__main__":
    TABLE.write_text(brought_up(TABLE.read_text()))
