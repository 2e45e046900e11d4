"""Issues and pull requests, and what hangs on them."""

from tests.fakes.github import gitside
from tests.fakes.github.shapes.common import Common, Json, node, stamp
from tests.fakes.github.state import Comment, Issue, IssueEvent, Milestone, Repository, Review, ReviewComment, User


class ItemShapes(Common):
    """Renders them."""

    def _item(self, repo: Repository, item: Issue) -> Json:
        """What issues and pull requests have in common."""
        return {
            "id": item.id,
            "number": item.number,
            "state": item.state,
            "locked": item.locked,
            "active_lock_reason": None,
            "title": item.title,
            "body": item.body,
            "user": self.user(item.user),
            "labels": [self.label(repo, label) for label in item.labels],
            "assignees": [self.user(user) for user in item.assignees],
            "assignee": self.user(item.assignees[0]) if item.assignees else None,
            "milestone": self.milestone(repo, repo.milestones[item.milestone]) if item.milestone else None,
            "author_association": self.association(repo, item.user),
            "created_at": stamp(item.created_at),
            "updated_at": stamp(item.updated_at),
            "closed_at": stamp(item.closed_at),
            "comments": sum(c.number == item.number for c in repo.comments.values()),
        }

    def issue(self, repo: Repository, item: Issue) -> Json:
        """An issue, with the `pull_request` key when it is one."""
        url, html = f"{self.api}/repos/{repo.full_name}/issues/{item.number}", f"{self.web}/{repo.full_name}"
        shape = self._item(repo, item) | {
            "node_id": node("Issue", item.id),
            "url": url,
            "repository_url": f"{self.api}/repos/{repo.full_name}",
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "timeline_url": f"{url}/timeline",
            "html_url": f"{html}/{'pull' if item.pull else 'issues'}/{item.number}",
            "state_reason": None,
            "performed_via_github_app": None,
            "reactions": self.reactions(url, item.reactions),
        }
        if item.pull:
            pull = f"{self.api}/repos/{repo.full_name}/pulls/{item.number}"
            page = f"{html}/pull/{item.number}"
            merged = stamp(item.pull.merged_at)
            links = {"url": pull, "html_url": page, "diff_url": f"{page}.diff", "patch_url": f"{page}.patch", "merged_at": merged}
            shape |= {"draft": item.pull.draft, "pull_request": links}
        return shape

    def comment(self, repo: Repository, comment: Comment) -> Json:
        """A comment of an issue or pull request."""
        url = f"{self.api}/repos/{repo.full_name}/issues/comments/{comment.id}"
        issue = f"{self.api}/repos/{repo.full_name}/issues/{comment.number}"
        return {
            "id": comment.id,
            "node_id": node("IssueComment", comment.id),
            "url": url,
            "html_url": f"{self.web}/{repo.full_name}/issues/{comment.number}#issuecomment-{comment.id}",
            "issue_url": issue,
            "body": comment.body,
            "user": self.user(comment.user),
            "author_association": self.association(repo, comment.user),
            "created_at": stamp(comment.created_at),
            "updated_at": stamp(comment.updated_at),
            "performed_via_github_app": None,
            "reactions": self.reactions(url, comment.reactions),
        }

    def review_comment(self, repo: Repository, comment: ReviewComment) -> Json:
        """A comment beside a line of a pull request."""
        pull = f"{self.api}/repos/{repo.full_name}/pulls/{comment.number}"
        url, page = f"{self.api}/repos/{repo.full_name}/pulls/comments/{comment.id}", f"{self.web}/{repo.full_name}/pull/{comment.number}"
        html = f"{page}#discussion_r{comment.id}"
        return {
            "url": url,
            "pull_request_review_id": comment.id,
            "id": comment.id,
            "node_id": node("PullRequestReviewComment", comment.id),
            "diff_hunk": "@@ -1 +1 @@",
            "path": comment.path,
            "commit_id": comment.sha,
            "original_commit_id": comment.sha,
            "line": comment.line,
            "original_line": comment.line or 1,
            "start_line": None,
            "original_start_line": None,
            "position": comment.line,
            "original_position": 1,
            "side": "RIGHT",
            **({"in_reply_to_id": comment.answers} if comment.answers else {}),
            "user": self.user(comment.user),
            "body": comment.body,
            "created_at": stamp(comment.created_at),
            "updated_at": stamp(comment.created_at),
            "html_url": html,
            "pull_request_url": pull,
            "author_association": self.association(repo, comment.user),
            "_links": {"self": {"href": url}, "html": {"href": html}, "pull_request": {"href": pull}},
            "reactions": self.reactions(url, comment.reactions),
        }

    def review(self, repo: Repository, review: Review) -> Json:
        """A review of a pull request as a whole."""
        pull, page = f"{self.api}/repos/{repo.full_name}/pulls/{review.number}", f"{self.web}/{repo.full_name}/pull/{review.number}"
        html = f"{page}#pullrequestreview-{review.id}"
        return {
            "id": review.id,
            "node_id": node("PullRequestReview", review.id),
            "user": self.user(review.user),
            "body": review.body or None,
            "commit_id": review.sha,
            "submitted_at": stamp(review.created_at),
            "state": review.state,
            "html_url": html,
            "pull_request_url": pull,
            "author_association": self.association(repo, review.user),
            "_links": {"html": {"href": html}, "pull_request": {"href": pull}},
        }

    def event(self, repo: Repository, event: IssueEvent) -> Json:
        """A line of an item's history."""
        shape = {
            "id": event.id,
            "node_id": node("IssueEvent", event.id),
            "url": f"{self.api}/repos/{repo.full_name}/issues/events/{event.id}",
            "actor": self.user(event.actor),
            "event": event.event,
            "commit_id": None,
            "commit_url": None,
            "created_at": stamp(event.created_at),
            "performed_via_github_app": None,
        }
        return shape | ({"label": {"name": event.label.name, "color": event.label.color}} if event.label else {})

    def milestone(self, repo: Repository, milestone: Milestone) -> Json:
        """A milestone."""
        url = f"{self.api}/repos/{repo.full_name}/milestones/{milestone.number}"
        return {
            "url": url,
            "html_url": f"{self.web}/{repo.full_name}/milestone/{milestone.number}",
            "labels_url": f"{url}/labels",
            "id": milestone.id,
            "node_id": node("Milestone", milestone.id),
            "number": milestone.number,
            "state": "open",
            "title": milestone.title,
            "description": None,
            "creator": self.user(milestone.creator),
            "open_issues": 0,
            "closed_issues": 0,
            "created_at": stamp(milestone.created_at),
            "updated_at": stamp(milestone.created_at),
            "closed_at": None,
            "due_on": None,
        }

    def _side(self, repo: Repository | None, ref: str, sha: str, owner: User) -> Json:
        return {
            "label": f"{owner.login}:{ref}",
            "ref": ref,
            "sha": sha,
            "user": self.user(owner),
            "repo": self.repository(repo) if repo else None,
        }

    def pull(self, repo: Repository, item: Issue, head_repository: Repository | None) -> Json:
        """A pull request as the lists show it. Its head sha is where the real branch stands."""
        assert item.pull
        url, page = f"{self.api}/repos/{repo.full_name}/pulls/{item.number}", f"{self.web}/{repo.full_name}/pull/{item.number}"
        issue = f"{self.api}/repos/{repo.full_name}/issues/{item.number}"
        sha = head_sha(item, head_repository)
        links = {
            "self": url,
            "html": page,
            "issue": issue,
            "comments": f"{issue}/comments",
            "review_comments": f"{url}/comments",
            "review_comment": f"{self.api}/repos/{repo.full_name}/pulls/comments{{/number}}",
            "commits": f"{url}/commits",
            "statuses": f"{self.api}/repos/{repo.full_name}/statuses/{sha}",
        }
        base = gitside.tip(repo.path, item.pull.base_ref) or gitside.ZERO
        return self._item(repo, item) | {
            "node_id": node("PullRequest", item.id),
            "url": url,
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "issue_url": issue,
            "commits_url": links["commits"],
            "review_comments_url": links["review_comments"],
            "review_comment_url": links["review_comment"],
            "comments_url": links["comments"],
            "statuses_url": links["statuses"],
            "merged_at": stamp(item.pull.merged_at),
            "merge_commit_sha": None,
            "requested_reviewers": [self.user(user) for user in item.pull.reviewers],
            "requested_teams": [],
            "head": self._side(head_repository, item.pull.head_ref, sha, head_repository.owner if head_repository else item.user),
            "base": self._side(repo, item.pull.base_ref, base, repo.owner),
            "_links": {key: {"href": value} for key, value in links.items()},
            "auto_merge": None,
            "draft": item.pull.draft,
        }

    def whole_pull(self, repo: Repository, item: Issue, head_repository: Repository | None) -> Json:
        """A pull request as asked for by its number."""
        assert item.pull
        merged = item.pull.merged_at is not None
        return self.pull(repo, item, head_repository) | {
            "merged": merged,
            "mergeable": None if merged else True,
            "rebaseable": None,
            "mergeable_state": "unknown" if merged else "clean",
            "merged_by": self.user(repo.owner) if merged else None,
            "review_comments": 0,
            "maintainer_can_modify": False,
            "commits": 1,
            "additions": 1,
            "deletions": 0,
            "changed_files": 1,
        }


def head_sha(item: Issue, head_repository: Repository | None) -> str:
    """Where the head of a pull request stands; the last known place once it is closed or its branch is gone."""
    assert item.pull
    if item.pull.frozen_sha or head_repository is None:
        return item.pull.frozen_sha or gitside.ZERO
    return gitside.tip(head_repository.path, item.pull.head_ref) or gitside.ZERO
