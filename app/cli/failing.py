"""Which failures a command may end with, and the one line each is told in."""

from jobs.errors import Fault, UserError

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXPECTED = (UserError, Fault, OSError)


def told(error: BaseException) -> list[str]:
    """What happened and what to do: a line for each problem, which is one but for settings."""
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return [f"{error.strerror}{where}. Check the path and its permissions."]
    return [" ".join(line.split()) for line in str(error).splitlines() if line.strip()]
