"""What an agent is told about its role: a file for each. The words of the task come around it (`jobs.briefs`).

A repository may have files of its own in their place (`prompts` of its configuration), but not in the place of `ALWAYS` and `CLOSING`.
"""

from collections.abc import Mapping
from importlib.resources import files


def _template(name: str) -> str:
    return files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8")


ALWAYS = _template("always")
ROLES: Mapping[str, str] = {role: _template(role) for role in ("planner", "implementer", "reviewer", "custom")}
CLOSING: Mapping[str, str] = {
    "reviewer": "After your comments, end with one line that is either `Decision: approve` or `Decision: reject`.\n"
}
"""What the service cannot do without, said after a repository's own words."""
