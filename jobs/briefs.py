"""What an agent is told: the brief as data, and the prompt made from it. Words of others are cleaned, marked and attributed."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace

from jobs.evidence import Finding
from jobs.model import ItemKind, Run
from jobs.ports import Brief, Ports
from jobs.prompts import ALWAYS, CLOSING, ROLES
from jobs.text import cut, for_judging, for_prompt, visible

GUIDES = ("AGENTS.md", "CLAUDE.md", "CONTRIBUTING.md")
"""Where a repository tells people and agents how to work on it; the first that is there counts."""
MOST_TEXT = 64_000
MOST_GUIDE = 16_000
MOST_PATCH = 200_000
MOST_FINDINGS = 100
OTHERS = "Said beside lines of this pull request, and failing on its head, as others wrote it there"


def gathered(run: Run, ports: Ports) -> Brief:
    """The brief of the run's present iteration, with what only the repository knows.

    A pull request's own guide is not passed on as the repository's: whoever opened it may have written it.
    """
    told = brief(run, ports.ledger.messages(run))
    if run.request.head_sha is None:
        told = replace(told, guide=_guide(ports.workspaces.texts(run, GUIDES)))
    if told.role == "reviewer" and run.snapshot:
        told = replace(told, patch=cut(for_judging(ports.workspaces.patch(run, run.snapshot)), MOST_PATCH))
    return told


def brief(run: Run, messages: Sequence[str]) -> Brief:
    """The brief, as far as the run itself knows it."""
    request, step = run.request, run.current
    raw = (request.title, request.body, request.instructions, *messages)
    title, body, instructions, *said = (cut(for_prompt(text), MOST_TEXT) for text in raw)
    return Brief(
        run=run.id,
        step=step.name,
        role=step.role,
        iteration=run.iteration,
        title=title.replace("\n", " "),
        body=body,
        instructions=instructions,
        plan=cut(for_prompt(run.plan), MOST_TEXT),
        findings=tuple(_finding(finding) for finding in run.findings[:MOST_FINDINGS]),
        remarks=tuple(_finding(finding) for finding in request.remarks[:MOST_FINDINGS]),
        messages=tuple(said),
        prompt=step.prompt or "",
        template=run.rules.templates.get(step.role, ""),
        gates=tuple(f"{gate.name}: {' '.join(gate.run)}" for gate in run.rules.gates),
        protect=tuple(run.rules.protect),
        repository=run.repository.full_name,
        source=_source(run),
        hidden=sum(len(text.replace("\r\n", "\n")) - len(for_prompt(text)) for text in raw),
    )


def prompt(told: Brief) -> str:
    """The brief as text for standard input. The mark depends on every word of it, so that no text can have it inside."""
    mark = f"[{hashlib.sha256(repr(told).encode(errors='replace')).hexdigest()[:12]}]"
    role = f"{told.template.strip()}\n\n{CLOSING.get(told.role, '')}" if told.template.strip() else ROLES[told.role]
    parts = [ALWAYS.format(repository=told.repository or "under work", mark=mark), role, told.prompt, *_sections(told, mark)]
    return "\n".join(part.strip("\n") + "\n" for part in parts if part.strip())


def _sections(told: Brief, mark: str) -> Iterator[str]:
    """What is known, the most important first; every part that others wrote stands between marks nobody else knows."""
    yield _quoted(f"The task, as it stands {told.source}", f"{told.title}\n\n{told.body}", mark)
    if told.hidden:
        yield f"({told.hidden} characters of the task that no reader would see have been taken out.)"
    yield _quoted("What was asked for in particular, by somebody with the right to ask", told.instructions, mark)
    yield _quoted("The plan to follow", told.plan, mark)
    yield _quoted("Said since then, by people with the right to steer", "\n\n".join(told.messages), mark)
    yield _quoted(OTHERS, "\n".join(map(_line, told.remarks)), mark)
    yield _quoted(_again(told), "\n".join(_line(finding) for finding in told.findings), mark)
    yield _quoted("The change to judge", told.patch, mark)
    yield _quoted("How this repository is worked on", told.guide, mark)
    if told.role in ("implementer", "custom"):
        yield _listed("Checked afterwards, by the service itself", told.gates)
        yield _listed("Not to be touched: a change of these paths is refused", told.protect)


def _quoted(title: str, text: str, mark: str) -> str:
    return f"# {title}\n\n--- begin {mark}\n{text.strip()}\n--- end {mark}" if text.strip() else ""


def _listed(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"# {title}", "", *(f"- {line}" for line in lines)]) if lines else ""


def _again(told: Brief) -> str:
    return f"What was found wrong last time (this is iteration {told.iteration}; the checkout holds your earlier work)"


def _line(finding: Mapping[str, object]) -> str:
    place = f" {finding['path']}" if finding.get("path") else ""
    line = f":{finding['line']}" if place and finding.get("line") else ""
    return f"- {finding['gate']} ({finding['level']}){place}{line}: {finding['message']}"


def _finding(finding: Finding) -> Mapping[str, object]:
    return {**asdict(finding), "message": visible(finding.message), "path": visible(finding.path) if finding.path else None}


def _source(run: Run) -> str:
    """Where the task comes from; whoever wrote it there need not be who asked for the run."""
    source = run.request.source
    if source.item is ItemKind.NONE or source.number is None:
        return "in the request"
    return f"in {'issue' if source.item is ItemKind.ISSUE else 'pull request'} #{source.number}"


def _guide(texts: Mapping[str, str]) -> str:
    cleaned = (cut(for_prompt(texts.get(path, "")), MOST_GUIDE) for path in GUIDES)
    return next(filter(None, cleaned), "")
