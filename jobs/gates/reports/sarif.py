"""SARIF, as linters and scanners write it: the few fields of it that become findings."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from jobs.evidence import Finding
from jobs.gates.reports.broken import BrokenReport, bounded
from jobs.gates.reports.places import from_uri, said

MOST = 200
LEVELS = {"error": "failure", "warning": "warning", "note": "notice", "none": "notice"}


class Part(BaseModel):
    """A part of a SARIF log; what is not used is not looked at."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class Message(Part):
    """What is said."""

    text: str = ""


class Artifact(Part):
    """A file."""

    uri: str | None = None


class Region(Part):
    """A place in a file."""

    start_line: Annotated[int, Field(ge=1, le=10**8)] | None = None


class Physical(Part):
    """A file and a place in it."""

    artifact_location: Artifact = Artifact()
    region: Region = Region()


class Location(Part):
    """Where a result is."""

    physical_location: Physical = Physical()


class Configuration(Part):
    """How a rule is set."""

    level: str | None = None


class SarifRule(Part):
    """A rule of a tool."""

    id: str = ""
    default_configuration: Configuration = Configuration()


class Driver(Part):
    """The tool itself."""

    name: str = ""
    rules: tuple[SarifRule, ...] = ()


class Tool(Part):
    """Tool and extensions."""

    driver: Driver = Driver()


class Result(Part):
    """One thing a tool found."""

    rule_id: str | None = None
    level: str | None = None
    kind: str = "fail"
    message: Message = Message()
    locations: tuple[Location, ...] = ()
    suppressions: tuple[object, ...] | None = None


class SarifRun(Part):
    """One run of one tool."""

    tool: Tool
    results: tuple[Result, ...] | None = ()


class Log(Part):
    """A whole report."""

    version: str
    runs: tuple[SarifRun, ...]


def read(data: bytes, gate: str, root: str) -> tuple[Finding, ...]:
    """A finding for every result that is neither a pass nor suppressed, worst first. Raises BrokenReport."""
    bounded(data, b"{", b"[")
    try:
        log = Log.model_validate(json.loads(data.decode("utf-8-sig")))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BrokenReport(f"it is not SARIF: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise BrokenReport("it is not JSON") from error
    found = [_finding(result, levels, gate, root) for run, levels in _levels(log) for result in run.results or () if _counts(result)]
    found.sort(key=lambda finding: list(LEVELS.values()).index(finding.level))
    return tuple(found[:MOST])


def _counts(result: Result) -> bool:
    return result.kind in ("fail", "open", "review") and not result.suppressions


def _levels(log: Log) -> Iterator[tuple[SarifRun, Mapping[str, str]]]:
    """Each run with the levels its rules have by themselves; of rules with the same name, the first that has one."""
    for run in log.runs:
        rules = reversed(run.tool.driver.rules)
        yield run, {rule.id: rule.default_configuration.level for rule in rules if rule.default_configuration.level}


def _finding(result: Result, levels: Mapping[str, str], gate: str, root: str) -> Finding:
    place = result.locations[0].physical_location if result.locations else Physical()
    path = from_uri(place.artifact_location.uri, root)
    text = f"{result.rule_id}: {result.message.text}" if result.rule_id else result.message.text
    level = LEVELS.get(result.level or levels.get(result.rule_id or "", "warning"), "warning")  # a warning, as the standard has it
    return Finding(gate, said(text) or "no message", path, place.region.start_line if path else None, level)
