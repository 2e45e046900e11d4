"""Check runs, suites and statuses."""

from typing import Any

from tests.fakes.github import events, gitside
from tests.fakes.github.calls import Answer, Call, custom, invalid, paged, seen, writable
from tests.fakes.github.state import CheckRun, Repository
from tests.fakes.github.tokens import Deny

MOST_TEXT = 65_535
MOST_ANNOTATIONS = 50
LEVELS = ("notice", "warning", "failure")


def list_for_ref(call: Call) -> Answer:
    """Check runs of a commit, newest first, by name."""
    sha, name = _sha(call), call.query.get("check_name")
    app = call.query.get("app_id")
    rows = [
        check
        for check in sorted(call.repo.checks.values(), key=lambda check: -check.id)
        if check.head_sha == sha and (name is None or check.name == name) and (app is None or str(check.app.id) == app)
    ]
    return paged(call, seen(rows), lambda check: call.hub.shapes.check(call.repo, check), key="check_runs")


def list_suites(call: Call) -> Answer:
    sha = _sha(call)
    apps = {check.app.id: check.app for check in call.repo.checks.values()}
    rows = [(suite, app) for (app, at), suite in call.repo.suites.items() if at == sha]
    shapes = call.hub.shapes
    return paged(
        call, rows, lambda row: shapes.suite(call.repo, row[0], sha, _of_suite(call.repo, row[0]), apps[row[1]]), key="check_suites"
    )


def combined_status(call: Call) -> Answer:
    """The newest status of each context, and what they come to."""
    sha, hub = _sha(call), call.hub
    newest = {status.context: status for status in call.repo.statuses if status.sha == sha}
    states = {status.state for status in newest.values()}
    state = "failure" if states & {"failure", "error"} else "success" if states == {"success"} else "pending"
    url = f"{hub.shapes.api}/repos/{call.repo.full_name}/commits/{sha}"
    parts = {"statuses": [hub.shapes.status(call.repo, status) for status in newest.values()], "total_count": len(newest)}
    repository = hub.shapes.repository(call.repo)
    return Answer(200, {"state": state, "sha": sha, **parts, "repository": repository, "commit_url": url, "url": f"{url}/status"})


def create(call: Call) -> Answer:
    writable(call.repo)
    body, hub, repo = call.body, call.hub, call.repo
    if not body.get("name"):
        raise invalid("CheckRun", "name", "missing_field")
    if not gitside.has_commit(repo.path, str(body.get("head_sha", ""))):
        raise custom("CheckRun", f"No commit found for SHA: {body.get('head_sha')}")
    check = add(call, hub.app, body["name"], body["head_sha"])
    check.hidden_reads = hub.lag_reads
    _apply(check, body, hub.now())
    hub.emit("check_run", events.check_run(hub, repo, check, "created", call.actor))
    return Answer(201, hub.shapes.check(repo, check))


def get(call: Call) -> Answer:
    return Answer(200, call.hub.shapes.check(call.repo, _check(call)))


def update(call: Call) -> Answer:
    """Annotations are added to those that are there; the rest is replaced."""
    writable(call.repo)
    check = _check(call)
    if check.app.id != call.hub.app.id:
        raise Deny(403, "Resource not accessible by integration")
    before = check.status
    _apply(check, call.body, call.hub.now())
    if check.status == "completed" != before:
        call.hub.emit("check_run", events.check_run(call.hub, call.repo, check, "completed", call.actor))
    return Answer(200, call.hub.shapes.check(call.repo, check))


def list_annotations(call: Call) -> Answer:
    check = _check(call)
    return paged(call, check.annotations, lambda given: call.hub.shapes.annotation(call.repo, check, given))


def job_log(call: Call) -> Answer:
    """A redirect to where the text lies, which takes no token."""
    number = call.number("job_id")
    if number not in call.hub.logs:
        raise Deny(404, "Not Found")
    raise Deny(302, "Found", headers={"location": f"{call.hub.shapes.web}/_logs/{number}"})


def stored_log(call: Call) -> Answer:
    return Answer(200, call.hub.logs[call.number("job_id")])


def add(call: Call, app: Any, name: str, sha: str) -> CheckRun:
    """A queued check run in its app's suite for the commit."""
    hub, repo = call.hub, call.repo
    suite = repo.suites.setdefault((app.id, sha), hub.id())
    check = CheckRun(hub.id(), suite, app, name, sha, "queued", started_at=hub.now())
    repo.checks[check.id] = check
    return check


def _apply(check: CheckRun, body: dict[str, Any], now: float) -> None:
    """Put a request body on a check run. Raises Deny(422) for what GitHub refuses, before anything is changed."""
    output = body.get("output") or {}
    annotations = output.get("annotations") or []
    _limits(output, annotations, body.get("actions") or [])
    for key in ("title", "summary", "text"):
        setattr(check, key, output.get(key, getattr(check, key)))
    check.annotations += annotations
    check.actions = body.get("actions", check.actions)
    check.external_id = body.get("external_id", check.external_id)
    check.details_url = body.get("details_url", check.details_url)
    check.status = body.get("status", check.status)
    if body.get("conclusion"):
        check.conclusion, check.status, check.completed_at = body["conclusion"], "completed", now


def _limits(output: dict[str, Any], annotations: list[dict[str, Any]], actions: list[dict[str, str]]) -> None:
    if output and not (output.get("title") and output.get("summary")):
        raise invalid("CheckRun", "output", "missing_field")
    for key in ("summary", "text"):
        if len(output.get(key) or "") > MOST_TEXT:
            raise custom("CheckRun", f"Only {MOST_TEXT} characters are allowed; {len(output[key])} were supplied.")
    if len(annotations) > MOST_ANNOTATIONS:
        raise custom("CheckRun", f"No more than {MOST_ANNOTATIONS} items are allowed; {len(annotations)} were supplied.")
    if not all(map(_sound, annotations)):
        raise invalid("CheckRun", "annotations")
    if len(actions) > 3 or any(len(a["label"]) > 20 or len(a["identifier"]) > 20 or len(a["description"]) > 40 for a in actions):
        raise invalid("CheckRun", "actions")


def _sound(given: dict[str, Any]) -> bool:
    named = given.get("annotation_level") in LEVELS and given.get("path") and given.get("message")
    return bool(named) and 1 <= given["start_line"] <= given["end_line"]


def _check(call: Call) -> CheckRun:
    check = call.repo.checks.get(call.number("check_run_id"))
    if not check:
        raise Deny(404, "Not Found")
    return check


def _of_suite(repo: Repository, suite: int) -> list[CheckRun]:
    return [check for check in repo.checks.values() if check.suite == suite]


def _sha(call: Call) -> str:
    """A ref as a commit. Raises Deny(422)."""
    ref = call.vars["ref"]
    sha = gitside.tip(call.repo.path, ref) or ref
    if not gitside.has_commit(call.repo.path, sha):
        raise Deny(422, f"No commit found for SHA: {ref}")
    return sha
