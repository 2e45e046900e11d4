"""Where untrusted programs run: agents, gates and setup commands alike."""

from infra.sandbox.bubblewrap import Bubblewrap
from infra.sandbox.confinement import (
    BROKER_PORT,
    CHECKOUT,
    EGRESS_PORT,
    Bind,
    Confinement,
    Mount,
    Network,
    Overlay,
    Sandbox,
    Session,
    limited,
)
from infra.sandbox.unconfined import Unconfined

__all__ = [
    "BROKER_PORT",
    "CHECKOUT",
    "EGRESS_PORT",
    "Bind",
    "Bubblewrap",
    "Confinement",
    "Mount",
    "Network",
    "Overlay",
    "Sandbox",
    "Session",
    "Unconfined",
    "limited",
]
