"""How numbers and names read: durations, ages, money, states."""


def counted(number: int, what: str) -> str:
    """`1 file`, `2 files`; for a word that takes an s, or ends in y."""
    many = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{number} {what if number == 1 else many}"


def duration(seconds: float | None) -> str:
    """`4.2 s`, `3 min 20 s`, `2 h 5 min`; a dash for what is not known."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} days"


def ago(at: float | None, now: float) -> str:
    """How long ago, or in how long, in words."""
    if not at:
        return "–"
    gone = now - at
    if abs(gone) < 5:
        return "just now"
    told = f"{abs(gone):.0f} s" if abs(gone) < 59.5 else duration(abs(gone) // 60 * 60)
    return f"{told} ago" if gone > 0 else f"in {told}"


def money(usd: float | None) -> str:
    """A cost; one nobody knows is a dash, never zero."""
    if usd is None:
        return "–"
    return f"${usd:.2f}" if usd >= 0.1 or usd == 0 else f"${usd:.4f}"


def words(name: str) -> str:
    """A state or an event's name as a person reads it."""
    return name.replace("_", " ")
