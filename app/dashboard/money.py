"""What the budgets of a day come to, as a page shows it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.wording import money
from jobs.budget import DAY_S, MICRO


@dataclass(frozen=True, slots=True)
class Spent:
    """A budget of a day: whose, of what day, and how much of how much, in its unit and in words."""

    kind: str
    name: str
    day: str
    today: bool
    unit: str
    spent: int
    reserved: int
    most: int

    @property
    def taken(self) -> int:
        """What can no longer be set aside: spent, or set aside for runs at work."""
        return self.spent + self.reserved

    @property
    def full(self) -> bool:
        """Whether nothing is left."""
        return self.taken >= self.most

    def said(self, amount: int) -> str:
        """An amount of its unit, for people."""
        return money(amount / MICRO) if self.unit == "usd" else f"{amount:,} tokens"


def scopes(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """The repositories that the rows are about."""
    return {rest for kind, _, rest in (row["subject"].partition(" ") for row in rows) if kind == "repository"}


def spent(rows: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> list[Spent]:
    """Each row with the name of whom it is about; those nearest to their end first within a day."""
    found = [_spent(row, names) for row in rows]
    return sorted(found, key=lambda one: (-datetime.fromisoformat(one.day).timestamp(), -one.taken / max(1, one.most), one.name))


def _spent(row: Mapping[str, Any], names: Mapping[str, str]) -> Spent:
    kind, _, rest = row["subject"].partition(" ")
    name = names.get(rest, rest) if kind == "repository" else f"{'person' if kind == 'actor' else kind} {rest}"
    day = datetime.fromtimestamp(row["day"] * DAY_S, UTC).strftime("%Y-%m-%d")
    return Spent(kind, name, day, bool(row["today"]), row["unit"], row["spent"], row["reserved"], row["most"])
