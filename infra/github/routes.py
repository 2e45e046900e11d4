"""Every call this service makes of GitHub. There is no merge, no review, no workflow dispatch here, so nothing can ask for one."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Purpose(Enum):
    """What a token is for. It is narrowed to one repository and to the permissions of its purpose."""

    NOBODY = "nobody"  # no credentials: what is sent along is one
    PERSON = "person"  # the token of somebody who is signing in
    APP = "app"  # no token: the App's own JWT
    READ = "read"
    FETCH = "fetch"
    PUSH = "push"
    DELIVER = "deliver"
    STATUS = "status"
    CI = "ci"
    MEMBERS = "members"


PERMISSIONS: Mapping[Purpose, Mapping[str, str]] = {
    Purpose.READ: {"metadata": "read", "contents": "read", "issues": "read", "pull_requests": "read"},
    Purpose.FETCH: {"metadata": "read", "contents": "read"},
    Purpose.PUSH: {"metadata": "read", "contents": "write"},
    Purpose.DELIVER: {"metadata": "read", "pull_requests": "write"},
    Purpose.STATUS: {"metadata": "read", "issues": "write", "pull_requests": "write", "checks": "write"},
    Purpose.MEMBERS: {"metadata": "read", "members": "read"},
    Purpose.CI: {"metadata": "read", "checks": "read", "statuses": "read", "actions": "read"},
}


BY_CHOICE = frozenset({"members"})
"""Permissions the manifest does not ask for: whoever names teams in the server file grants them to the App by hand."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method, a URI template under the API's base, and what the token for it may do."""

    method: str
    template: str
    purpose: Purpose


REPO = "/repos/{owner}/{repo}"
ON_ISSUE = REPO + "/issues/{number}"
ON_COMMENT = REPO + "/issues/comments/{comment}"
ON_COMMIT = REPO + "/commits/{sha}"


class Route(Enum):
    """The table. A call that is not a row of it cannot be made."""

    CONVERT_MANIFEST = Endpoint("POST", "/app-manifests/{code}/conversions", Purpose.NOBODY)
    SIGN_IN = Endpoint("POST", "/login/oauth/access_token", Purpose.NOBODY)  # under the web's URL, not the API's
    ME = Endpoint("GET", "/user", Purpose.PERSON)
    MY_INSTALLATIONS = Endpoint("GET", "/user/installations{?per_page}", Purpose.PERSON)
    MY_REPOSITORIES = Endpoint("GET", "/user/installations/{installation}/repositories{?per_page}", Purpose.PERSON)
    APP = Endpoint("GET", "/app", Purpose.APP)
    INSTALLATIONS = Endpoint("GET", "/app/installations{?per_page}", Purpose.APP)
    TOKEN = Endpoint("POST", "/app/installations/{installation}/access_tokens", Purpose.APP)
    DELIVERIES = Endpoint("GET", "/app/hook/deliveries{?per_page,cursor}", Purpose.APP)
    DELIVERY = Endpoint("GET", "/app/hook/deliveries/{delivery}", Purpose.APP)
    REDELIVER = Endpoint("POST", "/app/hook/deliveries/{delivery}/attempts", Purpose.APP)
    USER = Endpoint("GET", "/users/{login}", Purpose.READ)
    SELECTED = Endpoint("GET", "/installation/repositories{?per_page}", Purpose.READ)
    REPOSITORY = Endpoint("GET", REPO, Purpose.READ)
    REPOSITORY_BY_ID = Endpoint("GET", "/repositories/{id}", Purpose.READ)
    CONTENT = Endpoint("GET", REPO + "/contents/{+path}{?ref}", Purpose.READ)
    BRANCH = Endpoint("GET", REPO + "/git/ref/heads/{branch}", Purpose.READ)
    PERMISSION = Endpoint("GET", REPO + "/collaborators/{login}/permission", Purpose.READ)
    TEAM_MEMBER = Endpoint("GET", "/orgs/{organization}/teams/{team}/memberships/{login}", Purpose.MEMBERS)
    ISSUES = Endpoint("GET", REPO + "/issues{?state,labels,since,sort,direction,per_page}", Purpose.READ)
    ISSUE = Endpoint("GET", ON_ISSUE, Purpose.READ)
    ISSUE_EVENTS = Endpoint("GET", ON_ISSUE + "/events{?per_page}", Purpose.READ)
    COMMENTS = Endpoint("GET", ON_ISSUE + "/comments{?per_page}", Purpose.READ)
    COMMENTS_SINCE = Endpoint("GET", REPO + "/issues/comments{?since,sort,direction,per_page}", Purpose.READ)
    PULL = Endpoint("GET", REPO + "/pulls/{number}", Purpose.READ)
    PULL_COMMENTS = Endpoint("GET", REPO + "/pulls/{number}/comments{?sort,direction,per_page}", Purpose.READ)
    BESIDE_SINCE = Endpoint("GET", REPO + "/pulls/comments{?since,sort,direction,per_page}", Purpose.READ)
    PULLS = Endpoint("GET", REPO + "/pulls{?state,head,sort,direction,per_page}", Purpose.READ)
    CHECK_RUNS = Endpoint("GET", ON_COMMIT + "/check-runs{?filter,per_page}", Purpose.CI)
    ANNOTATIONS = Endpoint("GET", REPO + "/check-runs/{check}/annotations{?per_page}", Purpose.CI)
    OUR_CHECKS = Endpoint("GET", ON_COMMIT + "/check-runs{?check_name,app_id,filter,per_page}", Purpose.STATUS)
    OUR_ANNOTATIONS = Endpoint("GET", REPO + "/check-runs/{check}/annotations{?per_page}", Purpose.STATUS)
    JOB_LOG = Endpoint("GET", REPO + "/actions/jobs/{job}/logs", Purpose.CI)
    COMMIT_STATUS = Endpoint("GET", ON_COMMIT + "/status{?per_page}", Purpose.CI)
    CREATE_PULL = Endpoint("POST", REPO + "/pulls", Purpose.DELIVER)
    UPDATE_PULL = Endpoint("PATCH", REPO + "/pulls/{number}", Purpose.DELIVER)
    REQUEST_REVIEWERS = Endpoint("POST", REPO + "/pulls/{number}/requested_reviewers", Purpose.DELIVER)
    ASSIGN = Endpoint("POST", ON_ISSUE + "/assignees", Purpose.DELIVER)
    SET_MILESTONE = Endpoint("PATCH", ON_ISSUE, Purpose.DELIVER)
    COMMENT_ON = Endpoint("POST", ON_ISSUE + "/comments", Purpose.STATUS)
    DELETE_COMMENT = Endpoint("DELETE", ON_COMMENT, Purpose.STATUS)
    EDIT_COMMENT = Endpoint("PATCH", ON_COMMENT, Purpose.STATUS)
    REACT_TO_ITEM = Endpoint("POST", ON_ISSUE + "/reactions", Purpose.STATUS)
    REACT_TO_COMMENT = Endpoint("POST", ON_COMMENT + "/reactions", Purpose.STATUS)
    REPLY_BESIDE = Endpoint("POST", REPO + "/pulls/{number}/comments/{comment}/replies", Purpose.STATUS)
    REACT_BESIDE = Endpoint("POST", REPO + "/pulls/comments/{comment}/reactions", Purpose.STATUS)
    ADD_LABELS = Endpoint("POST", ON_ISSUE + "/labels", Purpose.STATUS)
    REMOVE_LABEL = Endpoint("DELETE", ON_ISSUE + "/labels/{label}", Purpose.STATUS)
    CREATE_CHECK = Endpoint("POST", REPO + "/check-runs", Purpose.STATUS)
    UPDATE_CHECK = Endpoint("PATCH", REPO + "/check-runs/{check}", Purpose.STATUS)
