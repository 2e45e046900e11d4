"""The one way a report can be unusable."""

MOST_PARTS = 500_000
"""Elements or values that a report may have: each costs far more memory than the few bytes it takes to write one."""


class BrokenReport(ValueError):
    """The report cannot be read; the text says why and is fit for a finding."""


def bounded(data: bytes, *marks: bytes) -> bytes:
    """`data`, if it does not have more parts than any honest report; `marks` begin one. Raises BrokenReport."""
    if sum(map(data.count, marks)) > MOST_PARTS:
        raise BrokenReport(f"it has more than {MOST_PARTS:,} parts")
    return data
