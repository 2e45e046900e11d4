"""An HTTP answer, and what it means: the one place where GitHub's statuses become faults. Pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

from jobs.errors import Fault, Refused

PAUSE_S = 60.0
"""How long to keep away after a secondary limit that names no time; GitHub asks for at least a minute."""
MOST_PAUSE_S = 86_400.0
MOST_SAID = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are lower case; `mask` is for GitHub's own words, which become reasons and evidence."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    mask: Callable[[str], str] = str

    @property
    def document(self) -> Any:
        """The body as JSON; None when it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def said(self) -> str:
        """GitHub's own words, short, on one line: the message and those of its errors."""
        document = self.document
        if not isinstance(document, dict):
            return ""
        errors = document.get("errors")
        details = [_detail(error) for error in errors] if isinstance(errors, list) else []
        text = " – ".join(part for part in (str(document.get("message") or ""), *details) if part)
        return "".join(mark if mark.isprintable() else " " for mark in self.mask(text))[:MOST_SAID]

    @property
    def date(self) -> float | None:
        """The server's clock, in seconds since the epoch."""
        try:
            return parsedate_to_datetime(self.headers["date"]).timestamp()
        except (KeyError, ValueError):
            return None


class Unauthorised(Fault):
    """401: the credentials are over or wrong. Nothing was done; new ones may do."""


class Moved(Refused):
    """A redirect that was not followed: the repository may have another name now. Nothing was done. `location` is where it led."""

    def __init__(self, code: str, text: str, *, location: str) -> None:
        super().__init__(code, text)
        self.location = location


class Declined(Refused):
    """GitHub understood and said no (4xx). `status` and `said` let the caller tell one no from another."""

    def __init__(self, code: str, text: str, *, status: int, said: str) -> None:
        super().__init__(code, text, evidence=said)
        self.status = status
        self.said = said


def verdict(answer: Answer, what: str, now: float) -> Fault | None:
    """The fault an answer stands for; None for a good one. `what` is the method and path, for the sentence.

    Status and headers decide; the body only where GitHub puts the difference nowhere else.
    """
    status = answer.status
    if status == 304 or (status in (200, 201, 202, 204) and _whole(answer)):
        return None
    if status < 300 or status >= 500:
        return _broken(answer, what)
    if status < 400:
        return Moved(
            "github_refused", f"GitHub has moved what {what} asked for ({answer.said}).", location=answer.headers.get("location", "")
        )
    return _barred(answer) or _limited(answer, now) or Declined("github_refused", _refusal(answer, what), status=status, said=answer.said)


def _barred(answer: Answer) -> Fault | None:
    """The fault of credentials that do not count, now or for the time being; None for any other 4xx."""
    if answer.status == 401:
        text = f"GitHub does not accept the App's credentials ({answer.said}). Run `slipway doctor` to check them."
        return Unauthorised("github_auth", text)
    if answer.status == 403 and "suspended" in answer.said.lower():
        text = "The App's installation is suspended. When an owner of the account unsuspends it, this goes on by itself."
        return Fault("installation_suspended", text)
    return None


def _limited(answer: Answer, now: float) -> Fault | None:
    """The fault of a primary or secondary rate limit; None for any other 403 or 4xx."""
    headers = answer.headers
    spent = headers.get("x-ratelimit-remaining") == "0"
    told = "retry-after" in headers or "rate limit" in answer.said.lower() or "abuse" in answer.said.lower()
    if answer.status != 429 and not (answer.status == 403 and (spent or told)):
        return None
    wait = _seconds(headers.get("retry-after"))
    if wait is None and spent:
        reset = _seconds(headers.get("x-ratelimit-reset"))
        wait = None if reset is None else reset - (answer.date or now)
    pause = min(max(PAUSE_S if wait is None else wait, 1.0), MOST_PAUSE_S)
    text = f"GitHub asked for a pause of {pause:.0f} seconds in this installation; this goes on by itself afterwards."
    return Fault("github_rate_limited", text, evidence=answer.said, retry_after=pause)


def _broken(answer: Answer, what: str) -> Fault:
    text = f"GitHub answered {what} with status {answer.status} and nothing usable. It is tried again; see githubstatus.com if it lasts."
    return Fault("github_unavailable", text, evidence=answer.said, retry_after=_seconds(answer.headers.get("retry-after")))


def _whole(answer: Answer) -> bool:
    """Whether a good status comes with what it promises: JSON, or nothing at all for 202 and 204."""
    if not answer.body:
        return answer.status in (202, 204)
    return "json" in answer.headers.get("content-type", "") and answer.document is not None


def _refusal(answer: Answer, what: str) -> str:
    said = answer.said or f"status {answer.status}"
    needed = answer.headers.get("x-accepted-github-permissions")
    if answer.status == 403 and needed:
        return f"GitHub refused {what}: {said}. The App needs one of the permissions {needed}; an owner can grant it in the App's settings."
    if answer.status in (404, 410):
        return (
            f"GitHub has nothing at {what} that this App may see. If it should be there, check that the App is installed on the repository."
        )
    return f"GitHub refused {what}: {said}."


def _detail(error: object) -> str:
    if not isinstance(error, dict):
        return str(error)
    return str(error.get("message") or " ".join(str(error[key]) for key in ("field", "code") if key in error))


def _seconds(value: str | None) -> float | None:
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return seconds if isfinite(seconds) else None
