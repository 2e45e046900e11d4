"""JUnit XML, as most test runners write it."""

import re

from junitparser import Error, Failure, JUnitXml, JUnitXmlError, TestCase
from junitparser.junitparser import Result

from jobs.evidence import Finding
from jobs.gates.reports.broken import BrokenReport, bounded
from jobs.gates.reports.places import mentioned, placed, said

MOST = 100
_DECLARATION = re.compile(r"^\ufeff?\s*<\?xml[^>]{0,200}\?>")


def read(data: bytes, gate: str, root: str) -> tuple[Finding, ...]:
    """A finding for every failed test, with the line of the repository it failed at. Raises BrokenReport."""
    text = _declared_plainly(data)
    try:
        cases = [case for suite in JUnitXml.fromstring(text) for case in suite]
        failed = [(case, result) for case in cases for result in case.result if isinstance(result, Failure | Error)]
    except (JUnitXmlError, SyntaxError, ValueError, RecursionError) as error:
        raise BrokenReport(f"it is not JUnit XML: {said(str(error))[:200]}") from error
    return tuple(_finding(case, result, gate, root) for case, result in failed[:MOST])


def _declared_plainly(data: bytes) -> bytes:
    """The document, if it is UTF-8 without a document type: no entity is ever declared, so none can grow."""
    try:
        text = _DECLARATION.sub("", bounded(data, b"<").decode(), count=1)
    except UnicodeDecodeError as error:
        raise BrokenReport("it is not UTF-8") from error
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise BrokenReport("it declares a document type, which no test runner needs")
    return text.encode()


def _finding(case: TestCase, result: Result, gate: str, root: str) -> Finding:
    name = ".".join(filter(None, [case.classname, case.name])) or "a test without a name"
    told = "\n".join(filter(None, [result.message, result.text]))
    path, line = placed(_attribute(case, "file"), root), _attribute(case, "line")
    if path is None:
        path, number = mentioned(result.text or "", root)
    else:
        number = int(line) if line and line.isdigit() else None
    return Finding(gate, said(f"{name}: {told or 'failed'}"), path, number)


def _attribute(case: TestCase, name: str) -> str | None:
    value = case._elem.get(name)
    return value if isinstance(value, str) else None
