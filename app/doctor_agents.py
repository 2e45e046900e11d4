"""The checks of `slipway doctor` that are about agents: which are there, and what became of them lately."""

from sqlalchemy.exc import SQLAlchemyError

from app.examined import Found, scratch, store
from app.probing import SAID
from app.settings import Settings
from app.wording import ago
from infra.agents.access import KEYS
from infra.agents.adapter import Adapter
from infra.agents.programs import find
from infra.agents.table import AGENTS
from infra.agents.versions import Versions
from infra.clock import SystemClock
from infra.sandbox import Bubblewrap, Unconfined
from infra.store.probes import SqlProbes
from jobs.errors import Fault

LATELY_S = 7 * 86_400.0
MOST_TOLD = 5
BAD = ("AgentBroke", "AgentVanished")


def agents_are_there(settings: Settings) -> Found:
    """Which agents are installed, each asked for its version inside the sandbox, and whether their provider's key is set."""
    told = [_agent(name, adapter, settings) for name, adapter in AGENTS.items() if adapter.program]
    found = [(name, text) for name, text in told if text]
    if not found:
        names = ", ".join(f"{name} ({AGENTS[name].install})" for name, _ in told)
        return Found("warn", f"None is installed, so only programs of a repository's own (agent: command) can work. To be had: {names}.")
    bad = any("cannot" in text or "no key" in text for _, text in found)
    return Found("warn" if bad else "ok", "; ".join(f"{name} {text}" for name, text in found))


def _agent(name: str, adapter: Adapter, settings: Settings) -> tuple[str, str]:
    """What is found of an agent; nothing for one that is not installed."""
    program = find(adapter.program, settings.path)
    if program is None:
        return name, ""
    with scratch(settings) as place:
        sandbox = Unconfined() if settings.server.sandbox == "none" else Bubblewrap(place)
        try:
            version = Versions(sandbox).of(name, adapter, program)
            return name, version if adapter.provider in _keyed(settings) else f"{version} (no key: set {KEYS[adapter.provider or '']})"
        except Fault as fault:
            return name, f"cannot work: {fault.reason.text}"


def _keyed(settings: Settings) -> frozenset[str | None]:
    """The providers there is a key for."""
    keys = {
        "anthropic": settings.anthropic_api_key or settings.claude_code_oauth_token,
        "openai": settings.openai_api_key,
        "google": settings.gemini_api_key,
    }
    return frozenset({None, *(provider for provider, key in keys.items() if key)})


def agents_stayed(settings: Settings) -> Found:
    """What the keepers saw become of agents lately, on every host; a warning while one that was there cannot work."""
    try:
        with store(settings) as engine:
            if engine is None:
                return Found("ok", "nobody has looked yet")
            probes = SqlProbes(engine)
            events, unwell = probes.events(LATELY_S), [row for row in probes.listing() if row["state"] != "ok"]
    except (Fault, SQLAlchemyError):
        return Found("warn", "not looked: the store does not open, see above")
    now = SystemClock().now()
    told = [
        f"{ago(row['at'], now)} {row['agent']} on {row['host']}: {SAID[row['type']]} ({row['was']} → {row['version']})" for row in events
    ]
    more = f"; and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
    said = "; ".join(told[:MOST_TOLD]) + more if told else "nothing changed in the last seven days"
    if unwell:
        names = ", ".join(f"{row['agent']} on {row['host']} is {row['state']}" for row in unwell)
        return Found("warn", f"{names}. Mend or install it there; one that is gone is missed for a day. Lately: {said}")
    return Found("ok", said)
