"""docs/requirements.md and the docstrings of the tests say the same."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
TABLE = TESTS.parent / "docs" / "requirements.md"
ROW = re.compile(r"^\| (\d{3}-\d{2}) \| .+ \| (proved|open|practice) \|$", re.MULTILINE)
DEMAND = re.compile(r"\b\d{3}-\d{2}\b")


def proved() -> set[str]:
    """The demands that some test's docstring says it proves."""
    return {demand for path in TESTS.rglob("test_*.py") for demand in _claims(path)}


def _claims(path: Path) -> set[str]:
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    told = [ast.get_docstring(node) or "" for node in functions if node.name.startswith("test")]
    return {demand for text in told if "Proves:" in text for demand in DEMAND.findall(text.split("Proves:")[1])}


def test_the_table_says_proved_exactly_where_a_test_does() -> None:
    rows = dict(ROW.findall(TABLE.read_text()))
    assert len(rows) > 200
    assert proved() - rows.keys() == set(), "a test names a demand that is not in docs/requirements.md"
    said = {demand for demand, state in rows.items() if state == "proved"}
    practice = {demand for demand, state in rows.items() if state == "practice"}
    assert said - proved() == set(), "no test proves these: say open"
    assert proved() - said - practice == set(), "a test proves these: say proved"
