"""What people do on GitHub. Each changes the state and sends the webhook; `deliver=False` leaves it unsent in the list."""

from tests.fakes.github.people.branches import OnBranches
from tests.fakes.github.people.checks import OnChecks
from tests.fakes.github.people.items import OnItems
from tests.fakes.github.people.owners import OnAccounts


class People(OnItems, OnBranches, OnChecks, OnAccounts):
    """Everything people do."""


__all__ = ["People"]
