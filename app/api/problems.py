"""What a caller is told when something is wrong: RFC 9457 problem documents that say what happened and what to do."""

from collections.abc import Mapping, Sequence

from starlette.responses import JSONResponse

TITLES: Mapping[int, str] = {
    400: "The request cannot be read",
    401: "Sign in first",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed here",
    409: "Not possible as things stand",
    413: "Too large",
    415: "Wrong kind of content",
    422: "The request is not valid",
    429: "Too many tries",
    500: "Something went wrong on our side",
    502: "The other side did not answer",
    503: "Not available right now",
}


class Problem(Exception):
    """An answer that is not the wanted one; `detail` says what happened and what to do."""

    def __init__(
        self, status: int, detail: str, headers: Mapping[str, str] | None = None, errors: Sequence[Mapping[str, str]] = ()
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = tuple(errors)

    @property
    def title(self) -> str:
        """The kind of problem in a few words."""
        return TITLES.get(self.status, "Refused")


class ProblemResponse(JSONResponse):
    """A problem as `application/problem+json`."""

    media_type = "application/problem+json"


def answer(problem: Problem) -> ProblemResponse:
    """The problem as a response."""
    body: dict[str, object] = {"type": "about:blank", "title": problem.title, "status": problem.status, "detail": problem.detail}
    if problem.errors:
        body["errors"] = list(problem.errors)
    return ProblemResponse(body, problem.status, dict(problem.headers))


def no_run() -> Problem:
    """What an unknown, foreign or shortened id is answered with."""
    return Problem(404, "There is no run with this id. An id is 32 characters and has to be whole; GET /api/v1/runs lists them.")
