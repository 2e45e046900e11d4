"""The description of a pull request of ours that another run of ours pushed to: what it said, and then what is new. Pure."""

from delivery.marks import carries, first_proven, marker
from delivery.plan import Page
from jobs import messages
from jobs.markdown import paragraphs
from jobs.model import Run
from jobs.text import cut


def retold(body: str, run: Run, *, key: bytes, page: Page) -> str | None:
    """The new description; None for one that is not ours, that somebody rewrote, or that tells of this run already.

    What the first run said stays, with its mark; what a run between them said gives way to the newest.
    """
    end = None if carries(body, run, key) else first_proven(body, run.repository.scope, key)
    if end is None:
        return None
    room = messages.MOST_PAGE - len(body[:end].encode(errors="replace"))
    told = cut(messages.later_run(run, page(run.id)), max(0, room))
    return paragraphs(body[:end], told, marker(run, key))
