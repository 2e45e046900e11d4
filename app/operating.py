"""What somebody who runs this installation does, as it is recorded: from the command line, the API or the dashboard."""

import os
import pwd
from dataclasses import replace

from jobs.model import Source


def name() -> str:
    """Who uses this terminal, for the record."""
    return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"


def again(source: Source) -> Source:
    """The source of a run that is asked for once more by an operator: the same item and person, another trigger."""
    return replace(source, trigger="api", comment=None)
