"""Installations of our App: made, changed, suspended, removed."""

from handlers.events import InstallationMoved
from handlers.facts import Facts
from handlers.intents import ForgetShared, InstallationChanged, Intent


def on_installation(event: InstallationMoved, facts: Facts) -> list[Intent]:
    """Whoever keeps runs and caches of the installation should look. Where it only grew, no run is touched."""
    shared = ForgetShared(event.installation)
    if event.change == "added":
        return [shared]
    return [shared, InstallationChanged(event.installation, event.change, event.repositories)]
