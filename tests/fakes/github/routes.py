"""Every call the fake knows: method, path, who may, which fields, and the function that answers. Anything else is a violation."""

from dataclasses import dataclass

from tests.fakes.github.answers import apps, checks, entrance, issues, pulls, repositories
from tests.fakes.github.calls import Answering

APP, ANY, PERSON, NOBODY = "app", "any", "person", "nobody"
"""Who may call, where it is not a permission: the App by its JWT; any installation; somebody signed in; nobody, without credentials."""

REPO = "/repos/{owner}/{repo}"
COMMENT_WRITE = "issues:write|pull_requests:write"
ITEM_READ = "issues:read|pull_requests:read"


@dataclass(frozen=True)
class Route:
    """One row. `query` and `fields` are all the parameters the service may send."""

    method: str
    template: str
    needs: str
    answer: Answering
    query: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()


def row(method: str, template: str, needs: str, answer: Answering, *, query: str = "", fields: str = "") -> Route:
    """A row with its parameters as words."""
    return Route(method, template, needs, answer, frozenset(query.split()), frozenset(fields.split()))


PAGES = "per_page page"
CHECK = "name head_sha details_url external_id status started_at conclusion completed_at output actions"
ROUTES: tuple[Route, ...] = (
    row("GET", "/app", APP, apps.get_app),
    row("GET", "/app/installations", APP, apps.list_installations, query=PAGES),
    row("GET", "/app/installations/{installation_id}", APP, apps.get_installation),
    row("POST", "/app/installations/{installation_id}/access_tokens", APP, apps.mint, fields="repository_ids repositories permissions"),
    row("GET", "/app/hook/deliveries", APP, apps.list_deliveries, query="per_page cursor"),
    row("GET", "/app/hook/deliveries/{delivery_id}", APP, apps.get_delivery),
    row("POST", "/app/hook/deliveries/{delivery_id}/attempts", APP, apps.redeliver),
    row("GET", f"{REPO}/installation", APP, apps.repository_installation),
    row("GET", "/installation/repositories", "metadata:read", apps.list_repositories, query=PAGES),
    row("GET", "/users/{username}", ANY, entrance.get_user),
    row("POST", "/app-manifests/{code}/conversions", NOBODY, entrance.convert),
    row("POST", "/login/oauth/access_token", NOBODY, entrance.exchange, fields="client_id client_secret code redirect_uri code_verifier"),
    row("GET", "/user", PERSON, entrance.get_me),
    row("GET", "/user/installations", PERSON, entrance.my_installations, query=PAGES),
    row("GET", "/user/installations/{installation_id}/repositories", PERSON, entrance.my_repositories, query=PAGES),
    row("GET", "/orgs/{org}/teams/{team_slug}/memberships/{username}", "members:read", entrance.get_membership),
    row("GET", "/_logs/{job_id}", NOBODY, checks.stored_log),
    row("GET", "/repositories/{repository_id}", "metadata:read", repositories.get_repository),
    row("GET", REPO, "metadata:read", repositories.get_repository),
    row("GET", f"{REPO}/contents/{{path}}", "contents:read", repositories.get_content, query="ref"),
    row("GET", f"{REPO}/git/ref/heads/{{branch}}", "contents:read", repositories.get_branch),
    row("GET", f"{REPO}/collaborators/{{username}}/permission", "metadata:read", repositories.get_permission),
    row("GET", f"{REPO}/issues", "issues:read", issues.list_issues, query=f"{PAGES} state labels sort direction since"),
    row("GET", f"{REPO}/issues/comments", ITEM_READ, issues.list_repository_comments, query=f"{PAGES} since sort direction"),
    row("GET", f"{REPO}/issues/comments/{{comment_id}}", ITEM_READ, issues.get_comment),
    row("PATCH", f"{REPO}/issues/comments/{{comment_id}}", COMMENT_WRITE, issues.update_comment, fields="body"),
    row("DELETE", f"{REPO}/issues/comments/{{comment_id}}", COMMENT_WRITE, issues.delete_comment),
    row("POST", f"{REPO}/issues/comments/{{comment_id}}/reactions", COMMENT_WRITE, issues.react_to_comment, fields="content"),
    row("GET", f"{REPO}/issues/{{issue_number}}", ITEM_READ, issues.get_issue),
    row("PATCH", f"{REPO}/issues/{{issue_number}}", COMMENT_WRITE, issues.update_issue, fields="milestone"),
    row("GET", f"{REPO}/issues/{{issue_number}}/events", ITEM_READ, issues.list_events, query=PAGES),
    row("GET", f"{REPO}/issues/{{issue_number}}/comments", ITEM_READ, issues.list_comments, query=f"{PAGES} since"),
    row("POST", f"{REPO}/issues/{{issue_number}}/comments", COMMENT_WRITE, issues.create_comment, fields="body"),
    row("GET", f"{REPO}/issues/{{issue_number}}/labels", ITEM_READ, issues.list_labels, query=PAGES),
    row("POST", f"{REPO}/issues/{{issue_number}}/labels", COMMENT_WRITE, issues.add_labels, fields="labels"),
    row("DELETE", f"{REPO}/issues/{{issue_number}}/labels/{{name}}", COMMENT_WRITE, issues.remove_label),
    row("POST", f"{REPO}/issues/{{issue_number}}/assignees", COMMENT_WRITE, issues.add_assignees, fields="assignees"),
    row("POST", f"{REPO}/issues/{{issue_number}}/reactions", COMMENT_WRITE, issues.react_to_issue, fields="content"),
    row("GET", f"{REPO}/pulls", "pull_requests:read", pulls.list_pulls, query=f"{PAGES} state head base sort direction"),
    row("POST", f"{REPO}/pulls", "pull_requests:write", pulls.create_pull, fields="title body head base draft maintainer_can_modify"),
    row("GET", f"{REPO}/pulls/comments", "pull_requests:read", pulls.list_all_review, query=f"{PAGES} since sort direction"),
    row("GET", f"{REPO}/pulls/{{pull_number}}", "pull_requests:read", pulls.get_pull),
    row("GET", f"{REPO}/pulls/{{pull_number}}/comments", "pull_requests:read", pulls.list_review, query=f"{PAGES} sort direction"),
    row("POST", f"{REPO}/pulls/comments/{{comment_id}}/reactions", "pull_requests:write", pulls.react_beside, fields="content"),
    row("POST", f"{REPO}/pulls/{{pull_number}}/comments/{{comment_id}}/replies", "pull_requests:write", pulls.reply, fields="body"),
    row("PATCH", f"{REPO}/pulls/{{pull_number}}", "pull_requests:write", pulls.update_pull, fields="title body state"),
    row("POST", f"{REPO}/pulls/{{pull_number}}/requested_reviewers", "pull_requests:write", pulls.request_reviewers, fields="reviewers"),
    row("GET", f"{REPO}/commits/{{ref}}/check-runs", "checks:read", checks.list_for_ref, query=f"{PAGES} check_name app_id filter status"),
    row("GET", f"{REPO}/commits/{{ref}}/check-suites", "checks:read", checks.list_suites, query=PAGES),
    row("GET", f"{REPO}/commits/{{ref}}/status", "statuses:read", checks.combined_status, query=PAGES),
    row("GET", f"{REPO}/actions/jobs/{{job_id}}/logs", "actions:read", checks.job_log),
    row("POST", f"{REPO}/check-runs", "checks:write", checks.create, fields=CHECK),
    row("GET", f"{REPO}/check-runs/{{check_run_id}}", "checks:read", checks.get),
    row("PATCH", f"{REPO}/check-runs/{{check_run_id}}", "checks:write", checks.update, fields=CHECK.replace("head_sha ", "")),
    row("GET", f"{REPO}/check-runs/{{check_run_id}}/annotations", "checks:read", checks.list_annotations, query=PAGES),
)
