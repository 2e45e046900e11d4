"""Records as the JSON GitHub answers with. `tests/contracts/test_github_schema.py` holds every shape to GitHub's own schema."""

from tests.fakes.github.shapes.checks import CheckShapes
from tests.fakes.github.shapes.common import Json, node, stamp
from tests.fakes.github.shapes.items import ItemShapes, head_sha


class Shapes(CheckShapes, ItemShapes):
    """Every shape."""


__all__ = ["Json", "Shapes", "head_sha", "node", "stamp"]
