"""What a launch needs of the world outside its sandbox, as ports: a model, a network, the word that it is to stop, somebody who listens."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from infra.agents.adapter import Access
from infra.sandbox.confinement import Mount, Network
from jobs.errors import Refused
from jobs.evidence import Activity
from jobs.model import Run
from jobs.ports import Checkout
from jobs.rules import NetworkRule

KEYS = {
    "anthropic": "ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN",
    "openai": "OPENAI_API_KEY",
    "google": "GEMINI_API_KEY",
}


class StopFlag(Protocol):
    """Whether a run is to stop."""

    def requested(self, run_id: str) -> bool:
        """True once somebody asked for it, or once this worker does not hold the run any more."""
        ...


class Listeners(Protocol):
    """Whoever wants to know what an agent does while it works."""

    def tell(self, run: Run, lines: Sequence[Activity]) -> None:
        """The next lines of the run's present launch. Raises Fault when they cannot be kept, which is no harm to the launch."""
        ...


class Nobody:
    """`Listeners` where nobody listens."""

    def tell(self, run: Run, lines: Sequence[Activity]) -> None:
        """Nothing."""


class Checkouts(Protocol):
    """Shows the checkout of a run in a sandbox."""

    def mounts(self, run: Run, checkout: Checkout) -> tuple[Mount, ...]:
        """How a prepared checkout is mounted, for a `Confinement`. Raises Refused(`checkout_lost`)."""
        ...


class Models(Protocol):
    """The way to the models, which never gives a key away."""

    def check(self, provider: str) -> None:
        """Raises Refused(`provider_auth`) when there is no key for the provider, naming what to set."""
        ...

    def open(self, run: Run, provider: str, model: str | None = None) -> AbstractContextManager[Access]:
        """A way in for one launch with that model, closed with it. Raises as `check`."""
        ...


class Networks(Protocol):
    """What a sandbox may reach."""

    def open(self, run: Run, rule: NetworkRule) -> AbstractContextManager[Network]:
        """The network of one sandbox, closed with it."""
        ...


class NoModels:
    """`Models` of a server without any key."""

    def check(self, provider: str) -> None:
        """Refuses, and says what to set."""
        text = f"This agent works with a model of {provider}, and this server has no key for it."
        raise Refused("provider_auth", f"{text} Set {KEYS[provider]} for the worker, then retry.")

    def open(self, run: Run, provider: str, model: str | None = None) -> AbstractContextManager[Access]:
        """Refuses as `check`."""
        self.check(provider)
        raise AssertionError("unreachable")


class OpenNetworks:
    """`Networks` of a server without a sandbox: everything can be reached, so a rule that allows less is refused, and not ignored."""

    def open(self, run: Run, rule: NetworkRule) -> AbstractContextManager[Network]:
        """Raises Refused(`sandbox_unavailable`) for anything but `allow`."""
        if rule.mode != "allow":
            text = f"The network is to be {rule.mode!r}, and a server without a sandbox cannot hold anybody to that."
            raise Refused(
                "sandbox_unavailable", f'{text} Take `sandbox = "none"` out of the server file, or write `network: {{mode: allow}}`.'
            )
        return nullcontext(Network("allow"))


class PlainNetworks:
    """`Networks` without a proxy: nothing or everything. The sandbox refuses a rule that names hosts."""

    def open(self, run: Run, rule: NetworkRule) -> AbstractContextManager[Network]:
        """The rule's mode and no sockets."""
        return nullcontext(Network(rule.mode))
