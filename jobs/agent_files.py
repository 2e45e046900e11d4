"""Which files of a repository agents take for their own configuration, instructions and hooks, whatever an adapter switches off. Pure."""

import unicodedata

from jobs.text import visible

NAMES = frozenset((
    "claude.md", "claude.local.md", "agents.md", "agents.override.md", "gemini.md", "copilot-instructions.md", "conventions.md",
    ".mcp.json", "mcp.json", "opencode.json", "opencode.jsonc", ".aider.conf.yml", ".cursorrules", ".clinerules", ".windsurfrules",
    ".claude", ".claude-plugin", ".codex", ".gemini", ".geminiignore", ".opencode", ".cursor", ".agents", ".aiderignore", ".roo", ".kiro",
))  # fmt: skip
"""Names of files and directories, in any directory."""
WITHHELD = (".gemini/settings.json", ".gemini/.env")
"""Files whose hooks and servers a program cannot be told to leave alone: no agent sees them, whoever wrote them."""
ENDINGS = (".instructions.md", ".prompt.md", ".agent.md")


def is_agents(path: str) -> bool:
    """Whether `path` is such a file, or lies in such a directory; a doubt about letters is a yes."""
    return any(name in NAMES or name.endswith(ENDINGS) for name in folded(path).split("/"))


def folded(path: str) -> str:
    """`path` as a careless file system would compare it."""
    return path.lower() if path.isascii() else unicodedata.normalize("NFKC", visible(path)).casefold()
