"""The agents that can work. To add one: a file here with an adapter, and a line in the table."""

from collections.abc import Mapping

from infra.agents.adapter import Adapter
from infra.agents.claude import Claude
from infra.agents.codex import Codex
from infra.agents.command import CommandAgent
from infra.agents.gemini import Gemini
from infra.agents.opencode import Opencode
from infra.agents.scripted import Scripted

AGENTS: Mapping[str, Adapter] = {
    "claude": Claude(),
    "codex": Codex(),
    "opencode": Opencode(),
    "gemini": Gemini(),
    "command": CommandAgent(),
    "scripted": Scripted(),
}
