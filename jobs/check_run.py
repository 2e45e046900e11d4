"""Every word a check run shows. Pure, as `jobs.messages`, whose words it shares."""

from jobs.evidence import Finding
from jobs.markdown import line, paragraphs
from jobs.messages import GONE_ON, MOST_PAGE, detail, findings, footer, gates, headline, why
from jobs.model import Run, RunState
from jobs.text import cut, for_markdown

MOST_TITLE = 110


def title(run: Run) -> str:
    """A line beside the check's name."""
    results = run.verified.results if run.verified else ()
    good = sum(result.passed for result in results)
    match run.state:
        case RunState.SUCCEEDED:
            passed = "gates passed" if run.rules.gates else "built-in checks passed; there are no other gates"
            return f"{good} of {len(results)} {passed}" if results else "Done"
        case RunState.FAILED | RunState.CANCELLED | RunState.REJECTED | RunState.PARKED:
            return _heading(run.reason.text if run.reason else "")
        case state:
            return GONE_ON.get(state, "Queued")


def _heading(text: str) -> str:
    """A reason as a title, which GitHub shows as plain text: no marks, and no half words."""
    shown = line(text, 1_000).replace("`", "")
    return shown if len(shown) <= MOST_TITLE else f"{shown[:MOST_TITLE].rpartition(' ')[0].rstrip(',;:.')} …"


def summary(run: Run, page: str | None) -> str:
    """The text above the annotations: of a run that waits for somebody or something, what for."""
    judged = "" if run.state is RunState.REJECTED else gates(run)
    told = detail(run) if run.state in (RunState.AWAITING_APPROVAL, RunState.PARKED) else why(run) if run.is_final else ""
    return cut(paragraphs(headline(run, None), told, judged, footer(run, page)), MOST_PAGE)


def text(run: Run) -> str:
    """The findings, whole enough to work with."""
    return cut(findings(run.findings), MOST_PAGE)


def annotation(finding: Finding) -> str:
    """What is said beside a line of the diff."""
    return for_markdown(finding.message, MOST_PAGE) or finding.gate


SUPERSEDED = (
    "Superseded by a newer check",
    "Slipway was interrupted while it began this check and began another for the same run on this commit. Look at the newer one.",
)
"""Title and summary of a check run that stands beside its run's own; GitHub has no way to delete one."""


def moved_on(sha: str) -> tuple[str, str]:
    """Title and summary of the check on a head that the delivered commit stands on."""
    return "Continued on a newer commit", f"Slipway delivered `{sha}`; its check is on that commit."
